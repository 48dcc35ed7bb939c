// How long a process that died waits to be started again.
#pragma once

#include <algorithm>

#include "vigil/base/time.hpp"

namespace vigil::app {

// One process's. Not at all the first time; then longer and longer, until one lives.
class Backoff {
 public:
  static constexpr Nanos kFirst = std::chrono::milliseconds(50);
  static constexpr Nanos kLongest = std::chrono::seconds(5);
  static constexpr Nanos kHealthy = std::chrono::seconds(10);

  // Before the next start of one that has served for `served`; zero: it never did.
  Nanos next(Nanos served) noexcept {
    const Nanos now = served >= kHealthy ? Nanos::zero() : pause_;
    pause_ = now == Nanos::zero() ? kFirst : std::min(2 * now, kLongest);
    return now;
  }

 private:
  Nanos pause_{};
};

}  // namespace vigil::app

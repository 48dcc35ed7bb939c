// Busy-polling: before a loop sleeps in the kernel, it asks again and again for a while. What comes
// meanwhile is met without a sleep and a wake-up, at the price of a processor's whole time.
#pragma once

#include <chrono>
#include <cstdint>

#include "vigil/base/time.hpp"

namespace vigil {

// How long a loop asks before it sleeps: at most `most` after something came last (0: it sleeps at
// once). `adaptive`: up to `most`, as long as what comes would come within it, else not at all.
struct Spin {
  Nanos most{};
  bool adaptive = false;
};

// What `adaptive` stands for where a program does not say how long.
inline constexpr Spin kAdaptiveSpin{.most = std::chrono::microseconds(200), .adaptive = true};

// What busy-polling has cost and brought so far.
struct SpinFigures {
  Nanos spent{};              // time that the loop kept a processor busy with asking
  std::uint64_t met = 0;      // times that something came while it asked
  std::uint64_t in_vain = 0;  // times that it gave up and slept
};

// For the loop: whether to ask once more or to sleep. Used on the loop's thread.
class Spinner {
 public:
  explicit Spinner(Spin how) noexcept
      : how_(how), limit_(how.adaptive ? Nanos::zero() : how.most) {}

  bool on() const noexcept { return how_.most > Nanos::zero(); }
  // Before a turn that may wait. True: ask; false: sleep.
  bool ask(Instant now) noexcept;
  // Something came in the turn.
  void came(Instant now) noexcept;
  const SpinFigures& figures() const noexcept { return figures_; }

 private:
  void adapt(Nanos waited) noexcept;
  void stop(Instant now) noexcept;

  Spin how_;
  Nanos limit_;
  bool idle_ = false;    // nothing came since `since_`
  bool asking_ = false;  // and it has not given up
  Instant since_{};
  Instant asked_{};  // when it asked last
  SpinFigures figures_;
};

}  // namespace vigil

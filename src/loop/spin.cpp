// When to go on asking: a fixed time, or one that follows what comes.
#include "vigil/loop/spin.hpp"

#include <algorithm>

namespace vigil {
namespace {

constexpr Nanos kAdaptiveLeast = std::chrono::microseconds(10);

}  // namespace

bool Spinner::ask(Instant now) noexcept {
  if (!asking_) {
    if (idle_) {
      return false;  // it gave up, and nothing came since
    }
    idle_ = true;
    since_ = now;
    asked_ = now;
    asking_ = limit_ > Nanos::zero();
    return asking_;
  }
  // A clock that stands still while the loop asks is a simulation's: it moves when the loop sleeps.
  if (now - since_ >= limit_ || now == asked_) {
    ++figures_.in_vain;
    stop(now);
    return false;
  }
  asked_ = now;
  return true;
}

void Spinner::came(Instant now) noexcept {
  if (asking_) {
    ++figures_.met;
    stop(now);
  } else if (how_.adaptive && idle_) {
    adapt(now - since_);
  }
  idle_ = false;
}

// It slept for what came after `waited`: had it asked for so long, it would have met it. Twice as
// long from then on, or not at all if nothing comes in time.
void Spinner::adapt(Nanos waited) noexcept {
  if (waited > how_.most) {
    limit_ = Nanos::zero();
  } else {
    limit_ = std::min(std::max(limit_ * 2, kAdaptiveLeast), how_.most);
  }
}

void Spinner::stop(Instant now) noexcept {
  asking_ = false;
  figures_.spent += now - since_;
}

}  // namespace vigil

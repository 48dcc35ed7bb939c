// Timers as Linux's fs/timerfd.c has them: an expiration tells once, and a periodic timer goes on
// when it is read, with what it missed counted.
#include "kernel/timer.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>

#include "kernel/kernel.hpp"

namespace vigil::sim {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// What is beyond the end of time is its end.
Nanos nanos(const timespec& time) noexcept {
  if (time.tv_sec >= kForever.count() / kSecond) {
    return kForever;
  }
  return Nanos(time.tv_sec * kSecond + time.tv_nsec);
}

timespec spec(Nanos span) noexcept {
  return {.tv_sec = span.count() / kSecond, .tv_nsec = span.count() % kSecond};
}

}  // namespace

Timer::Timer(Kernel& kernel, int clock) noexcept : File(kernel), clock_(clock) {
  access = O_RDWR;
  has_write = false;
  expiry_.timer = this;
  expiry_.fire = [](Alarm& alarm) noexcept { static_cast<Expiry&>(alarm).timer->expire(); };
  wall_step_.timer = this;
  wall_step_.wake = [](Waiter& waiter, std::uint32_t /*bits*/) noexcept {
    static_cast<WallStep&>(waiter).timer->wall_stepped();
    return true;
  };
}

Timer::~Timer() {
  kernel_.clock().stop(expiry_);
  if (on_wall()) {
    kernel_.wall_steps().remove(wall_step_);
  }
}

std::int32_t Timer::set(int flags, const itimerspec& value, itimerspec* old) noexcept {
  kernel_.clock().stop(expiry_);
  if (expired_ && interval_ != Nanos::zero()) {
    forward();
  }
  if (old != nullptr) {
    *old = left();
  }
  const bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
  if (on_wall()) {
    kernel_.wall_steps().remove(wall_step_);
  }
  if (clock_ == CLOCK_REALTIME && absolute) {
    kernel_.wall_steps().add(wall_step_);
  }
  cancel_on_set_ = on_wall() && (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
  expired_ = false;
  ticks_ = 0;
  interval_ = nanos(value.it_interval);
  at_ = nanos(value.it_value);
  if (at_ == Nanos::zero()) {
    return 0;
  }
  if (!absolute) {
    at_ = after(Instant(now()), at_).time_since_epoch();
  }
  schedule();
  if (canceled_ && cancel_on_set_) {
    canceled_ = false;
    return -ECANCELED;
  }
  return 0;
}

void Timer::get(itimerspec& value) noexcept {
  if (expired_ && interval_ != Nanos::zero()) {
    expired_ = false;
    ticks_ += forward() - 1;
    schedule();
  }
  value = left();
}

std::uint32_t Timer::ready() const noexcept { return ticks_ != 0 ? std::uint32_t{kReadable} : 0U; }

std::int64_t Timer::read(std::span<std::byte> to) noexcept {
  if (to.size() < sizeof ticks_) {
    return -EINVAL;
  }
  if (canceled_ && cancel_on_set_) {
    canceled_ = false;
    ticks_ = 0;
    expired_ = false;
    return -ECANCELED;
  }
  if (ticks_ == 0) {
    return -EAGAIN;
  }
  std::uint64_t told = ticks_;
  const bool goes_on = expired_ && interval_ != Nanos::zero();
  expired_ = false;
  ticks_ = 0;
  if (goes_on) {
    told += forward() - 1;
    schedule();
  }
  std::memcpy(to.data(), &told, sizeof told);
  return sizeof told;
}

Nanos Timer::now() const noexcept {
  return on_wall() ? kernel_.wall_time() : kernel_.clock().now().time_since_epoch();
}

void Timer::schedule() noexcept {
  const Nanos span = at_ - std::min(now(), at_);
  if (span == Nanos::zero()) {
    expire();
  } else if (at_ != kForever) {
    kernel_.clock().set(expiry_, after(kernel_.clock().now(), span));
  }
}

void Timer::expire() noexcept {
  expired_ = true;
  ++ticks_;
  queue().wake(kReadable);
}

std::uint64_t Timer::forward() noexcept {
  const Nanos late = now() - at_;
  if (late < Nanos::zero()) {
    return 0;
  }
  const std::int64_t missed = late / interval_ + 1;
  const Nanos last = at_ + interval_ * (missed - 1);
  at_ = after(Instant(last), interval_).time_since_epoch();
  return static_cast<std::uint64_t>(missed);
}

void Timer::wall_stepped() noexcept {
  if (cancel_on_set_) {
    canceled_ = true;
    ++ticks_;
    queue().wake(kReadable);
  }
  if (expiry_.set()) {
    kernel_.clock().stop(expiry_);
    schedule();
  }
}

itimerspec Timer::left() const noexcept {
  return {.it_interval = spec(interval_), .it_value = spec(std::max(at_ - now(), Nanos::zero()))};
}

}  // namespace vigil::sim

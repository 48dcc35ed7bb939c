// Timer: what timerfd_create(2) makes, on the world's clock.
#pragma once

#include <sys/timerfd.h>

#include <cstdint>
#include <span>

#include "kernel/clock.hpp"
#include "kernel/file.hpp"

namespace vigil::sim {

class Timer final : public File {
 public:
  Timer(Kernel& kernel, int clock) noexcept;
  ~Timer() override;

  // timerfd_settime(2) and timerfd_gettime(2), their arguments checked.
  std::int32_t set(int flags, const itimerspec& value, itimerspec* old) noexcept;
  void get(itimerspec& value) noexcept;

  std::uint32_t ready() const noexcept override;
  std::int64_t read(std::span<std::byte> to) noexcept override;

 private:
  struct Expiry : Alarm {
    Timer* timer = nullptr;
  };
  struct WallStep : Waiter {
    Timer* timer = nullptr;
  };

  // Whether it follows the wall clock, which can be stepped: relative times do not.
  bool on_wall() const noexcept { return wall_step_.queue != nullptr; }
  Nanos now() const noexcept;
  // Sets the alarm, or expires if that time is past.
  void schedule() noexcept;
  void expire() noexcept;
  // To the first expiration after now: how many there were up to it.
  std::uint64_t forward() noexcept;
  void wall_stepped() noexcept;
  itimerspec left() const noexcept;

  int clock_;
  Expiry expiry_;
  WallStep wall_step_;
  Nanos at_{};  // on its clock; zero: disarmed
  Nanos interval_{};
  std::uint64_t ticks_ = 0;
  bool expired_ = false;  // and not read since: a periodic one rests until then
  bool cancel_on_set_ = false;
  bool canceled_ = false;
};

}  // namespace vigil::sim

// Timers: a hierarchical wheel. Arming, moving and stopping are O(1) with any number armed, and
// allocate nothing.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "vigil/base/counters.hpp"
#include "vigil/base/time.hpp"

namespace vigil {

// One deadline, part of whatever waits for it; it must be stopped before it goes away. Used on its
// loop's thread.
struct Timer {
  Timer* next = nullptr;
  Timer** place = nullptr;  // what points at this timer; null: not armed
  Instant deadline = kNever;
  void (*fire)(Timer&) noexcept =
      nullptr;  // called by the loop once, disarmed, never before `deadline`

  bool armed() const noexcept { return place != nullptr; }
};

// Eight levels of 64 slots; a tick is 2^20 ns (about a millisecond), and deadlines round up to one,
// so that a timer is late by at most a tick and never early.
class TimerWheel {
 public:
  explicit TimerWheel(Instant now) noexcept : elapsed_(floor_tick(now)) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms `timer` for `deadline`, or moves it there. A move to a later time is one store: the timer
  // is looked at where it hangs, and put further on then. kNever stops it.
  [[gnu::always_inline]] void arm(Timer& timer, Instant deadline) noexcept {
    const bool later = timer.armed() && deadline >= timer.deadline && deadline != kNever;
    timer.deadline = deadline;
    if (!later) {
      place(timer);
    }
  }
  void stop(Timer& timer) noexcept {
    if (timer.armed()) {
      unlink(timer);
    }
  }

  // When to look again: no armed timer needs a call of expire() before. kNever if none is armed.
  Instant next() const noexcept;

  // Fires what is due at `now`, `limit` timers at most, and returns how many it fired or moved on.
  // What is left stays due: next() is then not after `now`.
  std::size_t expire(Instant now, std::size_t limit) noexcept;

  // Stops every timer.
  void clear() noexcept;

  bool empty() const noexcept { return occupied_levels_ == 0 && pending_ == nullptr; }
  // Any thread.
  std::size_t armed() const noexcept { return static_cast<std::size_t>(armed_.get()); }

 private:
  static constexpr unsigned kTickBits = 20;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1u << kSlotBits;
  static constexpr unsigned kLevels = 8;  // 2^48 ticks: 9,000 years

  static std::uint64_t floor_tick(Instant at) noexcept {
    const auto ns = at.time_since_epoch().count();
    return ns <= 0 ? 0 : static_cast<std::uint64_t>(ns) >> kTickBits;
  }
  static std::uint64_t ceil_tick(Instant at) noexcept {
    const auto ns = at.time_since_epoch().count();
    return ns <= 0 ? 0 : ((static_cast<std::uint64_t>(ns) - 1) >> kTickBits) + 1;
  }

  void place(Timer& timer) noexcept;
  void insert(Timer& timer) noexcept;
  void unlink(Timer& timer) noexcept;
  void emptied(std::size_t slot) noexcept;
  struct Due {
    std::uint64_t tick;
    unsigned level;
    unsigned slot;
  };
  Due due() const noexcept;

  std::uint64_t elapsed_;
  std::uint32_t occupied_levels_ = 0;
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<Timer*, std::size_t{kLevels} * kSlots> slots_{};
  Tally armed_;
  Timer* pending_ = nullptr;  // a slot's timers while they are being fired
};

}  // namespace vigil

// Clock: virtual time. It stands still while anything runs and jumps to the next alarm when nothing
// can; alarms of one instant fire in the order in which they were set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vigil/base/time.hpp"

namespace vigil::sim {

// Something that happens at a time. Part of what it happens to, which stops it before it goes away.
struct Alarm {
  static constexpr std::size_t kUnset = ~std::size_t{0};

  Instant at{};
  std::uint64_t order = 0;  // of those at the same time
  void (*fire)(Alarm&) noexcept = nullptr;
  std::size_t place = kUnset;  // in the clock's heap

  bool set() const noexcept { return place != kUnset; }
};

class Clock {
 public:
  // Time begins a day in, so that "long ago" exists, and on no round number.
  static constexpr Instant kBegin{std::chrono::hours(24) + Nanos(1'234'567)};

  Clock() noexcept = default;
  // One that runs beside another clock, as of `begin`.
  explicit Clock(Instant begin) noexcept : now_(begin) {}

  Instant now() const noexcept { return now_; }

  // Sets `alarm`, or moves it. A time in the past is now.
  void set(Alarm& alarm, Instant at);
  void stop(Alarm& alarm) noexcept;

  // When the next alarm fires; kNever if none is set.
  Instant next() const noexcept { return heap_.empty() ? kNever : heap_.front()->at; }

  // How many are set.
  std::size_t alarms() const noexcept { return heap_.size(); }

  // Jumps to the next alarm's time, unless it is past already, and fires it. False: none is set.
  bool fire_next() noexcept;
  // Jumps to `at`, which no alarm may be before.
  void jump(Instant at) noexcept;

 private:
  static bool before(const Alarm& a, const Alarm& b) noexcept {
    return a.at != b.at ? a.at < b.at : a.order < b.order;
  }
  void put(std::size_t place, Alarm* alarm) noexcept {
    heap_[place] = alarm;
    alarm->place = place;
  }
  void up(std::size_t place) noexcept;
  void down(std::size_t place) noexcept;

  Instant now_ = kBegin;
  std::uint64_t orders_ = 0;
  std::vector<Alarm*> heap_;
};

}  // namespace vigil::sim

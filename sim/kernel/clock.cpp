// A binary heap whose members know their places, so that each can leave from the middle.
#include "kernel/clock.hpp"

#include <algorithm>

#include "vigil/base/check.hpp"

namespace vigil::sim {

void Clock::set(Alarm& alarm, Instant at) {
  alarm.at = std::max(at, now_);
  alarm.order = orders_++;
  if (!alarm.set()) {
    heap_.push_back(&alarm);
    alarm.place = heap_.size() - 1;
  }
  up(alarm.place);
  down(alarm.place);
}

void Clock::stop(Alarm& alarm) noexcept {
  if (!alarm.set()) {
    return;
  }
  const std::size_t place = alarm.place;
  alarm.place = Alarm::kUnset;
  Alarm* last = heap_.back();
  heap_.pop_back();
  if (last != &alarm) {
    put(place, last);
    up(place);
    down(last->place);
  }
}

bool Clock::fire_next() noexcept {
  if (heap_.empty()) {
    return false;
  }
  Alarm& alarm = *heap_.front();
  now_ = std::max(now_, alarm.at);
  stop(alarm);
  alarm.fire(alarm);
  return true;
}

void Clock::jump(Instant at) noexcept {
  check(at <= next(), "the simulated clock was told to jump over an alarm: fire it first");
  now_ = std::max(now_, at);
}

void Clock::up(std::size_t place) noexcept {
  Alarm* alarm = heap_[place];
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (!before(*alarm, *heap_[parent])) {
      break;
    }
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, alarm);
}

void Clock::down(std::size_t place) noexcept {
  Alarm* alarm = heap_[place];
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) {
      break;
    }
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) {
      ++child;
    }
    if (!before(*heap_[child], *alarm)) {
      break;
    }
    put(place, heap_[child]);
    place = child;
  }
  put(place, alarm);
}

}  // namespace vigil::sim

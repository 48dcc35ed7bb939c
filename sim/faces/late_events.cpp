// Events that the weather holds back, and those that it makes up.
#include "faces/late_events.hpp"

#include <algorithm>
#include <new>

#include "faces/seat.hpp"

namespace vigil::sim {

LateEvents::LateEvents(Seat& seat) noexcept : seat_(seat) {
  alarm_.seat = &seat;
  alarm_.fire = [](Alarm& alarm) noexcept { static_cast<Delay&>(alarm).seat->woken(); };
}

LateEvents::~LateEvents() { seat_.kernel().clock().stop(alarm_); }

// One-shot sources are left out: the kernel would not know that they were told.
void LateEvents::asked(const Change& change) noexcept {
  const bool stays = change.trigger == Trigger::edge || change.trigger == Trigger::level;
  const std::uint32_t interest = change.action != Change::Action::remove && stays
                                     ? change.interest & std::uint32_t{kReadable | kWritable}
                                     : 0;
  for (Asked& known : asked_) {
    if (known.slot.index == change.slot.index) {
      known = {change.slot, interest};
      return;
    }
  }
  if (interest != 0) {
    asked_[next_++ % asked_.size()] = {change.slot, interest};
  }
}

std::size_t LateEvents::take_due(std::span<Event> room) noexcept {
  if (held_.empty()) {
    return 0;
  }
  Clock& clock = seat_.kernel().clock();
  std::size_t count = 0;
  while (count < held_.size() && count < room.size() && held_[count].due <= clock.now()) {
    room[count] = held_[count].event;
    ++count;
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
  if (!held_.empty()) {
    clock.set(alarm_, held_.front().due);
  }
  return count;
}

std::size_t LateEvents::weather(std::span<Event> room, std::size_t count, bool& held) noexcept {
  Kernel& kernel = seat_.kernel();
  Weather& weather = kernel.weather();
  if (count != 0) {
    const Nanos span = weather.lasts(Fault::late_event, kernel.id());
    if (span != Nanos::zero()) {
      const std::size_t which = weather.below(Fault::late_event, kernel.id(), count);
      if (hold(room[which], span)) {
        std::copy(room.begin() + static_cast<std::ptrdiff_t>(which) + 1,
                  room.begin() + static_cast<std::ptrdiff_t>(count),
                  room.begin() + static_cast<std::ptrdiff_t>(which));
        --count;
        held = true;
      }
    }
  }
  if (count != room.size() && weather.strikes(Fault::spurious_event, kernel.id())) {
    const Asked& one = asked_[weather.below(Fault::spurious_event, kernel.id(), asked_.size())];
    if (one.interest != 0) {
      room[count++] = {.slot = one.slot,
                       .ready = one.interest,
                       .kind = Kind::descriptor,
                       .data = 0,
                       .cookie = 0};
    }
  }
  return count;
}

bool LateEvents::hold(const Event& event, Nanos span) noexcept {
  Clock& clock = seat_.kernel().clock();
  const Held late{event, after(clock.now(), span)};
  try {
    held_.insert(std::upper_bound(held_.begin(), held_.end(), late,
                                  [](const Held& a, const Held& b) { return a.due < b.due; }),
                 late);
    clock.set(alarm_, held_.front().due);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

}  // namespace vigil::sim

// The wheel's slow half: placing, cascading and firing.
#include "vigil/loop/timer.hpp"

#include <algorithm>
#include <utility>

namespace vigil {

void TimerWheel::emptied(std::size_t slot) noexcept {
  const std::size_t level = slot / kSlots;
  if ((occupied_[level] &= ~(std::uint64_t{1} << (slot % kSlots))) == 0) {
    occupied_levels_ &= ~(1u << level);
  }
}

void TimerWheel::unlink(Timer& timer) noexcept {
  Timer** place = timer.place;
  *place = timer.next;
  if (timer.next != nullptr) {
    timer.next->place = place;
  } else if (place >= slots_.data() && place < slots_.data() + slots_.size()) {
    emptied(static_cast<std::size_t>(place - slots_.data()));
  }
  timer.place = nullptr;
  --armed_;
}

// The level is where the tick first differs from now, read from the top: a slot of level n spans
// 64^n ticks.
void TimerWheel::insert(Timer& timer) noexcept {
  constexpr std::uint64_t kHorizon = (std::uint64_t{1} << (kSlotBits * kLevels)) - 1;
  const std::uint64_t tick =
      std::min(std::max(ceil_tick(timer.deadline), elapsed_), elapsed_ | kHorizon);
  const auto differs = static_cast<unsigned>(std::bit_width((tick ^ elapsed_) | (kSlots - 1)) - 1);
  const unsigned level = differs / kSlotBits;
  const unsigned slot = static_cast<unsigned>(tick >> (level * kSlotBits)) & (kSlots - 1);
  Timer** head = &slots_[std::size_t{level} * kSlots + slot];
  timer.next = *head;
  timer.place = head;
  if (*head != nullptr) {
    (*head)->place = &timer.next;
  }
  *head = &timer;
  occupied_[level] |= std::uint64_t{1} << slot;
  occupied_levels_ |= 1u << level;
  ++armed_;
}

void TimerWheel::place(Timer& timer) noexcept {
  stop(timer);
  if (timer.deadline != kNever) {
    insert(timer);
  }
}

// The earliest occupied slot: the lowest level that has one holds it, and within it the first at or
// after now.
TimerWheel::Due TimerWheel::due() const noexcept {
  const auto level = static_cast<unsigned>(std::countr_zero(occupied_levels_));
  const unsigned shift = level * kSlotBits;
  const unsigned current = static_cast<unsigned>(elapsed_ >> shift) & (kSlots - 1);
  const auto ahead = static_cast<unsigned>(
      std::countr_zero(std::rotr(occupied_[level], static_cast<int>(current))));
  const std::uint64_t start = ((elapsed_ >> shift) + ahead) << shift;
  return {std::max(start, elapsed_), level, (current + ahead) & (kSlots - 1)};
}

Instant TimerWheel::next() const noexcept {
  if (pending_ != nullptr) {
    return Instant{};
  }
  if (occupied_levels_ == 0) {
    return kNever;
  }
  constexpr std::uint64_t kLast = static_cast<std::uint64_t>(kForever.count()) >> kTickBits;
  return Instant{Nanos{static_cast<std::int64_t>(std::min(due().tick, kLast) << kTickBits)}};
}

std::size_t TimerWheel::expire(Instant now, std::size_t limit) noexcept {
  const std::uint64_t tick = floor_tick(now);
  std::size_t handled = 0;
  for (;;) {
    while (pending_ != nullptr) {
      if (handled == limit) {
        return handled;
      }
      ++handled;
      Timer& timer = *pending_;
      unlink(timer);
      if (timer.deadline > now) {
        insert(timer);  // moved later since, or only a level down
      } else {
        timer.fire(timer);
      }
    }
    if (occupied_levels_ == 0) {
      break;
    }
    const Due first = due();
    if (first.tick > tick) {
      break;
    }
    elapsed_ = first.tick;
    const std::size_t slot = std::size_t{first.level} * kSlots + first.slot;
    pending_ = std::exchange(slots_[slot], nullptr);
    pending_->place = &pending_;
    emptied(slot);
  }
  elapsed_ = std::max(elapsed_, tick);
  return handled;
}

void TimerWheel::clear() noexcept {
  for (Timer*& head : slots_) {
    while (head != nullptr) {
      unlink(*head);
    }
  }
  while (pending_ != nullptr) {
    unlink(*pending_);
  }
}

}  // namespace vigil

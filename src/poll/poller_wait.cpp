// Waiting: events of plain descriptors pass with one look at the table; all others are sifted.
#include "poll/poller_core.hpp"

namespace vigil {
namespace {

// Bits that need more than to be passed on.
constexpr std::uint32_t kEnding = kError | kHungUp | kPeerClosed;

// Whoever looks only at the directions that he asked for finds the end and the error there, on
// every backend.
std::uint32_t normalised(std::uint32_t ready, std::uint32_t interest) noexcept {
  if ((ready & kHungUp) != 0) {
    ready |= interest & kPeerClosed;
  }
  if ((ready & (kHungUp | kError)) != 0) {
    ready |= interest & (kReadable | kWritable);
  }
  if ((ready & kPeerClosed) != 0) {
    ready |= interest & kReadable;
  }
  return ready;
}

}  // namespace

Result<std::span<Event>> Poller::Core::wait(std::span<Event> room, Nanos at_most) noexcept {
  if (attended_ || room.empty() || !mark_.holds()) [[unlikely]] {
    return wait_attended(room, at_most);
  }
  auto got = selector_->wait(room, at_most);
  if (!got) [[unlikely]] {
    return got;
  }
  const SourceEntry* const table = table_.data();
  for (Event& event : *got) {
    const SourceEntry& entry = table[event.slot.index];
    if (entry.plain != event.slot.generation || (event.ready & kEnding) != 0) [[unlikely]] {
      return room.first(sift(room, *got, &event));
    }
    event.data = 0;
    event.cookie = entry.cookie;
  }
  if (posts_.any()) [[unlikely]] {
    return room.first(got->size() + emit(room.subspan(got->size())));
  }
  return got;
}

// From `first` on, keeps what is of concern, without gaps; then adds what came without the
// selector.
std::size_t Poller::Core::sift(std::span<Event> room, std::span<Event> got, Event* first) noexcept {
  Event* kept = first;
  for (Event* event = first; event != got.data() + got.size(); ++event) {
    SourceEntry& entry = table_.data()[event->slot.index];
    if (!entry.present || entry.generation != event->slot.generation) {
      ++stale_;
      continue;
    }
    const bool keep =
        entry.kind == Kind::descriptor ? keep_descriptor(*event, entry) : take_own(*event, entry);
    if (keep) {
      *kept++ = *event;
    }
  }
  const auto filled = static_cast<std::size_t>(kept - room.data());
  return changed_.empty() && !posts_.any() ? filled : filled + emit(room.subspan(filled));
}

bool Poller::Core::keep_descriptor(Event& event, SourceEntry& entry) noexcept {
  if (entry.interest == 0) {
    return false;  // paused; some systems tell error and hang-up all the same
  }
  event.ready = normalised(event.ready, entry.interest);
  event.data = 0;
  event.cookie = entry.cookie;
  if (emulated(entry.trigger)) {
    // Told once: an edge direction waits for would_block(), a one-shot source for rearm().
    const std::uint32_t told = one_shot(entry.trigger) ? ~0U : with_its_end(event.ready);
    set_armed(event.slot, entry, entry.armed & ~told);
  }
  if (audit_ && edge(entry.trigger) && (event.ready & kReadable) != 0) {
    audit_->told(event.slot);
  }
  return true;
}

Result<std::span<Event>> Poller::Core::wait_attended(std::span<Event> room,
                                                     Nanos at_most) noexcept {
  if (!mark_.holds()) {
    return refuse(PollerErrc::forked);
  }
  if (room.empty()) {
    return error(std::errc::invalid_argument);
  }
  const std::size_t before = emit(room);
  const std::span<Event> rest = room.subspan(before);
  if (rest.empty()) {
    return room;
  }
  if (before != 0) {
    at_most = Nanos::zero();
  }
  if (audit_ && at_most > Nanos::zero() && audit_->suspects_any()) {
    // If a newer edge is on its way, the selector has it now, and the suspicion was wrong.
    auto got = selector_->wait(rest, Nanos::zero());
    if (!got) {
      return got;
    }
    const bool all = got->size() < rest.size();
    const std::size_t kept = sift(rest, *got, got->data());
    if (all) {
      audit_->name_suspects(!traits_.edge);
    }
    if (kept != 0) {
      return rest.first(kept);
    }
  }
  auto got = selector_->wait(rest, at_most);
  if (!got) {
    return got;
  }
  return room.first(before + sift(rest, *got, got->data()));
}

}  // namespace vigil

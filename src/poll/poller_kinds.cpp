// The kinds of a Poller that are no descriptors of the program: opened, armed, taken from and
// closed here. Timers, signals and processes are one descriptor each. File changes share one queue;
// user posts come from the box.
#include <unistd.h>

#include <utility>

#include "poll/poller_core.hpp"

namespace vigil {

Result<Token> Poller::Core::add_own(const Source& source) noexcept {
  if (source.kind == Kind::signal) {
    for (const auto& [index, own] : owns_) {
      if (own.source.kind == Kind::signal && own.source.number == source.number) {
        return refuse(PollerErrc::already_added);  // two would take each other's signals
      }
    }
  }
  Slot slot{};
  auto made = allocating([&] {
    slot = table_.take();
    owns_[slot.index].source = source;
  });
  if (!made) {
    if (slot.generation != 0) {
      table_.give(slot);
    }
    return std::unexpected(made.error());
  }
  Own& own = owns_[slot.index];
  own.source.path = {};
  SourceEntry& entry = table_.data()[slot.index];
  entry.kind = source.kind;
  entry.cookie = source.cookie;
  entry.trigger = source.trigger;
  entry.interest = entry.armed = kReadable;
  auto opened = open_own(slot, own, source.path);
  Result<> done = opened ? Result<>{} : std::unexpected(opened.error());
  if (opened && *opened != kNoHandle) {
    // The table may have moved: opening the first vnode takes an entry for the queue.
    SourceEntry& moved = table_.data()[slot.index];
    moved.handle = *opened;
    number_given_out(*opened);
    const Change change{Change::Action::add, Trigger::level, false, *opened, kReadable, slot};
    done = hand_over(change);
  }
  if (!done) {
    close_own(slot, table_.data()[slot.index]);
    table_.give(slot);
    return std::unexpected(done.error());
  }
  return slot;
}

// The handle for the selector to watch; none for kinds that share one.
Result<NativeHandle> Poller::Core::open_own(Slot slot, Own& own, std::string_view path) noexcept {
  const Source& source = own.source;
  switch (source.kind) {
    case Kind::timer: {
      auto timer = lower::open_timer();
      if (timer) {
        if (auto set = lower::set_timer(*timer, source.first, source.absolute, source.period);
            !set) {
          ::close(*timer);
          return std::unexpected(set.error());
        }
      }
      return timer;
    }
    case Kind::signal: {
      const auto blocked = lower::block_signal(source.number);
      if (!blocked) {
        return std::unexpected(blocked.error());
      }
      own.unblocks = *blocked;
      return lower::open_signal(source.number);
    }
    case Kind::process:
      return lower::open_process(source.number);
    case Kind::vnode:
      if (auto watched = watch_path(slot, own, path); !watched) {
        return std::unexpected(watched.error());
      }
      return kNoHandle;
    case Kind::user:
      if (auto opened = allocating([&] { posts_.open(slot); }); !opened) {
        return std::unexpected(opened.error());
      }
      return kNoHandle;
    case Kind::descriptor:
      break;
  }
  return refuse(PollerErrc::wrong_source);
}

Result<> Poller::Core::open_queue() noexcept {
  if (auto opened = queue_.open(); !opened) {
    return opened;
  }
  Slot slot{};
  if (auto made = allocating([&] { slot = table_.take(); }); !made) {
    return made;
  }
  SourceEntry& entry = table_.data()[slot.index];
  entry.kind = Kind::vnode;
  entry.handle = queue_.handle();
  number_given_out(entry.handle);
  const Change change{Change::Action::add, Trigger::level, false, entry.handle, kReadable, slot};
  auto done = hand_over(change);
  if (done) {
    queue_slot_ = slot;
  } else {
    table_.give(slot);
  }
  return done;
}

Result<> Poller::Core::watch_path(Slot slot, Own& own, std::string_view path) noexcept {
  if (queue_slot_.generation == 0) {
    if (auto opened = open_queue(); !opened) {
      return opened;
    }
  }
  if (auto room = allocating([&] { changed_.reserve(owns_.size()); }); !room) {
    return room;  // so that note_change() does not allocate
  }
  const auto watch = queue_.watch(path, own.source.interest);
  if (!watch) {
    return watch.error() == std::errc::no_space_on_device ? refuse(PollerErrc::watch_limit)
                                                          : std::unexpected(watch.error());
  }
  auto noted = allocating([&] { watches_.emplace(*watch, slot); });
  if (noted) {
    own.watch = *watch;
  } else if (!watches_.contains(*watch)) {
    queue_.unwatch(*watch);
  }
  return noted;
}

void Poller::Core::unwatch_path(Slot slot, const Own& own) noexcept {
  const auto [first, last] = watches_.equal_range(own.watch);
  for (auto at = first; at != last; ++at) {
    if (at->second == slot) {
      watches_.erase(at);
      break;
    }
  }
  if (own.watch >= 0 && !watches_.contains(own.watch)) {
    queue_.unwatch(own.watch);
  }
  std::erase(changed_, slot);
}

void Poller::Core::close_own(Slot slot, const SourceEntry& entry) noexcept {
  const Own& own = owns_[slot.index];
  if (entry.handle != kNoHandle) {
    ::close(entry.handle);
  }
  if (entry.kind == Kind::vnode) {
    unwatch_path(slot, own);
  } else if (entry.kind == Kind::user) {
    posts_.close(slot);
  }
  if (own.unblocks) {
    lower::unblock_signal(own.source.number);
  }
  owns_.erase(slot.index);
}

Result<> Poller::Core::modify_own(Slot slot, SourceEntry& entry, const Source& source) noexcept {
  Own& own = owns_[slot.index];
  const bool numbered = entry.kind == Kind::signal || entry.kind == Kind::process;
  if ((numbered && source.number != own.source.number) ||
      (entry.kind == Kind::vnode && (source.interest & ~own.source.interest) != 0)) {
    return refuse(PollerErrc::wrong_source);
  }
  if (own.spent) {
    return refuse(PollerErrc::spent_source);
  }
  if (entry.kind == Kind::timer) {
    if (auto set = lower::set_timer(entry.handle, source.first, source.absolute, source.period);
        !set) {
      return set;
    }
  }
  own.source = source;
  own.source.path = {};
  entry.cookie = source.cookie;
  entry.trigger = source.trigger;
  arm_own(slot, entry, true);
  return {};
}

// What came while a source was silent is told by the next wait, which must not block for it.
void Poller::Core::arm_own(Slot slot, SourceEntry& entry, bool armed) noexcept {
  if (entry.kind == Kind::vnode) {
    Own& own = owns_[slot.index];
    if (armed && own.disarmed && own.changes != 0) {
      changed_.push_back(slot);
    }
    own.disarmed = !armed;
  } else if (entry.kind == Kind::user) {
    if (armed) {
      posts_.arm(slot);  // taking a post disarms by itself
    }
  } else {
    set_armed(slot, entry, armed ? kReadable : 0U);
  }
  attend_to_rest();
}

// Events that are here, and that the selector does not know of.
void Poller::Core::attend_to_rest() noexcept {
  const bool left = !changed_.empty() || posts_.any();
  attended_ = left || audit_ != nullptr;
  if (left) {
    selector_->notify();  // ends the next wait, and brings a foreign loop that polls handle() back
  }
}

bool Poller::Core::take_own(Event& event, SourceEntry& entry) noexcept {
  if (event.slot == queue_slot_) {
    take_vnode_changes();
    return false;
  }
  Own& own = owns_[event.slot.index];
  switch (entry.kind) {
    case Kind::timer:
      event.data = lower::take_expirations(entry.handle);
      if (event.data == 0) {
        return false;
      }
      break;
    case Kind::signal:
      event.data = lower::take_signal(entry.handle);
      if (event.data == 0) {
        return false;
      }
      break;
    default: {
      const auto status = lower::take_exit(entry.handle, own.source.reap);
      if (!status) {
        return false;
      }
      event.data = *status;
      own.spent = true;
      break;
    }
  }
  if (own.spent || one_shot(entry.trigger)) {
    arm_own(event.slot, entry, false);
  }
  event.ready = kReadable;
  event.kind = entry.kind;
  event.cookie = entry.cookie;
  return true;
}

void Poller::Core::take_vnode_changes() noexcept {
  // Bounded: what is left is there at the next wait.
  for (int buffers = 0; buffers < 16; ++buffers) {
    const bool any = queue_.take([this](const lower::VnodeQueue::Record& record) {
      if (record.watch == lower::VnodeQueue::kAll) {
        for (auto& [watch, slot] : watches_) {
          note_change(slot, owns_[slot.index], kChangesMissed);
        }
        return;
      }
      const auto [first, last] = watches_.equal_range(record.watch);
      for (auto at = first; at != last; ++at) {
        Own& own = owns_[at->second.index];
        note_change(at->second, own, record.changes & own.source.interest);
        own.watch = record.gone ? -1 : own.watch;
      }
      if (record.gone) {
        watches_.erase(first, last);
      }
    });
    if (!any) {
      return;
    }
  }
}

void Poller::Core::note_change(Slot slot, Own& own, std::uint32_t changes) noexcept {
  if (changes != 0 && own.changes == 0 && !own.disarmed) {
    changed_.push_back(slot);
  }
  own.changes |= changes;
}

// Events that came without the selector: file changes and posts. What finds no room stays for the
// next wait.
std::size_t Poller::Core::emit(std::span<Event> room) noexcept {
  std::size_t filled = 0;
  while (filled < room.size() && filled < changed_.size()) {
    const Slot slot = changed_[filled];
    Own& own = owns_[slot.index];
    const SourceEntry& entry = table_.data()[slot.index];
    room[filled++] = {slot, kReadable, Kind::vnode, std::exchange(own.changes, 0), entry.cookie};
    own.disarmed = one_shot(entry.trigger);
  }
  changed_.erase(changed_.begin(), changed_.begin() + static_cast<std::ptrdiff_t>(filled));
  if (posts_.any()) {
    posts_.take(room.size() - filled, [&](Slot slot, std::int64_t count) {
      const SourceEntry& entry = table_.data()[slot.index];
      room[filled++] = {slot, kReadable, Kind::user, count, entry.cookie};
      return !one_shot(entry.trigger);
    });
  }
  attend_to_rest();
  return filled;
}

}  // namespace vigil

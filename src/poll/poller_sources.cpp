// The sources of a Poller: adding, changing and removing them, and what a selector's refusals mean.
#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "poll/poller_core.hpp"

namespace vigil {
namespace {

constexpr std::uint32_t kDirections = kReadable | kWritable | kPriority;
constexpr std::uint32_t kAllReady = kDirections | kError | kHungUp | kPeerClosed;

Result<> validate(const Source& source) noexcept {
  switch (source.kind) {
    case Kind::descriptor:
      if ((source.interest & ~kAllReady) != 0) {
        return refuse(PollerErrc::bad_interest);
      }
      if (source.exclusive && (one_shot(source.trigger) || (source.interest & kPeerClosed) != 0)) {
        return refuse(PollerErrc::bad_exclusive);
      }
      break;
    case Kind::timer:
      if (source.period < Nanos::zero()) {
        return refuse(PollerErrc::bad_time);
      }
      break;
    case Kind::vnode:
      if ((source.interest & kAnyChange) == 0 ||
          (source.interest & ~std::uint32_t{kAnyChange | kChangesMissed}) != 0) {
        return refuse(PollerErrc::bad_interest);
      }
      break;
    case Kind::signal:
    case Kind::process:
    case Kind::user:
      break;
  }
  return {};
}

// What a selector's errno means to the user of a Poller.
std::unexpected<std::error_code> explain(std::error_code code, Change::Action action,
                                         bool above_limit) noexcept {
  if (code == std::errc::operation_not_permitted) {
    return refuse(PollerErrc::not_pollable);
  }
  if (code == std::errc::file_exists) {
    return refuse(PollerErrc::already_added);
  }
  if (code == std::errc::no_space_on_device) {
    return refuse(PollerErrc::watch_limit);
  }
  if (code == std::errc::too_many_files_open && above_limit) {
    return refuse(PollerErrc::above_limit);
  }
  // Not in the set: it left when its file was closed, and the number may have a new file by now.
  if (code == std::errc::bad_file_descriptor ||
      (code == std::errc::no_such_file_or_directory && action != Change::Action::add)) {
    return refuse(PollerErrc::closed_descriptor);
  }
  return std::unexpected(code);
}

}  // namespace

Poller::Core::Core(std::unique_ptr<Selector> selector, std::unique_ptr<Auditor> audit) noexcept
    : selector_(std::move(selector)),
      traits_(selector_->traits()),
      audit_(std::move(audit)),
      attended_(audit_ != nullptr) {}

Poller::Core::~Core() {
  for (const auto& [index, own] : owns_) {
    const SourceEntry& entry = table_.data()[index];
    if (entry.handle != kNoHandle) {
      ::close(entry.handle);
    }
    if (own.unblocks) {
      lower::unblock_signal(own.source.number);
    }
  }
}

bool Poller::Core::emulated(Trigger trigger) const noexcept {
  return (edge(trigger) && !traits_.edge) || (one_shot(trigger) && !traits_.oneshot);
}

void Poller::Core::classify(SourceEntry& entry) noexcept {
  const bool plain = entry.kind == Kind::descriptor && entry.interest != 0 &&
                     !emulated(entry.trigger) && !(audit_ && edge(entry.trigger));
  entry.plain = plain ? entry.generation : 0;
}

Result<> Poller::Core::tell_selector(Change::Action action, Slot slot,
                                     const SourceEntry& entry) noexcept {
  // A level-only selector keeps what it was told of a closed descriptor, and would answer for a
  // stranger.
  if (action != Change::Action::add && !traits_.edge && ::fcntl(entry.handle, F_GETFD) < 0) {
    if (action == Change::Action::remove) {
      const Change gone{action, Trigger::level, false, entry.handle, 0, slot};
      static_cast<void>(selector_->apply({&gone, 1}));
    }
    return refuse(PollerErrc::closed_descriptor);
  }
  const Change change{.action = action,
                      .trigger = emulated(entry.trigger) ? Trigger::level : entry.trigger,
                      .exclusive = entry.exclusive && traits_.exclusive,
                      .handle = entry.handle,
                      .interest = entry.armed,
                      .slot = slot};
  return hand_over(change);
}

Result<> Poller::Core::hand_over(const Change& change) noexcept {
  if (auto done = selector_->apply({&change, 1}); !done) {
    return explain(done.error(), change.action, change.handle >= traits_.handles);
  }
  return {};
}

// Between two waits of an emulated trigger: the selector was told of this handle and only its
// interest changes, which cannot fail; if the descriptor was closed meanwhile, it has left or will.
void Poller::Core::set_armed(Slot slot, SourceEntry& entry, std::uint32_t directions) noexcept {
  if (entry.armed != directions) {
    entry.armed = directions;
    const Change change{Change::Action::modify, Trigger::level, false,
                        entry.handle,           directions,     slot};
    static_cast<void>(selector_->apply({&change, 1}));
  }
}

Result<Token> Poller::Core::add(const Source& source, std::source_location where) noexcept {
  if (!mark_.holds()) {
    return refuse(PollerErrc::forked);
  }
  if (auto valid = validate(source); !valid) {
    return std::unexpected(valid.error());
  }
  return source.kind == Kind::descriptor ? add_descriptor(source, where) : add_own(source);
}

Result<Token> Poller::Core::add_descriptor(const Source& source,
                                           std::source_location where) noexcept {
  if (source.handle < 0) {
    return refuse(PollerErrc::closed_descriptor);
  }
  const auto handle = static_cast<std::size_t>(source.handle);
  Slot slot{};
  auto made = allocating([&] {
    if (handle >= by_handle_.size() && source.handle < traits_.handles) {
      by_handle_.resize(handle + 1, kAbsent);
    }
    slot = table_.take();
    if (audit_) {
      audit_->added(slot, source.handle, where);
    }
  });
  if (!made) {
    if (slot.generation != 0) {
      table_.give(slot);
    }
    return std::unexpected(made.error());
  }
  SourceEntry& entry = table_.data()[slot.index];
  entry.cookie = source.cookie;
  entry.handle = source.handle;
  entry.interest = entry.armed = source.interest;
  entry.trigger = source.trigger;
  entry.exclusive = source.exclusive;
  classify(entry);
  if (auto told = tell_selector(Change::Action::add, slot, entry); !told) {
    table_.give(slot);
    return std::unexpected(told.error());
  }
  number_given_out(source.handle);  // the selector would have refused the same file
  by_handle_[handle] = slot.index;
  if (audit_ && edge(entry.trigger)) {
    audit_->armed_edge(slot);
  }
  return slot;
}

Result<> Poller::Core::modify(Token token, const Source& source,
                              std::source_location where) noexcept {
  if (!mark_.holds()) {
    return refuse(PollerErrc::forked);
  }
  SourceEntry* entry = table_.find(token);
  if (entry == nullptr) {
    return refuse(PollerErrc::unknown_source);
  }
  if (auto valid = validate(source); !valid) {
    return valid;
  }
  if (source.kind != entry->kind) {
    return refuse(PollerErrc::wrong_source);
  }
  return entry->kind == Kind::descriptor ? modify_descriptor(token, *entry, source, where)
                                         : modify_own(token, *entry, source);
}

Result<> Poller::Core::modify_descriptor(Slot slot, SourceEntry& entry, const Source& source,
                                         std::source_location where) noexcept {
  if (source.handle != entry.handle) {
    return refuse(PollerErrc::wrong_source);
  }
  if (entry.exclusive || source.exclusive) {
    return refuse(PollerErrc::bad_exclusive);
  }
  SourceEntry changed = entry;
  changed.cookie = source.cookie;
  changed.interest = changed.armed = source.interest;
  changed.trigger = source.trigger;
  classify(changed);
  if (auto told = tell_selector(Change::Action::modify, slot, changed); !told) {
    return told;
  }
  entry = changed;
  if (audit_) {
    audit_->forget(slot);
    if (auto noted = allocating([&] { audit_->added(slot, entry.handle, where); }); !noted) {
      return noted;
    }
    if (edge(entry.trigger)) {
      audit_->armed_edge(slot);
    }
  }
  return {};
}

Result<> Poller::Core::rearm(Token token) noexcept {
  if (!mark_.holds()) {
    return refuse(PollerErrc::forked);
  }
  SourceEntry* entry = table_.find(token);
  if (entry == nullptr) {
    return refuse(PollerErrc::unknown_source);
  }
  if (entry->kind != Kind::descriptor) {
    return modify_own(token, *entry, owns_.find(token.index)->second.source);
  }
  if (entry->exclusive) {
    return refuse(PollerErrc::bad_exclusive);
  }
  entry->armed = entry->interest;
  return tell_selector(Change::Action::modify, token, *entry);
}

Result<> Poller::Core::remove(Token token) noexcept {
  if (!mark_.holds()) {
    return refuse(PollerErrc::forked);
  }
  SourceEntry* entry = table_.find(token);
  if (entry == nullptr) {
    return refuse(PollerErrc::unknown_source);
  }
  Result<> done;
  if (entry->handle != kNoHandle) {
    done = tell_selector(Change::Action::remove, token, *entry);
  }
  if (entry->kind == Kind::descriptor) {
    by_handle_[static_cast<std::size_t>(entry->handle)] = kAbsent;
  } else {
    close_own(token, *entry);
  }
  retire(token);
  return done;
}

void Poller::Core::retire(Slot slot) noexcept {
  if (audit_) {
    audit_->forget(slot);
  }
  table_.give(slot);
}

void Poller::Core::number_given_out(NativeHandle handle) noexcept {
  const auto number = static_cast<std::size_t>(handle);
  if (number < by_handle_.size() && by_handle_[number] != kAbsent) {
    const std::uint32_t old = std::exchange(by_handle_[number], kAbsent);
    retire({old, table_.data()[old].generation});
  }
}

Result<> Poller::Core::close(Token token) noexcept {
  const SourceEntry* entry = table_.find(token);
  if (entry != nullptr && entry->kind != Kind::descriptor) {
    return refuse(PollerErrc::wrong_source);
  }
  const NativeHandle handle = entry != nullptr ? entry->handle : kNoHandle;
  auto removed = remove(token);
  if (removed) {
    ::close(handle);
  }
  return removed;
}

void Poller::Core::would_block(Token token, std::uint32_t directions) noexcept {
  SourceEntry* entry = table_.find(token);
  if (entry == nullptr || entry->kind != Kind::descriptor || !mark_.holds()) {
    return;
  }
  if (audit_ && (directions & kReadable) != 0) {
    audit_->forget(token);
  }
  if (entry->trigger == Trigger::edge && !traits_.edge) {
    set_armed(token, *entry, entry->armed | (entry->interest & with_its_end(directions)));
  }
}

void Poller::Core::notify() noexcept {
  if (mark_.holds()) {
    selector_->notify();
  }
}

Result<> Poller::Core::post(Token token) noexcept {
  if (!mark_.holds()) {
    return refuse(PollerErrc::forked);
  }
  if (!posts_.post(token)) {
    return refuse(PollerErrc::unknown_source);
  }
  selector_->notify();
  return {};
}

}  // namespace vigil

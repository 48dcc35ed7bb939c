// Descriptors of the readiness engine: attached, watched on demand, foreign, let go.
#include <cerrno>

#include "loop/readiness_engine.hpp"

namespace vigil {
namespace {

std::uint32_t first_hints(Attach how) noexcept {
  // A stream starts writable, and not readable: registering reports bytes that already wait.
  switch (how) {
    case Attach::stream:
    case Attach::listener:
      return kWritable;
    case Attach::datagram:
      return kWritable | kPlain;
    case Attach::pipe:
      return kWritable | kPlain | kPipe;
    case Attach::shared_listener:
      return kOnDemand | kExclusive | kPlain;
    case Attach::foreign:
      return kOnDemand | kForeign | kPlain;
    case Attach::unwatched:
      return kUnwatched | kPlain | kPipe;
  }
  return 0;
}

}  // namespace

Result<> ReadinessEngine::change(Change::Action action, const Descriptor& descriptor,
                                 Trigger trigger, std::uint32_t interest) noexcept {
  const Change change{
      .action = action,
      .trigger = trigger,
      .exclusive = (descriptor.ready & kExclusive) != 0 && selector_->traits().exclusive,
      .handle = descriptor.handle,
      .interest = interest,
      .slot = {descriptor.index, descriptor.generation}};
  return selector_->apply({&change, 1});
}

Result<Descriptor*> ReadinessEngine::attach(NativeHandle handle, Attach how,
                                            std::source_location where) noexcept {
  if (handle >= selector_->traits().handles && how != Attach::unwatched) {
    return error(EMFILE);
  }
  if (how == Attach::foreign) {
    // One task may wait for reading and another for writing: the selector knows a handle once.
    if (Descriptor* known = find_foreign(handle)) {
      ++known->context;
      return known;
    }
  }
  Descriptor* descriptor = table_.take(where);
  if (descriptor == nullptr) {
    return error(ENOMEM);
  }
  descriptor->handle = handle;
  descriptor->ready = first_hints(how);
  if ((descriptor->ready & (kOnDemand | kUnwatched)) == 0) {
    const std::uint32_t interest =
        how == Attach::listener ? kReadable : kReadable | kWritable | kPeerClosed;
    auto added = level_ ? change(Change::Action::add, *descriptor, Trigger::level, 0)
                        : change(Change::Action::add, *descriptor, Trigger::edge, interest);
    if (!added) {
      table_.give(*descriptor);
      return std::unexpected(added.error());
    }
  }
  if (how == Attach::foreign) {
    remember_foreign(*descriptor);
  } else if (Descriptor* vanished = find_foreign(handle)) {
    end_vanished(*vanished);
  }
  return descriptor;
}

// ---- Foreign handles: may be closed, and their numbers given out again, at any time ----

Descriptor* ReadinessEngine::find_foreign(NativeHandle handle) noexcept {
  for (std::uint32_t index = foreign_; index != kNoForeign; index = table_[index].next_free) {
    if (table_[index].handle == handle) {
      return &table_[index];
    }
  }
  return nullptr;
}

void ReadinessEngine::remember_foreign(Descriptor& descriptor) noexcept {
  descriptor.next_free = foreign_;
  foreign_ = descriptor.index;
}

void ReadinessEngine::forget_foreign(const Descriptor& descriptor) noexcept {
  std::uint32_t* link = &foreign_;
  while (*link != descriptor.index) {
    link = &table_[*link].next_free;
  }
  *link = descriptor.next_free;
}

// Its number was registered for another file, so the one that is waited for was closed and left the
// selector by itself. To remove it now would remove the other.
void ReadinessEngine::end_vanished(Descriptor& descriptor) noexcept {
  descriptor.ready &= ~(kRegistered | kReading);
  for (Op** waiting : {&descriptor.reader, &descriptor.writer}) {
    if (Op* op = std::exchange(*waiting, nullptr)) {
      Loop::current()->finish(*op, -EBADF);
    }
  }
}

NativeHandle ReadinessEngine::leave(Descriptor& descriptor) noexcept {
  check(descriptor.reader == nullptr && descriptor.writer == nullptr,
        "a stream, socket or listener was destroyed while a task waits on it: end that task first "
        "(its scope's cancel does), then destroy");
  drop_early(buffers_, descriptor);
  const NativeHandle handle = descriptor.handle;
  // Closing leaves the interest list by itself, unless a duplicate is open or the backend keeps its
  // own list.
  const bool registered =
      (descriptor.ready & (kOnDemand | kUnwatched)) == 0 || (descriptor.ready & kRegistered) != 0;
  if (registered && (level_ || (descriptor.ready & kShared) != 0)) {
    static_cast<void>(change(Change::Action::remove, descriptor, Trigger::level, 0));
  }
  table_.give(descriptor);
  return handle;
}

// Registered while an operation waits, level-triggered once: for handles that are somebody else's,
// or shared.
void ReadinessEngine::watch_on_demand(Descriptor& descriptor, Op& op) noexcept {
  const std::uint32_t interest = (descriptor.reader != nullptr ? kReadable | kPriority : 0u) |
                                 (descriptor.writer != nullptr ? kWritable : 0u);
  const bool exclusive = (descriptor.ready & kExclusive) != 0;
  const bool added = (descriptor.ready & kRegistered) != 0;
  if (exclusive && added) {
    return;
  }
  const Trigger trigger = exclusive || level_ ? Trigger::level : Trigger::oneshot;
  const std::uint32_t asked = exclusive ? std::uint32_t{kReadable} : interest;
  auto watched =
      change(added ? Change::Action::modify : Change::Action::add, descriptor, trigger, asked);
  if (!watched && added && watched.error() == std::errc::no_such_file_or_directory) {
    // The file that was watched is closed, and the number is another's by now.
    watched = change(Change::Action::add, descriptor, trigger, asked);
  }
  if (watched) {
    descriptor.ready |= kRegistered;
    descriptor.told = interest;
    return;
  }
  (waits_for_reading(op.code) ? descriptor.reader : descriptor.writer) = nullptr;
  Loop::current()->finish(op, -watched.error().value());
}

// After an operation of such a descriptor ended: watched on for the other one, or not at all.
void ReadinessEngine::settle_on_demand(Descriptor& descriptor) noexcept {
  if ((descriptor.ready & kRegistered) == 0) {
    return;
  }
  if (Op* other = descriptor.reader != nullptr ? descriptor.reader : descriptor.writer) {
    watch_on_demand(descriptor, *other);
    return;
  }
  // It may have been closed meanwhile: then it left by itself.
  static_cast<void>(change(Change::Action::remove, descriptor, Trigger::level, 0));
  descriptor.ready &= ~std::uint32_t{kRegistered};
}

// A level-triggered selector is told before each wait what is waited for now; it scans everything
// anyhow.
void ReadinessEngine::tell_interest() noexcept {
  for (std::uint32_t index = 0; index < table_.made(); ++index) {
    Descriptor& descriptor = table_[index];
    if (descriptor.handle == kNoHandle || (descriptor.ready & (kOnDemand | kUnwatched)) != 0) {
      continue;
    }
    // Who waits for a buffer is not waited for: its bytes are there, and would end every wait.
    const bool reads = descriptor.reader != nullptr && (descriptor.ready & kStarved) == 0;
    const std::uint32_t wanted =
        (reads ? kReadable | kPeerClosed : 0u) | (descriptor.writer != nullptr ? kWritable : 0u);
    if (wanted != descriptor.told &&
        change(Change::Action::modify, descriptor, Trigger::level, wanted)) {
      descriptor.told = wanted;
    }
  }
}

}  // namespace vigil

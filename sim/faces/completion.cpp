// What the engine of completions holds, what it ends, and when it tells.
#include "faces/completion.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "faces/parts.hpp"
#include "vigil/loop/sleepers.hpp"

namespace vigil::sim {
namespace {

constexpr EngineTraits kTraits{.name = "sim-completion", .pollable = false};

// kPlain keeps everybody from guessing what the kernel would answer: every operation is submitted.
std::uint32_t hints(Attach how) noexcept {
  switch (how) {
    case Attach::pipe:
      return kPlain | kPipe;
    case Attach::foreign:
      return kPlain | kForeign;
    case Attach::unwatched:
      return kPlain | kPipe | kUnwatched;
    case Attach::stream:
    case Attach::datagram:
    case Attach::listener:
    case Attach::shared_listener:
      break;
  }
  return kPlain;
}

}  // namespace

CompletionEngine::CompletionEngine(Seat& seat, EngineParts parts) noexcept
    : seat_(seat), syscalls_(parts.syscalls), buffers_(parts.buffers) {
  delay_.seat = &seat;
  delay_.fire = [](Alarm& alarm) noexcept { static_cast<Delay&>(alarm).seat->woken(); };
}

CompletionEngine::~CompletionEngine() {
  abandon();
  for (const auto& held : held_) {
    if (held && held->queue != nullptr) {
      held->queue->remove(*held);
    }
  }
}

const EngineTraits& CompletionEngine::traits() const noexcept { return kTraits; }

// ---- Descriptors ----

Result<Descriptor*> CompletionEngine::attach(NativeHandle handle, Attach how,
                                             std::source_location where) noexcept {
  if (seat_.gone()) {
    return error(std::errc::operation_canceled);
  }
  File* file = seat_.process().file(handle);
  if (file == nullptr) {
    return error(EBADF);
  }
  if (how != Attach::unwatched && !file->watchable()) {
    return error(EPERM);
  }
  Descriptor* descriptor = table_.take(where);
  if (descriptor == nullptr) {
    return error(ENOMEM);
  }
  descriptor->handle = handle;
  descriptor->ready = hints(how);
  if (hold(*descriptor, file, how) == nullptr) {
    table_.give(*descriptor);
    return error(ENOMEM);
  }
  return descriptor;
}

CompletionEngine::Held* CompletionEngine::hold(Descriptor& descriptor, File* file,
                                               Attach how) noexcept {
  try {
    if (descriptor.index >= held_.size()) {
      held_.resize(descriptor.index + 1);
    }
    stirred_.reserve(held_.size());
    // Each direction twice: told, and ended anew; an answer; a word to who hibernates.
    ends_.reserve(6 * held_.size());
    auto& place = held_[descriptor.index];
    if (!place) {
      place = std::make_unique<Held>();
      place->engine = this;
      place->index = descriptor.index;
      place->wake = &CompletionEngine::stir;
      place->reader.engine = place->writer.engine = this;
      place->reader.fire = place->writer.fire = &CompletionEngine::cancel_late;
    }
    place->shared = place->exclusive = how == Attach::shared_listener;
    place->last_end = {};
    if (how != Attach::unwatched) {
      file->queue().add(*place);
    }
    return place.get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

NativeHandle CompletionEngine::leave(Descriptor& descriptor) noexcept {
  Held& held = *held_[descriptor.index];
  check(held.reader.op == nullptr && held.writer.op == nullptr,
        "a stream, socket or listener was destroyed while a task waits on it: end that task first "
        "(its scope's cancel does), then destroy");
  if (held.queue != nullptr) {
    held.queue->remove(held);
  }
  drop_early(buffers_, descriptor);
  const NativeHandle handle = descriptor.handle;
  table_.give(descriptor);
  return handle;
}

void CompletionEngine::detach(Descriptor& descriptor) noexcept {
  const bool ours = (descriptor.ready & kForeign) == 0;
  const NativeHandle handle = leave(descriptor);
  if (ours) {
    syscalls_.close(handle);
  }
}

NativeHandle CompletionEngine::release(Descriptor& descriptor) noexcept {
  return leave(descriptor);
}

// ---- The queue ----

Result<> CompletionEngine::drive(Loop& loop, Nanos at_most) noexcept {
  loop.drain(*this, at_most);
  return {};
}

void CompletionEngine::wait(Nanos at_most) noexcept {
  seat_.turns();
  if (seat_.gone()) {
    return;
  }
  settle();
  ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(std::exchange(told_, 0)));
  const Instant now = this->now();
  batch_ = static_cast<std::size_t>(
      std::partition_point(ends_.begin(), ends_.end(),
                           [now](const End& end) { return end.due <= now; }) -
      ends_.begin());
  events_ += batch_;
  if (batch_ == 0 && !notified_ && at_most > Nanos::zero()) {
    seat_.waits(at_most);
  }
  if (batch_ != ends_.size()) {
    seat_.kernel().clock().set(delay_, ends_[batch_].due);
  }
  notified_ = false;
}

Op* CompletionEngine::next(Loop& loop) noexcept {
  while (told_ != batch_) {
    const End end = ends_[told_++];
    Descriptor& descriptor = table_[end.slot.index];
    if (end.rouses) {
      held_[end.slot.index]->rousing = false;
      if ((descriptor.ready & kAsleep) != 0 && readable(descriptor)) {
        loop.count(Opcode::poll_in);
        return &Sleepers::of(descriptor).wake(descriptor);
      }
      continue;
    }
    if (end.op == nullptr) {
      --answers_;
      continue;
    }
    check(descriptor.generation == end.slot.generation,
          "the simulated kernel ended an operation of a descriptor that is no more");
    forget(side(*end.op));
    end.op->state = OpState::finished;
    loop.count(end.op->code);
    return end.op;
  }
  return nullptr;
}

// Behind all that come as early.
void CompletionEngine::enqueue(End end) noexcept {
  const auto place =
      std::upper_bound(ends_.begin() + static_cast<std::ptrdiff_t>(batch_), ends_.end(), end,
                       [](const End& a, const End& b) { return a.due < b.due; });
  ends_.insert(place, end);
  if (end.due <= now()) {
    seat_.woken();
  } else if (!delay_.set() || delay_.at > end.due) {
    seat_.kernel().clock().set(delay_, end.due);
  }
}

// Whether some task would hear of an end now.
bool CompletionEngine::due() const noexcept {
  const Instant now = this->now();
  for (std::size_t i = told_; i != ends_.size() && ends_[i].due <= now; ++i) {
    if (ends_[i].op != nullptr || ends_[i].rouses) {
      return true;
    }
  }
  return false;
}

bool CompletionEngine::ready() const noexcept {
  return due() || (!starved_.empty() && buffers_.available());
}

void CompletionEngine::wake() noexcept {
  notified_ = true;
  seat_.woken();
}

EngineLedger CompletionEngine::ledger() const noexcept {
  EngineLedger ledger{.descriptors = table_.live(), .operations = 0};
  for (const auto& held : held_) {
    if (held) {
      ledger.operations +=
          (held->reader.op != nullptr ? 1u : 0u) + (held->writer.op != nullptr ? 1u : 0u);
    }
  }
  return ledger;
}

void CompletionEngine::abandon() noexcept {
  seat_.kernel().clock().stop(delay_);
  for (std::size_t i = told_; i != ends_.size(); ++i) {
    const Op* op = ends_[i].op;
    if (op != nullptr && op->code == Opcode::receive && op->result > 0) {
      buffers_.give(op->data);
    }
  }
  ends_.clear();
  told_ = batch_ = answers_ = 0;
  stirred_.clear();
  starved_.first = starved_.last = nullptr;
  for (const auto& held : held_) {
    if (held) {
      held->stirred = held->rousing = false;
      forget(held->reader);
      forget(held->writer);
    }
  }
  for (std::uint32_t index = 0; index < table_.made(); ++index) {
    table_[index].context = 0;
  }
}

Result<std::unique_ptr<Engine>> make_completion_engine(EngineParts parts) {
  Seat* seat = Seat::current();
  if (seat == nullptr) {
    return error(std::errc::no_such_device);
  }
  std::unique_ptr<Engine> made(new (std::nothrow) CompletionEngine(*seat, parts));
  if (!made) {
    return error(std::errc::not_enough_memory);
  }
  return made;
}

}  // namespace vigil::sim

// A batch of the readiness engine: waits, and turns events into finished operations one by one.
#include "loop/readiness_engine.hpp"

#include <cerrno>
#include <new>

#include "vigil/loop/sleepers.hpp"

namespace vigil {
namespace {

constexpr std::uint32_t kReadSide = kReadable | kPriority | kPeerClosed | kHungUp | kError;
constexpr std::uint32_t kWriteSide = kWritable | kHungUp | kError;
constexpr std::uint32_t kEnd =
    kPeerClosed | kHungUp | kError;  // after these no further edge need come

}  // namespace

// Here, so that the whole of a batch is inlined into it.
Result<> ReadinessEngine::drive(Loop& loop, Nanos at_most) noexcept {
  loop.drain(*this, at_most);
  return {};
}

void ReadinessEngine::wait(Nanos at_most) noexcept {
  if (level_) {
    tell_interest();
  }
  auto got = selector_->wait(room_, ready() ? Nanos::zero() : at_most);
  if (!got) [[unlikely]] {
    // Nothing is lost: what was ready stays ready. What could fail here is a broken process, not a
    // busy one.
    check(got.error() == std::errc::interrupted,
          "waiting for events failed: was the loop's own "
          "descriptor closed, or used after a fork?");
    cursor_ = end_ = quick_end_ = room_.data();
    return;
  }
  events_ += got->size();
  cursor_ = got->data();
  end_ = cursor_ + got->size();
  quick_end_ = starved_.empty() ? end_ : cursor_;
  feed_ = static_cast<std::uint32_t>(room_.size());
}

// The common event first: bytes for a `receive` that waits on a healthy stream.
[[gnu::always_inline]] inline Op* ReadinessEngine::next(Loop& loop) noexcept {
  const Event* event = cursor_;
  if (event == quick_end_) [[unlikely]] {
    return starved_.empty() ? nullptr : next_slow(loop);
  }
  Descriptor& descriptor = table_[event->slot.index];
  if (descriptor.generation == event->slot.generation &&
      descriptor.ready == (kWritable | kReceiving) &&
      (event->ready & ~std::uint32_t{kReadable | kWritable}) == 0) [[likely]] {
    if (std::byte* buffer = buffers_.take()) [[likely]] {
      const std::int32_t got = syscalls_.recv(descriptor.handle, buffer, Buffers::kSize);
      if (got > 0) [[likely]] {
        const bool full = got == static_cast<std::int32_t>(Buffers::kSize);
        descriptor.ready = kWritable | (full ? std::uint32_t{kReadable} : 0u);
        cursor_ = const_cast<Event*>(event) + 1;
        Op* op = std::exchange(descriptor.reader, nullptr);
        op->data = buffer;
        op->result = got;
        op->state = OpState::finished;
        loop.count(Opcode::receive);
        return op;
      }
      buffers_.give(buffer);
      if (got != -EAGAIN && got != -EINTR) {
        loop.count(Opcode::receive);
        return end_receive(descriptor, got);
      }
    }
  }
  return next_slow(loop);
}

// The end of a stream, or its error, which the kernel tells once: it is not asked again.
[[gnu::noinline]] Op* ReadinessEngine::end_receive(Descriptor& descriptor,
                                                   std::int32_t result) noexcept {
  ++cursor_;
  descriptor.ready = kWritable | kReadable;
  Op* op = std::exchange(descriptor.reader, nullptr);
  op->data = nullptr;
  op->result = result;
  op->state = OpState::finished;
  return op;
}

[[gnu::noinline]] Op* ReadinessEngine::next_slow(Loop& loop) noexcept {
  Op* op = feed_starved();
  if (op == nullptr) {
    op = next_event();
  }
  if (op != nullptr) {
    loop.count(op->code);
  }
  quick_end_ = starved_.empty() ? end_ : cursor_;
  return op;
}

Op* ReadinessEngine::next_event() noexcept {
  for (; cursor_ != end_; ++cursor_) {
    Event& event = *cursor_;
    Descriptor& descriptor = table_[event.slot.index];
    if (descriptor.generation != event.slot.generation) {
      continue;  // for the handle's last owner
    }
    if ((event.ready & kEnd) != 0) {
      descriptor.ready |= kOver;
    }
    if ((event.ready & kReadSide) != 0) {
      descriptor.ready |= kReadable;
      if (Op* op = end_read(descriptor)) {
        event.ready &= kWriteSide;
        if ((event.ready & kWriteSide) == 0) {
          ++cursor_;
        } else {
          event.ready = kWritable;  // the write side of this event follows at the next call
        }
        return op;
      }
    }
    if ((event.ready & kWriteSide) != 0) {
      descriptor.ready |= kWritable;
      if (Op* op = end_write(descriptor)) {
        ++cursor_;
        return op;
      }
    }
  }
  return nullptr;
}

Op* ReadinessEngine::end_read(Descriptor& descriptor) noexcept {
  Op* op = descriptor.reader;
  if (op == nullptr) {
    return nullptr;
  }
  if ((descriptor.ready & kAsleep) != 0) {
    return &Sleepers::of(descriptor).wake(descriptor);
  }
  if (op->code == Opcode::poll_in) {
    op->result = static_cast<std::int32_t>(cursor_->ready);
  } else if (!read_now(descriptor, *op)) {
    if (op->code == Opcode::accept) {
      ++empty_accepts_;
    }
    return nullptr;
  }
  descriptor.reader = nullptr;
  descriptor.ready &= ~(kReceiving | kReading);
  settle_on_demand(descriptor);
  op->state = OpState::finished;
  return op;
}

Op* ReadinessEngine::end_write(Descriptor& descriptor) noexcept {
  Op* op = descriptor.writer;
  if (op == nullptr) {
    return nullptr;
  }
  if (op->code == Opcode::poll_out) {
    op->result = static_cast<std::int32_t>(cursor_->ready);
  } else if (!write_now(descriptor, *op)) {
    return nullptr;
  }
  descriptor.writer = nullptr;
  settle_on_demand(descriptor);
  op->state = OpState::finished;
  return op;
}

// A receive that found no buffer, now that one came back.
Op* ReadinessEngine::feed_starved() noexcept {
  while (!starved_.empty() && feed_ != 0) {
    std::byte* buffer = buffers_.take();
    if (buffer == nullptr) {
      return nullptr;
    }
    --feed_;
    Op* op = starved_.pop();
    Descriptor& descriptor = *op->on;
    descriptor.ready &= ~std::uint32_t{kStarved};
    if (receive_into(buffer, descriptor, *op)) {
      descriptor.reader = nullptr;
      descriptor.ready &= ~(kReceiving | kReading);
      op->state = OpState::finished;
      return op;
    }
  }
  return nullptr;
}

EngineLedger ReadinessEngine::ledger() const noexcept {
  EngineLedger ledger{.descriptors = table_.live(), .operations = 0};
  for (std::uint32_t index = 0; index < table_.made(); ++index) {
    const Descriptor& descriptor = table_[index];
    if (descriptor.handle != kNoHandle && (descriptor.ready & kAsleep) == 0) {
      ledger.operations +=
          (descriptor.reader != nullptr ? 1u : 0u) + (descriptor.writer != nullptr ? 1u : 0u);
    }
  }
  return ledger;
}

void ReadinessEngine::abandon() noexcept {
  for (std::uint32_t index = 0; index < table_.made(); ++index) {
    Descriptor& descriptor = table_[index];
    descriptor.reader = descriptor.writer = nullptr;
    descriptor.ready &= ~(kReceiving | kReading | kStarved);
    descriptor.context =
        0;  // nobody else waits for a foreign handle, nothing of a file is in a lane
  }
  starved_.first = starved_.last = nullptr;
  cursor_ = quick_end_ = end_ = room_.data();
}

Result<std::unique_ptr<Engine>> make_readiness_engine(std::unique_ptr<Selector> selector,
                                                      EngineParts parts) {
  std::unique_ptr<Engine> made(new (std::nothrow) ReadinessEngine(std::move(selector), parts));
  if (!made) {
    return error(std::errc::not_enough_memory);
  }
  return made;
}

}  // namespace vigil

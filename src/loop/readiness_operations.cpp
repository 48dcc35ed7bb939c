// Operations of the readiness engine: started, parked, taken back, performed.
#include <cerrno>

#include "loop/one_at_a_time.hpp"
#include "loop/readiness_engine.hpp"
#include "vigil/loop/sleepers.hpp"

namespace vigil {

// ---- Operations: started, parked, taken back ----

bool ReadinessEngine::submit(Op& op) noexcept {
  if (may_block(op.code)) {
    return Loop::current()->file_lane().submit(op);
  }
  Descriptor& descriptor = *op.on;
  if ((descriptor.ready & kUnwatched) != 0) {
    return Loop::current()->file_lane().submit(op);
  }
  if (waits_for_writing(op.code)) {
    check_only_writer(descriptor);
    if (((descriptor.ready & kWritable) != 0 || (descriptor.ready & kOnDemand) != 0) &&
        op.code != Opcode::poll_out && write_now(descriptor, op)) {
      return false;
    }
    descriptor.writer = &op;
  } else {
    check_only_reader(descriptor);
    if (op.code == Opcode::poll_in && Sleepers::of(op) != nullptr) [[unlikely]] {
      return fall_asleep(descriptor, op);
    }
    if (((descriptor.ready & kReadable) != 0 || (descriptor.ready & kOnDemand) != 0) &&
        op.code != Opcode::poll_in && read_now(descriptor, op)) {
      return false;
    }
    descriptor.reader = &op;
    descriptor.ready |= op.code == Opcode::receive ? kReceiving : kReading;
  }
  if ((descriptor.ready & kOnDemand) != 0) {
    watch_on_demand(descriptor, op);
  }
  return true;
}

// What is ready when it falls asleep has been told of already. False: something is.
bool ReadinessEngine::fall_asleep(Descriptor& descriptor, Op& sleepers) noexcept {
  if ((descriptor.ready & kReadable) != 0 || descriptor.early != 0) {
    return false;
  }
  descriptor.reader = &sleepers;
  descriptor.ready |= kReading | kAsleep;
  return true;
}

void ReadinessEngine::cancel(Op& op) noexcept {
  Descriptor& descriptor = *op.on;
  if (descriptor.reader == &op) {
    descriptor.reader = nullptr;
    descriptor.ready &= ~(kReceiving | kReading);
  } else if (descriptor.writer == &op) {
    descriptor.writer = nullptr;
  } else {
    return;  // finished already: the result stands
  }
  if ((descriptor.ready & kStarved) != 0 && waits_for_reading(op.code)) {
    descriptor.ready &= ~std::uint32_t{kStarved};
    starved_.remove(op);
    if (starved_.empty()) {
      quick_end_ = end_;
    }
  }
  settle_on_demand(descriptor);
  Loop::current()->finish(op, -ECANCELED);
}

// ---- Operations: performed ----

// True: the operation ended. False: it would block, and readable is cleared (or no buffer was
// there).
bool ReadinessEngine::read_now(Descriptor& descriptor, Op& op) noexcept {
  if (descriptor.early != 0) [[unlikely]] {
    hand_out_early(buffers_, descriptor, op);
    return true;
  }
  if (op.code == Opcode::receive) {
    return receive_now(descriptor, op);
  }
  const std::int32_t got = syscalls_.perform(op);
  if (got == -EAGAIN) {
    descriptor.ready &= ~std::uint32_t{kReadable};
    return false;
  }
  op.result = got;
  return true;
}

bool ReadinessEngine::receive_now(Descriptor& descriptor, Op& op) noexcept {
  if ((descriptor.ready & kStarved) != 0) {
    return false;
  }
  // First come, first served: who waits for a buffer is not overtaken.
  if (std::byte* buffer = starved_.empty() ? buffers_.take() : nullptr) {
    return receive_into(buffer, descriptor, op);
  }
  op.data = nullptr;
  descriptor.ready |= kStarved;
  starved_.push(op);
  quick_end_ = cursor_;
  return false;
}

bool ReadinessEngine::receive_into(std::byte* buffer, Descriptor& descriptor, Op& op) noexcept {
  op.data = buffer;
  op.size = Buffers::kSize;
  std::int32_t got = 0;
  do {
    got = (descriptor.ready & kPlain) == 0
              ? syscalls_.recv(descriptor.handle, buffer, Buffers::kSize)
              : syscalls_.perform(op);
  } while (got == -EINTR);
  if (got > 0) [[likely]] {
    // A short read empties a stream, unless its end is already known to follow: no edge announces
    // that any more.
    if (got < static_cast<std::int32_t>(Buffers::kSize) &&
        (descriptor.ready & (kOver | kPlain)) == 0) {
      descriptor.ready &= ~std::uint32_t{kReadable};
    }
    op.result = got;
    return true;
  }
  buffers_.give(buffer);
  op.data = nullptr;
  if (got == -EAGAIN) {
    descriptor.ready &= ~std::uint32_t{kReadable};
    return false;
  }
  op.result = got;
  return true;
}

bool ReadinessEngine::write_now(Descriptor& descriptor, Op& op) noexcept {
  if (op.code == Opcode::send && (descriptor.ready & kPlain) == 0) {
    return send_now(descriptor, op);
  }
  const std::int32_t done =
      syscalls_.perform(op);  // advances what the operation still has to write
  if (done == -EAGAIN) {
    descriptor.ready &= ~std::uint32_t{kWritable};
    return false;
  }
  op.result = done;
  return true;
}

bool ReadinessEngine::send_now(Descriptor& descriptor, Op& op) noexcept {
  for (;;) {
    const std::int32_t sent = syscalls_.send(descriptor.handle, op.data, op.size);
    if (sent == static_cast<std::int32_t>(op.size)) [[likely]] {
      op.result = 0;
      return true;
    }
    if (sent == -EAGAIN) {
      descriptor.ready &= ~std::uint32_t{kWritable};
      return false;
    }
    if (sent >= 0) {
      op.data += sent;
      op.size -= static_cast<std::uint32_t>(sent);
    } else if (sent != -EINTR) {
      op.result = sent;
      return true;
    }
  }
}

}  // namespace vigil

// Receiving of streams: bytes come ahead of who asks for them, or wait in the socket for a buffer.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "loop/uring/engine.hpp"
#include "vigil/base/errc.hpp"
#include "vigil/loop/sleepers.hpp"

namespace vigil {

using uring::Tag;

// ---- Receiving ----

bool UringEngine::start_receive(Descriptor& descriptor, Op& op) noexcept {
  if (op.code == Opcode::read && op.size == 0) {
    op.result = 0;
    return false;
  }
  if (descriptor.early != 0) {
    hand_out(descriptor, op);
    return false;
  }
  if (const std::uint32_t failure = descriptor.told >> uring::kFailureShift; failure != 0) {
    descriptor.told &= (1u << uring::kFailureShift) - 1;  // told once
    op.result = -static_cast<std::int32_t>(failure);
    return false;
  }
  if ((descriptor.told & uring::kEnded) != 0) {
    op.result = 0;
    return false;
  }
  descriptor.reader = &op;
  descriptor.ready |= op.code == Opcode::receive ? kReceiving : kReading;
  if ((descriptor.told & uring::kArmed) == 0) {
    if (starved_.empty()) {
      arm_receive(descriptor);
    } else {
      starve(descriptor, op);  // first come, first served: who waits for a buffer is not overtaken
    }
  }
  return true;
}

// The receive that stays armed wakes it, with bytes that are early then; where nothing is received
// ahead, a poll in its place. False: something is there.
bool UringEngine::fall_asleep(Descriptor& descriptor, Op& sleepers) noexcept {
  if (descriptor.early != 0 || (descriptor.told & uring::kEnded) != 0 ||
      descriptor.told >> uring::kFailureShift != 0) {
    return false;
  }
  descriptor.reader = &sleepers;
  descriptor.ready |= kReading | kAsleep;
  if ((descriptor.told & uring::kArmed) != 0) {
    return true;
  }
  if ((descriptor.ready & kPlain) == 0) {
    arm_receive(descriptor);
    return true;
  }
  io_uring_sqe& entry = ring_.next();
  entry.opcode = IORING_OP_POLL_ADD;
  entry.fd = descriptor.handle;
  entry.poll32_events = kReadable | kPriority | kPeerClosed;
  entry.user_data = cookie(descriptor, Tag::receive);
  descriptor.told |= uring::kArmed;
  return true;
}

// The first receive of a stream is for once: who answers it and closes then has nothing to take
// back from the kernel.
void UringEngine::arm_receive(Descriptor& descriptor) noexcept {
  if (offer_.offered() == 0) {
    offer_.grow();
    offer_.fill(early_);
  }
  io_uring_sqe& entry = ring_.next();
  entry.opcode = IORING_OP_RECV;
  entry.flags = IOSQE_BUFFER_SELECT;
  entry.ioprio = (descriptor.told & uring::kReceived) != 0 ? IORING_RECV_MULTISHOT : 0;
  entry.fd = descriptor.handle;
  entry.buf_group = uring::Offer::kGroup;
  entry.user_data = cookie(descriptor, Tag::receive);
  descriptor.told |= uring::kArmed | uring::kReceived;
  descriptor.ready &= ~(kReadable | kOnDemand);
}

// Every end of a multishot receive but the common one, which next() takes.
Op* UringEngine::finish_receive(const io_uring_cqe& end) noexcept {
  std::byte* data = nullptr;
  if ((end.flags & IORING_CQE_F_BUFFER) != 0) {
    data = offer_.take(end.flags >> IORING_CQE_BUFFER_SHIFT);
    if (end.res <= 0) {
      buffers_.give(std::exchange(data, nullptr));
    }
  }
  Descriptor& descriptor = table_[uring::index_of(end.user_data)];
  if (descriptor.generation != uring::generation_of(end.user_data)) {
    if (data != nullptr) {
      buffers_.give(data);  // came for a stream that was closed
    }
    return nullptr;
  }
  if ((descriptor.ready & kPlain) != 0) {
    descriptor.told &= ~(uring::kArmed | uring::kStopping);  // the poll of one that hibernates
    return (descriptor.ready & kAsleep) != 0 ? &Sleepers::of(descriptor).wake(descriptor) : nullptr;
  }
  if ((end.flags & IORING_CQE_F_MORE) == 0) {
    descriptor.told &= ~(uring::kArmed | uring::kStopping);
    const bool more = end.res > 0 && (end.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    descriptor.ready |= kOnDemand | (more ? std::uint32_t{kReadable} : 0u);
  }
  if (end.res > 0) {
    return arrived(descriptor, data, static_cast<std::uint32_t>(end.res));
  }
  if (end.res == -ENOBUFS) {
    return without_buffer(descriptor);
  }
  if (end.res == -ECANCELED || end.res == -EINTR || end.res == -EAGAIN) {
    if (descriptor.reader != nullptr && (descriptor.told & uring::kArmed) == 0) {
      arm_receive(descriptor);  // it was stopped, and somebody asks again
    }
    return nullptr;
  }
  const bool asleep = (descriptor.ready & kAsleep) != 0;
  if (end.res == 0) {
    descriptor.told |= uring::kEnded;
  } else if (descriptor.reader == nullptr || asleep) {
    descriptor.told |= static_cast<std::uint32_t>(-end.res) << uring::kFailureShift;
  }
  if (asleep) {
    return &Sleepers::of(descriptor).wake(descriptor);
  }
  return descriptor.reader != nullptr ? end_reader(descriptor, end.res) : nullptr;
}

Op* UringEngine::end_reader(Descriptor& descriptor, std::int32_t result) noexcept {
  Op* op = std::exchange(descriptor.reader, nullptr);
  descriptor.ready &= ~(kReceiving | kReading);
  op->result = result;
  op->state = OpState::finished;
  return op;
}

Op* UringEngine::arrived(Descriptor& descriptor, std::byte* data, std::uint32_t size) noexcept {
  Op* op = descriptor.reader;
  if (op == nullptr) {
    keep(descriptor, data, 0, size);
    if (descriptor.early >= kEarlyBuffers) {
      stop(descriptor);  // what it does not read stays in the socket, and stalls its sender
    }
    return nullptr;
  }
  if (op->code == Opcode::receive) {
    op->data = data;
    return end_reader(descriptor, static_cast<std::int32_t>(size));
  }
  if ((descriptor.ready & kAsleep) != 0) {
    Op& woken = Sleepers::of(descriptor).wake(descriptor);
    keep(descriptor, data, 0, size);
    return &woken;
  }
  const std::uint32_t taken = std::min(size, op->size);
  std::memcpy(op->data, data, taken);
  if (taken < size) {
    keep(descriptor, data, taken, size);
  } else {
    buffers_.give(data);
  }
  return end_reader(descriptor, static_cast<std::int32_t>(taken));
}

// ---- Bytes that came early: a list through the headers of their buffers ----

void UringEngine::keep(Descriptor& descriptor, std::byte* data, std::uint32_t from,
                       std::uint32_t to) noexcept {
  auto* piece = ::new (data - Buffers::kHeader) Early{nullptr, from, to};
  if (descriptor.early++ == 0) {
    descriptor.early_first = piece;
  } else {
    static_cast<Early*>(descriptor.early_last)->next = piece;
  }
  descriptor.early_last = piece;
  ++early_;
  descriptor.ready |= kReadable;
}

void UringEngine::hand_out(Descriptor& descriptor, Op& op) noexcept {
  const std::uint32_t before = descriptor.early;
  hand_out_early(buffers_, descriptor, op);
  early_ -= before - descriptor.early;
  hint(descriptor);
}

std::int32_t UringEngine::take_early(Descriptor& descriptor, std::byte*& data) noexcept {
  data = nullptr;
  settle(descriptor);
  if (const std::uint32_t failure = descriptor.told >> uring::kFailureShift; failure != 0) {
    return -static_cast<std::int32_t>(failure);
  }
  if (descriptor.early == 0) {
    return 0;
  }
  Op op;
  op.code = Opcode::receive;
  hand_out(descriptor, op);
  data = op.data;
  return op.result;
}

std::int32_t UringEngine::put_early(Descriptor& descriptor, ByteView bytes) noexcept {
  const std::uint32_t before = descriptor.early;
  const std::int32_t kept = keep_early(buffers_, descriptor, bytes);
  early_ += descriptor.early - before;
  hint(descriptor);
  return kept;
}

// The multishot is stopped first: nothing may come in between.
std::int32_t UringEngine::receive_at_hand(Descriptor& descriptor, std::byte*& data) noexcept {
  data = nullptr;
  if (!ring_.ours()) {
    return kForked;
  }
  settle(descriptor);
  Op op;
  op.code = Opcode::receive;
  op.on = &descriptor;
  if (descriptor.early != 0 || (descriptor.told & uring::kEnded) != 0) {
    static_cast<void>(start_receive(descriptor, op));  // what is known already ends at once
    data = op.data;
    return op.result;
  }
  return Engine::receive_at_hand(descriptor, data);
}

// kReadable: bytes are there that nobody took; kOnDemand: the kernel holds no receive, so one who
// asks must arm it first. With neither, a receive parks without a call.
void UringEngine::hint(Descriptor& descriptor) noexcept {
  descriptor.ready &= ~(kReadable | kOnDemand);
  descriptor.ready |= descriptor.early != 0 ? std::uint32_t{kReadable} : 0u;
  descriptor.ready |= (descriptor.told & uring::kArmed) != 0 ? 0u : kOnDemand;
}

void UringEngine::drop_early(Descriptor& descriptor) noexcept {
  auto* piece = static_cast<Early*>(descriptor.early_first);
  for (; descriptor.early != 0; --descriptor.early, --early_) {
    Early* next = piece->next;
    buffers_.give(reinterpret_cast<std::byte*>(piece) + Buffers::kHeader);
    piece = next;
  }
}

// ---- Without a buffer on offer: bytes stay in the socket, and readers wait in order ----

Op* UringEngine::without_buffer(Descriptor& descriptor) noexcept {
  const bool asleep = (descriptor.ready & kAsleep) != 0;
  if (!asleep) {  // who sleeps asks again once it is awake, and then more are wanted
    offer_.grow();
  }
  Op* op = descriptor.reader;
  if (op == nullptr || (descriptor.told & uring::kArmed) != 0) {
    return nullptr;
  }
  if (asleep) {
    return &Sleepers::of(descriptor).wake(descriptor);  // it waits for a buffer in its turn
  }
  if (op->code == Opcode::receive) {
    starve(descriptor, *op);
    return nullptr;
  }
  // It brought room of its own.
  const std::int32_t got = syscalls_.recv(descriptor.handle, op->data, op->size);
  if (got == -EAGAIN || got == -EINTR) {
    arm_receive(descriptor);
    return nullptr;
  }
  descriptor.told |= got == 0 ? uring::kEnded : 0u;
  return end_reader(descriptor, got);
}

void UringEngine::starve(Descriptor& descriptor, Op& op) noexcept {
  descriptor.ready |= kStarved;
  starved_.push(op);
  quick_end_ = ring_.cursor;
}

void UringEngine::leave_starved(Descriptor& descriptor, Op& op) noexcept {
  descriptor.ready &= ~std::uint32_t{kStarved};
  starved_.remove(op);
  leave_quickly();
}

// True: the operation ended. False: nothing was there.
bool UringEngine::receive_into(std::byte* buffer, Descriptor& descriptor, Op& op) noexcept {
  op.data = buffer;
  op.size = Buffers::kSize;
  std::int32_t got = 0;
  do {
    got = (descriptor.ready & kPlain) == 0
              ? syscalls_.recv(descriptor.handle, buffer, Buffers::kSize)
              : syscalls_.perform(op);
  } while (got == -EINTR);
  op.result = got;
  if (got > 0) {
    return true;
  }
  buffers_.give(buffer);
  op.data = nullptr;
  if (got == 0 && (descriptor.ready & kPlain) == 0) {
    descriptor.told |= uring::kEnded;
  }
  return got != -EAGAIN;
}

// A receive that found no buffer, now that one is there.
Op* UringEngine::feed_starved() noexcept {
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
      return end_reader(descriptor, op->result);
    }
    if ((descriptor.ready & kPlain) == 0) {
      arm_receive(descriptor);
    } else {
      push_poll(*op);
    }
  }
  return nullptr;
}

}  // namespace vigil

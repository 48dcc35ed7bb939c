// Accepting ahead of who asks; and every operation that waits for readiness on the ring, and is
// performed then.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "loop/uring/engine.hpp"
#include "vigil/loop/arguments.hpp"

namespace vigil {

using uring::Tag;

// ---- Accepting: a connection that came early stands in a descriptor of its own, linked ----

bool UringEngine::start_accept(Descriptor& descriptor, Op& op) noexcept {
  if (descriptor.early != 0) {
    op.result = take_first(descriptor);
    tell_peer(op, op.result);
    return false;
  }
  descriptor.reader = &op;
  descriptor.ready |= kReading;
  if ((descriptor.told & uring::kArmed) == 0) {
    arm_accept(descriptor);
  }
  return true;
}

NativeHandle UringEngine::take_first(Descriptor& listener) noexcept {
  auto* first = static_cast<Descriptor*>(listener.early_first);
  listener.early_first = first->early_first;
  --listener.early;
  const NativeHandle handle = first->handle;
  table_.give(*first);
  return handle;
}

std::int32_t UringEngine::take_accepted(Descriptor& listener) noexcept {
  if ((listener.told & uring::kListens) == 0) {
    return -EAGAIN;
  }
  settle(listener);
  return listener.early != 0 ? take_first(listener) : -EAGAIN;
}

void UringEngine::arm_accept(Descriptor& descriptor) noexcept {
  io_uring_sqe& entry = ring_.next();
  entry.opcode = IORING_OP_ACCEPT;
  entry.ioprio = IORING_ACCEPT_MULTISHOT;
  entry.fd = descriptor.handle;
  entry.accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  entry.user_data = cookie(descriptor, Tag::accept);
  descriptor.told |= uring::kArmed;
}

Op* UringEngine::finish_accept(const io_uring_cqe& end) noexcept {
  Descriptor& listener = table_[uring::index_of(end.user_data)];
  if (listener.generation != uring::generation_of(end.user_data)) {
    if (end.res >= 0) {
      syscalls_.close(end.res);  // came for a listener that was closed
    }
    return nullptr;
  }
  if ((end.flags & IORING_CQE_F_MORE) == 0) {
    listener.told &= ~(uring::kArmed | uring::kStopping);
  }
  Op* op = listener.reader;
  if (op == nullptr) {
    if (end.res >= 0) {
      connected(listener, end.res);
    }
    return nullptr;  // of an error hears who asks next: the connection is still in the backlog
  }
  const bool again = end.res == -ECANCELED || end.res == -EINTR || end.res == -EAGAIN ||
                     end.res == -ECONNABORTED || end.res == -EPROTO;
  if (again) {
    if ((listener.told & uring::kArmed) == 0) {
      arm_accept(listener);
    }
    return nullptr;
  }
  tell_peer(*op, end.res);
  return end_reader(listener, end.res);
}

void UringEngine::connected(Descriptor& listener, std::int32_t handle) noexcept {
  Descriptor* place = table_.take();
  if (place == nullptr) {
    syscalls_.close(handle);  // as many connections as there can be
    return;
  }
  place->handle = handle;
  if (listener.early++ == 0) {
    listener.early_first = place;
  } else {
    static_cast<Descriptor*>(listener.early_last)->early_first = place;
  }
  listener.early_last = place;
  if (listener.early >= kEarlyConnections) {
    stop(listener);
  }
}

// A multishot has no room for addresses.
void UringEngine::tell_peer(const Op& op, std::int32_t handle) noexcept {
  const auto* args = reinterpret_cast<const AcceptArgs*>(op.data);
  if (handle < 0 || args == nullptr || args->peer == nullptr) {
    return;
  }
  Descriptor peer;
  peer.handle = handle;
  Op ask;
  ask.code = Opcode::peer_name;
  ask.on = &peer;
  ask.data = reinterpret_cast<std::byte*>(args->peer);
  if (syscalls_.perform(ask) < 0) {
    *args->peer = {};  // it has left already
  }
}

// ---- Readiness first, then the call ----

// Connecting, datagrams, pipes, several spans, files into sockets, handles of others: the kernel
// borrows no memory for them.
bool UringEngine::start_polled(Descriptor& descriptor, Op& op) noexcept {
  const bool polls = op.code == Opcode::poll_in || op.code == Opcode::poll_out;
  if (!polls && perform(descriptor, op)) {
    return false;
  }
  if (waits_for_writing(op.code)) {
    descriptor.writer = &op;
  } else {
    descriptor.reader = &op;
    descriptor.ready |= op.code == Opcode::receive ? kReceiving : kReading;
    if (op.code == Opcode::receive && op.result == -ENOBUFS) {
      starve(descriptor, op);
      return true;
    }
  }
  push_poll(op);
  return true;
}

// True: it ended, with its result. False: it would wait; -ENOBUFS: for a receive buffer.
bool UringEngine::perform(Descriptor& descriptor, Op& op) noexcept {
  if (op.code != Opcode::receive) {
    op.result = syscalls_.perform(op);  // advances what the operation still has to write
    return op.result != -EAGAIN;
  }
  if (std::byte* buffer = starved_.empty() ? buffers_.take() : nullptr) {
    return receive_into(buffer, descriptor, op);
  }
  op.result = -ENOBUFS;
  return false;
}

void UringEngine::push_poll(Op& op) noexcept {
  const bool writes = waits_for_writing(op.code);
  const bool exclusive = (op.on->ready & kExclusive) != 0;
  io_uring_sqe& entry = ring_.next();
  entry.opcode = IORING_OP_POLL_ADD;
  entry.fd = op.on->handle;
  entry.poll32_events = writes      ? std::uint32_t{kWritable}
                        : exclusive ? kReadable | static_cast<std::uint32_t>(EPOLLEXCLUSIVE)
                                    : kReadable | kPriority;
  entry.user_data = uring::name_of(op, Tag::polled);
  op.on->told |= writes ? 0u : uring::kReaderHeld;
}

Op* UringEngine::finish_polled(Op& op, std::int32_t result) noexcept {
  Descriptor& descriptor = *op.on;
  const bool writes = waits_for_writing(op.code);
  descriptor.told &= writes ? ~0u : ~uring::kReaderHeld;
  if (result < 0 || op.code == Opcode::poll_in || op.code == Opcode::poll_out) {
    return end_polled(op, result);
  }
  if (perform(descriptor, op)) {
    return end_polled(op, op.result);
  }
  const bool stops = (descriptor.told & (writes ? uring::kWriterStops : uring::kReaderStops)) != 0;
  if (stops) {
    return end_polled(op, -ECANCELED);
  }
  if (op.code == Opcode::receive && op.result == -ENOBUFS) {
    starve(descriptor, op);
  } else {
    push_poll(op);
  }
  return nullptr;
}

Op* UringEngine::end_polled(Op& op, std::int32_t result) noexcept {
  Descriptor& descriptor = *op.on;
  if (waits_for_writing(op.code)) {
    descriptor.writer = nullptr;
    descriptor.told &= ~uring::kWriterStops;
  } else {
    descriptor.reader = nullptr;
    descriptor.told &= ~uring::kReaderStops;
    descriptor.ready &= ~(kReceiving | kReading);
  }
  op.result = (descriptor.told & uring::kVanished) != 0 ? -EBADF : result;
  op.state = OpState::finished;
  return &op;
}

}  // namespace vigil

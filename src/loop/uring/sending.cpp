// Sends of streams belong to the kernel until it has taken all.
#include <sys/socket.h>

#include <cerrno>

#include "loop/uring/engine.hpp"
#include "loop/uring/newer.hpp"

namespace vigil {

using uring::Tag;

// Without MSG_WAITALL: what a full socket took is told at once, so that a limit on stalls sees a
// slow reader go on.
void UringEngine::push_send(const Op& op) noexcept {
  io_uring_sqe& entry = ring_.next();
  put_send(entry, op.on->handle, op, MSG_NOSIGNAL | (op.code == Opcode::send_more ? MSG_MORE : 0));
  if (send_tag(op) == Tag::lent) {
    entry.opcode = IORING_OP_SEND_ZC;
    entry.ioprio = uring::kReportUsage;
    entry.user_data = uring::name_of(op, Tag::lent);
  }
}

// Settled while the kernel has the operation: kCopies changes with its last word only.
Tag UringEngine::send_tag(const Op& op) const noexcept {
  const bool lends =
      op.code == Opcode::send_zero_copy && lends_ && (op.on->told & uring::kCopies) == 0;
  return lends ? Tag::lent : Tag::send;
}

Op* UringEngine::finish_send(Op& op, std::int32_t result) noexcept {
  Descriptor& descriptor = *op.on;
  const bool stops = (descriptor.told & uring::kWriterStops) != 0;
  if (result > 0) {
    op.data += result;
    op.size -= static_cast<std::uint32_t>(result);
    result = 0;
  }
  const bool again = (result == 0 && op.size != 0) || result == -EINTR || result == -EAGAIN;
  if (again && !stops) {
    push_send(op);
    return nullptr;
  }
  descriptor.writer = nullptr;
  descriptor.told &= ~uring::kWriterStops;
  op.result = again ? -ECANCELED : result;
  op.state = OpState::finished;
  return &op;
}

// ---- Without a copy: how many bytes were taken, and then that they are ours again ----

Op* UringEngine::finish_lent(Op& op, const io_uring_cqe& end) noexcept {
  Descriptor& descriptor = *op.on;
  if ((end.flags & IORING_CQE_F_NOTIF) != 0) {
    descriptor.told &= ~uring::kBytesLent;
    if ((static_cast<std::uint32_t>(end.res) & uring::kWasCopied) != 0) {
      descriptor.told |= uring::kCopies;
    }
    return finish_send(op, op.result);
  }
  op.result = end.res;
  if (end.res > 0) {  // known at once, so that a limit on stalls sees it
    op.data += end.res;
    op.size -= static_cast<std::uint32_t>(end.res);
    op.result = 0;
  } else if (end.res == -EOPNOTSUPP || end.res == -EINVAL || end.res == -ENOMEM) {
    descriptor.told |= uring::kCopies;  // not on this socket, or not within RLIMIT_MEMLOCK
    op.result = -EAGAIN;
  }
  if ((end.flags & IORING_CQE_F_MORE) == 0) {
    return finish_send(op, op.result);
  }
  descriptor.told |= uring::kBytesLent;
  if ((descriptor.told & uring::kWriterStops) != 0) {
    take_back(op);
  }
  return nullptr;
}

// What waits to be acknowledged has no other cancel: a peer that reads nothing would keep it for
// ever. The connection ends with a reset (connect(2), AF_UNSPEC), which empties its queue.
void UringEngine::take_back(Op& op) noexcept {
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  ::connect(op.on->handle, &nobody, sizeof nobody);
  op.result = -ECANCELED;
}

}  // namespace vigil

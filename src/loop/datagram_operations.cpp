// Datagrams and messages, and the open handles that go with them.
#include "loop/control_room.hpp"
#include "loop/operations.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil {
namespace {

std::int32_t receive_datagram(Op& op) noexcept {
  auto& datagram = *reinterpret_cast<Datagram*>(op.data);
  SocketAddress peer{};
  iovec vector{datagram.data, datagram.size};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  ControlRoom control;
  if (!datagram.handles.empty()) {
    control.offer(message, datagram.handles.size());
  }
  const std::int32_t got =
      outcome([&] { return ::recvmsg(op.on->handle, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
  if (got < 0) {
    return got;
  }
  datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  datagram.handles_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  datagram.handles = datagram.handles.first(ControlRoom::take(message, datagram.handles));
  if (datagram.peer != nullptr) {
    decode(peer, message.msg_namelen, *datagram.peer);
  }
  return got;
}

std::int32_t send_datagram(Op& op) noexcept {
  const auto& datagram = *reinterpret_cast<Datagram*>(op.data);
  if (datagram.handles.size() > Datagram::kMostHandles) {
    return -EINVAL;
  }
  SocketAddress peer{};
  const socklen_t size = datagram.peer != nullptr ? encode(*datagram.peer, peer) : 0;
  iovec vector{datagram.data, datagram.size};
  msghdr message{};
  message.msg_name = size != 0 ? &peer.any : nullptr;
  message.msg_namelen = size;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  ControlRoom control;
  if (!datagram.handles.empty()) {
    control.put(message, datagram.handles);
  }
  return outcome([&] { return ::sendmsg(op.on->handle, &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

}  // namespace

std::int32_t perform_datagram(Op& op) noexcept {
  switch (op.code) {
    case Opcode::receive_from:
      return receive_datagram(op);
    case Opcode::send_to:
      return send_datagram(op);
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil

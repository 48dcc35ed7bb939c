// Messages over the engine's operations on datagrams.
#include "vigil/net/messages.hpp"

#include "net/socket.hpp"

namespace vigil {

Result<MessageSocket::Pair> MessageSocket::pair() noexcept {
  SocketPairArgs ends;
  if (const std::int32_t made = detail::perform_now(Opcode::socket_pair, nullptr, &ends);
      made < 0) {
    return failed(made);
  }
  auto attached = Loop::current()->engine().attach(ends.one, Attach::datagram);
  if (!attached) {
    Loop::current()->syscalls().close(ends.one);
    Loop::current()->syscalls().close(ends.other);
    return std::unexpected(attached.error());
  }
  return Pair{.ours = MessageSocket(*attached), .theirs = ends.other};
}

Result<MessageSocket> MessageSocket::adopt(NativeHandle handle) noexcept {
  auto attached = detail::adopt_attached(handle, AdoptArgs::What::messages, Attach::datagram);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  return MessageSocket(*attached);
}

}  // namespace vigil

// Datagrams over the engine's operations.
#include "vigil/net/udp.hpp"

#include "net/socket.hpp"

namespace vigil {

Result<UdpSocket> UdpSocket::bind(const Address& at, UdpOptions options) noexcept {
  // SO_REUSEADDR would let another program take a datagram port that is in use.
  const SocketArgs args{.name = at.name(),
                        .datagram = true,
                        .bind = true,
                        .reuse_address = false,
                        .reuse_port = options.reuse_port,
                        .only_ipv6 = options.only_ipv6};
  auto opened = detail::open_attached(args, Attach::datagram);
  if (!opened) {
    return std::unexpected(opened.error());
  }
  return UdpSocket(*opened);
}

Task<Result<UdpSocket>> UdpSocket::connect(Address peer) {
  auto opened = detail::open_attached({.name = peer.name(), .datagram = true}, Attach::datagram);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  UdpSocket socket(*opened);
  const std::int32_t result = co_await detail::Operation(Opcode::connect, *opened, &peer.name());
  if (result < 0) {
    co_return failed(result);
  }
  co_return std::move(socket);
}

Result<Address> UdpSocket::local_address() const noexcept {
  return detail::name_of(Opcode::local_name, descriptor_);
}

Result<Address> UdpSocket::peer_address() const noexcept {
  return detail::name_of(Opcode::peer_name, descriptor_);
}

Result<> UdpSocket::set(SocketOption::Name option, int value) noexcept {
  return detail::set_option(descriptor_, option, value);
}

}  // namespace vigil

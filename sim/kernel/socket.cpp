// Options of SOL_SOCKET, and what read(2) and write(2) are on a socket.
#include "kernel/socket.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/kernel.hpp"

namespace vigil::sim {
namespace {

constexpr int kMost = 212'992;  // net.core.wmem_max and rmem_max
constexpr int kLeastSend = 4608;
constexpr int kLeastReceive = 2304;

int doubled(int wanted, int least) noexcept {
  return std::max(2 * std::clamp(wanted, 0, kMost), least);
}

}  // namespace

Socket::Socket(Kernel& kernel, int its_family, int its_type, int its_protocol) noexcept
    : File(kernel),
      family(its_family),
      type(its_type),
      protocol(its_protocol),
      send_room_(static_cast<int>(kernel.limits().send_buffer)),
      receive_room_(static_cast<int>(kernel.limits().receive_buffer)) {
  access = O_RDWR;
}

std::int64_t Socket::read(std::span<std::byte> to) noexcept {
  if (to.empty()) {
    return 0;  // sock_read_iter(), unlike recv(2), asks nobody
  }
  const iovec part{to.data(), to.size()};
  Parts parts({&part, 1});
  Message message;
  return receive(parts, message);
}

std::int64_t Socket::write(std::span<const std::byte> from) noexcept {
  const iovec part{const_cast<std::byte*>(from.data()), from.size()};
  Parts parts({&part, 1});
  Message message;
  return send(parts, message);
}

int Socket::set_option(int level, int option, const void* value, socklen_t size) noexcept {
  if (level != SOL_SOCKET) {
    return -ENOPROTOOPT;
  }
  if (option == SO_LINGER) {
    linger given{};
    if (size < sizeof given) {
      return -EINVAL;
    }
    std::memcpy(&given, value, sizeof given);
    lingers_ = given.l_onoff != 0;
    linger_seconds_ = given.l_linger;
    return 0;
  }
  int number = 0;
  if (size < sizeof number) {
    return -EINVAL;
  }
  std::memcpy(&number, value, sizeof number);
  switch (option) {
    case SO_REUSEADDR:
      reuse_address_ = number != 0;
      break;
    case SO_REUSEPORT:
      reuse_port_ = number != 0;
      break;
    case SO_KEEPALIVE:
      keep_alive_ = number != 0;
      break;
    case SO_BROADCAST:
      broadcast_ = number != 0;
      break;
    case SO_SNDBUF:
      send_room_ = doubled(number, kLeastSend);
      break;
    case SO_RCVBUF:
      receive_room_ = doubled(number, kLeastReceive);
      break;
    case SO_RCVTIMEO:
    case SO_SNDTIMEO:
    case SO_PRIORITY:
    case SO_TIMESTAMP:
    case SO_OOBINLINE:
    case SO_PASSCRED:
    case SO_BUSY_POLL:
      break;  // accepted, and without effect: no call here waits, and there are no such messages
    default:
      return -ENOPROTOOPT;
  }
  options_changed();
  return 0;
}

int Socket::option(int level, int option, void* value) noexcept {
  if (level != SOL_SOCKET) {
    return -EOPNOTSUPP;
  }
  int number = 0;
  switch (option) {
    case SO_ERROR:
      number = take_error();
      break;
    case SO_TYPE:
      number = type;
      break;
    case SO_DOMAIN:
      number = family;
      break;
    case SO_PROTOCOL:
      number = protocol;
      break;
    case SO_ACCEPTCONN:
      number = is_listening() ? 1 : 0;
      break;
    case SO_REUSEADDR:
      number = reuse_address_ ? 1 : 0;
      break;
    case SO_REUSEPORT:
      number = reuse_port_ ? 1 : 0;
      break;
    case SO_KEEPALIVE:
      number = keep_alive_ ? 1 : 0;
      break;
    case SO_BROADCAST:
      number = broadcast_ ? 1 : 0;
      break;
    case SO_SNDBUF:
      number = send_room_;
      break;
    case SO_RCVBUF:
      number = receive_room_;
      break;
    case SO_LINGER: {
      const linger held{.l_onoff = lingers_ ? 1 : 0, .l_linger = linger_seconds_};
      std::memcpy(value, &held, sizeof held);
      return sizeof held;
    }
    default:
      return -ENOPROTOOPT;
  }
  std::memcpy(value, &number, sizeof number);
  return sizeof number;
}

}  // namespace vigil::sim

// The options of a TCP socket, and those that its end heeds.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>

#include "kernel/kernel.hpp"
#include "kernel/stream.hpp"

namespace vigil::sim {

void StreamSocket::options_changed() {
  tcp_->reuse_address = reuse_address_;
  tcp_->reuse_port = reuse_port_;
  if (tcp_->options.keep_alive != keep_alive_) {
    tcp_->set_keep_alive(keep_alive_);
  }
  const KernelLimits& limits = kernel_.limits();
  if (send_room_ != static_cast<int>(limits.send_buffer)) {
    tcp_->options.send_room = static_cast<std::size_t>(send_room_) / 2;
  }
  if (receive_room_ != static_cast<int>(limits.receive_buffer)) {
    tcp_->options.receive_room = static_cast<std::size_t>(receive_room_) / 2;
  }
}

int StreamSocket::set_option(int level, int option, const void* value, socklen_t size) noexcept {
  if (level == SOL_SOCKET && option == SO_ATTACH_FILTER) {
    tcp_->refuses_new = true;  // the only filter that the model has, see syscalls_socket.cpp
    return 0;
  }
  if (level == SOL_SOCKET) {
    return Socket::set_option(level, option, value, size);
  }
  int number = 0;
  if (size < sizeof number) {
    return -EINVAL;
  }
  std::memcpy(&number, value, sizeof number);
  if (level == IPPROTO_IPV6 && family == AF_INET6) {
    if (option != IPV6_V6ONLY) {
      return -ENOPROTOOPT;
    }
    if (tcp_->local.port != 0) {
      return -EINVAL;
    }
    tcp_->only_v6 = number != 0;
    return 0;
  }
  if (level != IPPROTO_TCP) {
    return -ENOPROTOOPT;
  }
  Tcp::Options& options = tcp_->options;
  const bool time = option == TCP_KEEPIDLE || option == TCP_KEEPINTVL || option == TCP_KEEPCNT;
  if (time && (number < 1 || number > 32767)) {
    return -EINVAL;
  }
  switch (option) {
    case TCP_NODELAY:
      options.no_delay = number != 0;
      return 0;
    case TCP_CORK:
      tcp_->set_cork(number != 0);
      return 0;
    case TCP_KEEPIDLE:
      options.keep_idle = std::chrono::seconds(number);
      tcp_->set_keep_alive(options.keep_alive);
      return 0;
    case TCP_KEEPINTVL:
      options.keep_interval = std::chrono::seconds(number);
      return 0;
    case TCP_KEEPCNT:
      options.keep_count = number;
      return 0;
    case TCP_USER_TIMEOUT:
      if (number < 0) {
        return -EINVAL;
      }
      options.user_timeout = std::chrono::milliseconds(number);
      return 0;
    case TCP_QUICKACK:
    case TCP_DEFER_ACCEPT:
    case TCP_SYNCNT:
    case TCP_NOTSENT_LOWAT:
    case TCP_FASTOPEN:
    case TCP_MAXSEG:
      return 0;  // accepted, and without effect
    default:
      return -ENOPROTOOPT;
  }
}

int StreamSocket::option(int level, int option, void* value) noexcept {
  if (level == SOL_SOCKET) {
    return Socket::option(level, option, value);
  }
  const Tcp::Options& options = tcp_->options;
  const auto seconds = [](Nanos span) {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(span).count());
  };
  int number = 0;
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && family == AF_INET6) {
    number = tcp_->only_v6 ? 1 : 0;
  } else if (level != IPPROTO_TCP) {
    return -ENOPROTOOPT;
  } else if (option == TCP_NODELAY) {
    number = options.no_delay ? 1 : 0;
  } else if (option == TCP_CORK) {
    number = options.corked ? 1 : 0;
  } else if (option == TCP_KEEPIDLE) {
    number = seconds(options.keep_idle);
  } else if (option == TCP_KEEPINTVL) {
    number = seconds(options.keep_interval);
  } else if (option == TCP_KEEPCNT) {
    number = options.keep_count;
  } else if (option == TCP_USER_TIMEOUT) {
    number = static_cast<int>(
        std::chrono::duration_cast<std::chrono::milliseconds>(options.user_timeout).count());
  } else {
    return -ENOPROTOOPT;
  }
  std::memcpy(value, &number, sizeof number);
  return sizeof number;
}

}  // namespace vigil::sim

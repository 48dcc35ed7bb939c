// What the kernel holds of a connection, and knows of the other side. In a file of its own: the C
// library's tcp_info has no peer's window, and the kernel's header does not go with the library's.
#include "loop/socket_queues.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <iterator>

namespace vigil {
namespace {

std::uint32_t ask(int handle, unsigned long what) noexcept {
  int bytes = 0;
  return ::ioctl(handle, what, &bytes) == 0 && bytes > 0 ? static_cast<std::uint32_t>(bytes) : 0;
}

std::int32_t look_at_tcp(int handle, SocketQueues& into) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(handle, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return -errno;
  }
  into.is_tcp = true;
  into.state = state_of_tcp(info.tcpi_state);
  into.tries = std::max({info.tcpi_retransmits, info.tcpi_probes, info.tcpi_backoff});
  if (size >= offsetof(tcp_info, tcpi_snd_wnd) + sizeof info.tcpi_snd_wnd) {
    into.peer_window = info.tcpi_snd_wnd;
  }
  into.since_received = std::chrono::milliseconds(info.tcpi_last_data_recv);
  into.round_trip = std::chrono::microseconds(info.tcpi_rtt);
  const std::uint32_t held = ask(handle, SIOCOUTQ);
  into.unsent = std::min(ask(handle, SIOCOUTQNSD), held);
  into.in_flight = held - into.unsent;
  return 0;
}

}  // namespace

SocketQueues::State state_of_tcp(std::uint8_t state) noexcept {
  using State = SocketQueues::State;
  constexpr State kStates[] = {
      State::unknown,     // none has the number 0
      State::open,        // ESTABLISHED
      State::connecting,  // SYN_SENT
      State::connecting,  // SYN_RECV
      State::we_ended,    // FIN_WAIT1
      State::we_ended,    // FIN_WAIT2
      State::closed,      // TIME_WAIT
      State::closed,      // CLOSE
      State::peer_ended,  // CLOSE_WAIT
      State::both_ended,  // LAST_ACK
      State::unknown,     // LISTEN
      State::both_ended,  // CLOSING
  };
  return state < std::size(kStates) ? kStates[state] : State::unknown;
}

std::int32_t look_at_queues(int handle, SocketQueues& into) noexcept {
  into = {};
  int type = 0;
  int protocol = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(handle, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return -errno;
  }
  if (type != SOCK_STREAM) {
    return -EOPNOTSUPP;
  }
  int unread = 0;
  if (::ioctl(handle, SIOCINQ, &unread) != 0) {
    return errno == EINVAL ? -ENOTCONN : -errno;  // a listener
  }
  into.to_read = unread > 0 ? static_cast<std::uint32_t>(unread) : 0;
  size = sizeof protocol;
  if (::getsockopt(handle, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
      protocol == IPPROTO_TCP) {
    return look_at_tcp(handle, into);
  }
  into.unsent = ask(handle, SIOCOUTQ);
  return 0;
}

}  // namespace vigil

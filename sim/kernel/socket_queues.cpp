// What a program may ask of a connection: SIOCINQ, SIOCOUTQ and TCP_INFO, in one.
#include <algorithm>
#include <cerrno>

#include "kernel/kernel.hpp"
#include "kernel/local_packet.hpp"
#include "kernel/process.hpp"
#include "kernel/stream.hpp"

namespace vigil::sim {
namespace {

SocketQueues::State told(Tcp::State state) noexcept {
  using Told = SocketQueues::State;
  switch (state) {
    case Tcp::State::established:
      return Told::open;
    case Tcp::State::fin_wait_1:
    case Tcp::State::fin_wait_2:
      return Told::we_ended;
    case Tcp::State::close_wait:
      return Told::peer_ended;
    case Tcp::State::closing:
    case Tcp::State::last_ack:
      return Told::both_ended;
    case Tcp::State::closed:
      return Told::closed;
    default:
      return Told::connecting;
  }
}

}  // namespace

// The model keeps no time of what came last, and does not count what it sends again.
void Tcp::queues(SocketQueues& out) const noexcept {
  out.is_tcp = true;
  out.state = told(state);
  out.to_read = static_cast<std::uint32_t>(buffered_);
  const std::uint64_t acked = acked_by_now();
  const std::uint64_t sent = std::max(sent_, acked);
  out.in_flight = static_cast<std::uint32_t>(sent - acked);
  out.unsent = static_cast<std::uint32_t>(accepted_ > sent ? accepted_ - sent : 0);
  out.peer_window = static_cast<std::uint32_t>(edge_ > sent ? edge_ - sent : 0);
}

int StreamSocket::queues(SocketQueues& out) const noexcept {
  out = {};
  if (is_listening()) {
    return -ENOTCONN;
  }
  tcp_->queues(out);
  return 0;
}

int LocalSocket::queues(SocketQueues& out) const noexcept {
  out = {};
  if (type != SOCK_STREAM) {
    return -EOPNOTSUPP;
  }
  if (is_listening()) {
    return -ENOTCONN;
  }
  for (const Packet* packet = first_; packet != nullptr; packet = packet->next) {
    out.to_read += static_cast<std::uint32_t>(packet->size());
  }
  out.unsent = static_cast<std::uint32_t>(charged_);
  return 0;
}

std::int32_t Process::socket_queues(int fd, SocketQueues& out) const noexcept {
  File* file = this->file(fd);
  if (file == nullptr) {
    return -EBADF;
  }
  const Socket* socket = file->socket();
  return socket == nullptr ? -ENOTSOCK : socket->queues(out);
}

}  // namespace vigil::sim

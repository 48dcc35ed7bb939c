// The calls on a TCP socket, in the order in which Linux checks (net/ipv4/af_inet.c, tcp.c).
#include "kernel/stream.hpp"

#include <netinet/in.h>

#include <cerrno>
#include <utility>

#include "kernel/addresses.hpp"
#include "kernel/sockets.hpp"

namespace vigil::sim {

StreamSocket::StreamSocket(Kernel& kernel, int its_family)
    : Socket(kernel, its_family, SOCK_STREAM, IPPROTO_TCP),
      tcp_(new Tcp(kernel, its_family, this)) {}

StreamSocket::StreamSocket(Kernel& kernel, const StreamSocket& listener) noexcept
    : Socket(kernel, listener.family, SOCK_STREAM, IPPROTO_TCP),
      tcp_(nullptr),
      state_(State::connected) {
  reuse_address_ = listener.reuse_address_;
  reuse_port_ = listener.reuse_port_;
  keep_alive_ = listener.keep_alive_;
  lingers_ = listener.lingers_;
  linger_seconds_ = listener.linger_seconds_;
  send_room_ = listener.send_room_;
  receive_room_ = listener.receive_room_;
}

StreamSocket::~StreamSocket() { closed(); }

std::uint32_t StreamSocket::ready() const noexcept {
  return tcp_ != nullptr ? tcp_->ready() : kHungUp;
}

void StreamSocket::closed() noexcept {
  if (tcp_ != nullptr) {
    std::exchange(tcp_, nullptr)->close(lingers_ && linger_seconds_ == 0);
  }
}

// tcp_disconnect(): the socket is as new, but for its options and a port that bind(2) gave it.
void StreamSocket::renew() {
  Tcp& before = *tcp_;
  tcp_ = new Tcp(kernel_, family, this);
  tcp_->options = before.options;
  tcp_->only_v6 = before.only_v6;
  tcp_->reuse_address = before.reuse_address;
  tcp_->reuse_port = before.reuse_port;
  if (before.bound_to_address) {
    tcp_->local.ip = before.local.ip;
  }
  last_port_ = before.local.port;
  if (before.bound_by_name) {
    tcp_->local.port = before.local.port;
    tcp_->bound_by_name = true;
    tcp_->bound_to_address = before.bound_to_address;
  }
  switch (before.state) {
    case Tcp::State::closed:
    case Tcp::State::listening:
    case Tcp::State::closing:
    case Tcp::State::last_ack:
      break;
    default:
      tcp_->error = ECONNRESET;
      break;
  }
  const bool bound = before.bound_by_name;
  before.close(true);
  if (bound) {
    kernel_.sockets().tcp().join(*tcp_);
  }
  state_ = State::unconnected;
}

int StreamSocket::bind(const sockaddr* name, socklen_t size) {
  Endpoint wanted;
  if (const int failed = parse_endpoint(name, size, family, wanted); failed != 0) {
    return failed;
  }
  if (!may_bind(kernel_, wanted, tcp_->only_v6)) {
    return -EADDRNOTAVAIL;
  }
  if (tcp_->state != Tcp::State::closed || tcp_->local.port != 0) {
    return -EINVAL;
  }
  return tcp_->bind(wanted);
}

int StreamSocket::listen(int backlog) {
  const bool may = tcp_->state == Tcp::State::closed || tcp_->state == Tcp::State::listening;
  if (state_ != State::unconnected || !may) {
    return -EINVAL;
  }
  return tcp_->listen(backlog);
}

int StreamSocket::connect(const sockaddr* name, socklen_t size) {
  if (size < sizeof(sa_family_t)) {
    return -EINVAL;
  }
  if (name->sa_family == AF_UNSPEC) {
    renew();
    queue().wake(kError);
    return 0;
  }
  switch (state_) {
    case State::connected:
      return -EISCONN;
    case State::unconnected:
      if (const int failed = start_connecting(name, size); failed != 0) {
        return failed;
      }
      return -EINPROGRESS;  // though within the machine the outcome is there already
    case State::connecting:
      break;
  }
  if (tcp_->state == Tcp::State::opening) {
    return -EALREADY;
  }
  if (tcp_->state == Tcp::State::closed) {
    const int failed = tcp_->take_error();
    renew();
    queue().wake(kError);
    return failed != 0 ? -failed : -ECONNABORTED;
  }
  state_ = State::connected;
  return 0;
}

int StreamSocket::start_connecting(const sockaddr* name, socklen_t size) {
  if (tcp_->state != Tcp::State::closed) {
    return -EISCONN;
  }
  Endpoint to;
  if (const int failed = parse_endpoint(name, size, family, to); failed != 0) {
    return failed;
  }
  if (const int failed = may_reach(kernel_, to, tcp_->local, tcp_->only_v6); failed != 0) {
    return failed;
  }
  if (const int failed = tcp_->connect(to); failed != 0) {
    return failed;
  }
  state_ = State::connecting;
  return 0;
}

int StreamSocket::accept(Socket*& out) {
  if (tcp_->state != Tcp::State::listening) {
    return -EINVAL;
  }
  if (tcp_->waiting() == nullptr) {
    return -EAGAIN;
  }
  if (kernel_.weather().strikes(Fault::aborted_accept, kernel_.id())) {
    tcp_->refuse_waiting();
    return -ECONNABORTED;
  }
  out = new StreamSocket(kernel_, *this);
  out->hold();
  return 0;
}

void StreamSocket::accepted(Socket& out, bool taken) noexcept {
  if (taken) {
    auto& child = static_cast<StreamSocket&>(out);
    child.tcp_ = tcp_->take_waiting(child);
  }
}

int StreamSocket::shutdown(int how) noexcept {
  if (how < SHUT_RD || how > SHUT_RDWR) {
    return -EINVAL;
  }
  const auto ways = static_cast<std::uint8_t>(how + 1);
  if (state_ == State::connecting && tcp_->state != Tcp::State::opening &&
      tcp_->state != Tcp::State::closed) {
    state_ = State::connected;
  }
  if (tcp_->state == Tcp::State::opening ||
      (tcp_->state == Tcp::State::listening && (ways & Tcp::kNoReceive) != 0)) {
    renew();
    queue().wake(0);
    return 0;
  }
  return tcp_->shutdown(ways);
}

int StreamSocket::name(sockaddr_storage& out, NameOf which) const noexcept {
  if (which == NameOf::peer && (tcp_->peer.port == 0 || tcp_->state == Tcp::State::closed ||
                                tcp_->state == Tcp::State::opening)) {
    return -ENOTCONN;
  }
  Endpoint told = which == NameOf::itself ? tcp_->local : tcp_->peer;
  if (told.port == 0) {
    told.port = last_port_;
  }
  return static_cast<int>(format_endpoint(told, family, out));
}

std::int64_t StreamSocket::send(Parts& from, Message& message) {
  return tcp_->send(from, message.flags);
}

std::int64_t StreamSocket::receive(Parts& to, Message& message) noexcept {
  if ((message.flags & MSG_ERRQUEUE) != 0) {
    return -EAGAIN;
  }
  const bool urgent = (message.flags & MSG_OOB) != 0;
  const std::int64_t got =
      urgent ? tcp_->receive_urgent(to, message.flags) : tcp_->receive(to, message.flags);
  message.flags = urgent ? MSG_OOB : 0;
  message.from_size = 0;
  return got;
}

}  // namespace vigil::sim

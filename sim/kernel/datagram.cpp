// UDP, in the order in which Linux checks (net/ipv4/udp.c, datagram.c).
#include "kernel/datagram.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel/addresses.hpp"
#include "kernel/sockets.hpp"
#include "net/wires.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kCost = 768;  // of a datagram's bookkeeping, in a receive buffer
constexpr std::uint32_t kReadableBits = kReadable | kRdNorm;
constexpr std::uint32_t kWritableBits = kWritable | kWrNorm | kWrBand;

}  // namespace

DatagramSocket::DatagramSocket(Kernel& kernel, int its_family)
    : Socket(kernel, its_family, SOCK_DGRAM, IPPROTO_UDP), pool_(kernel.network().wires().pool) {
  PortUser::family = its_family;
  local = its_family == AF_INET ? Endpoint::v4(0, 0, 0, 0) : Endpoint{};
}

DatagramSocket::~DatagramSocket() { closed(); }

void DatagramSocket::closed() noexcept {
  kernel_.sockets().udp().leave(*this);
  while (first_ != nullptr) {
    Datagram* datagram = first_;
    first_ = datagram->next;
    Datagram::give(pool_, datagram);
  }
  last_ = nullptr;
  queued_ = 0;
}

std::uint32_t DatagramSocket::ready() const noexcept {
  std::uint32_t bits = kWritableBits;
  if ((closed_ways_ & 1) != 0) {
    bits |= kReadableBits | kPeerClosed;
  }
  if (closed_ways_ == 3) {
    bits |= kHungUp;
  }
  if (first_ != nullptr) {
    bits |= kReadableBits;
  }
  if (error_ != 0) {
    bits |= kError;
  }
  return bits;
}

int DatagramSocket::bind(const sockaddr* name, socklen_t size) {
  Endpoint wanted;
  if (const int failed = parse_endpoint(name, size, Socket::family, wanted); failed != 0) {
    return failed;
  }
  if (!may_bind(kernel_, wanted, only_v6)) {
    return -EADDRNOTAVAIL;
  }
  if (local.port != 0) {
    return -EINVAL;
  }
  const Endpoint before = local;
  local.ip = wanted.ip;
  if (const int failed = kernel_.sockets().udp().bind(*this, wanted.port); failed != 0) {
    local = before;
    return failed;
  }
  bound_by_name = wanted.port != 0;
  bound_to_address = !wanted.is_any();
  return 0;
}

int DatagramSocket::bind_if_unbound() {
  return local.port != 0 ? 0 : kernel_.sockets().udp().bind(*this, 0) != 0 ? -EAGAIN : 0;
}

int DatagramSocket::connect(const sockaddr* name, socklen_t size) {
  if (size < sizeof(sa_family_t)) {
    return -EINVAL;
  }
  if (name->sa_family == AF_UNSPEC) {
    peer = {};
    error_ = 0;
    if (!bound_to_address) {
      const std::uint16_t port = local.port;
      local = Socket::family == AF_INET ? Endpoint::v4(0, 0, 0, 0) : Endpoint{};
      local.port = port;
    }
    if (!bound_by_name) {
      kernel_.sockets().udp().leave(*this);
      local.port = 0;
    } else {
      kernel_.sockets().udp().moved(*this);
    }
    return 0;
  }
  if (const int failed = bind_if_unbound(); failed != 0) {
    return failed;
  }
  Endpoint to;
  if (const int failed = parse_endpoint(name, size, Socket::family, to); failed != 0) {
    return failed;
  }
  if (to.is_any()) {
    to.ip = Endpoint::loopback(Socket::family == AF_INET || to.is_v4()).ip;
  }
  const Endpoint from = bound_to_address ? local : Endpoint{};
  if (const int failed = may_reach(kernel_, to, from, only_v6); failed != 0) {
    return failed;
  }
  if (!bound_to_address) {
    const std::uint16_t port = local.port;
    local = to.is_loopback() ? Endpoint::loopback(to.is_v4())
            : to.is_v4()     ? Endpoint::host_v4(kernel_.id())
                             : Endpoint::host_v6(kernel_.id());
    local.port = port;
  }
  peer = to;
  kernel_.sockets().udp().moved(*this);
  return 0;
}

int DatagramSocket::shutdown(int how) noexcept {
  if (how < SHUT_RD || how > SHUT_RDWR) {
    return -EINVAL;
  }
  closed_ways_ |= static_cast<std::uint8_t>(how + 1);
  queue().wake(0);
  return peer.port != 0 ? 0 : -ENOTCONN;
}

int DatagramSocket::name(sockaddr_storage& out, NameOf which) const noexcept {
  const bool of_peer = which != NameOf::itself;
  if (of_peer && peer.port == 0) {
    return -ENOTCONN;
  }
  return static_cast<int>(format_endpoint(of_peer ? peer : local, Socket::family, out));
}

std::int64_t DatagramSocket::send(Parts& from, Message& message) {
  const std::size_t size = from.size();
  if (size > (Socket::family == AF_INET ? 65507 : Datagram::kLargest)) {
    return -EMSGSIZE;
  }
  Endpoint to = peer;
  if (message.to != nullptr && message.to_size != 0) {
    if (const int failed = parse_endpoint(message.to, message.to_size, Socket::family, to);
        failed != 0) {
      return failed;
    }
    if (to.port == 0) {
      return -EINVAL;
    }
  } else if (peer.port == 0) {
    return -EDESTADDRREQ;
  }
  if (to.is_any()) {
    to.ip = Endpoint::loopback(Socket::family == AF_INET || to.is_v4()).ip;
  }
  if (const int failed = may_reach(kernel_, to, bound_to_address ? local : Endpoint{}, only_v6);
      failed != 0) {
    return failed;
  }
  if (const int failed = bind_if_unbound(); failed != 0) {
    return failed;
  }
  if (error_ != 0) {
    return -take_error();
  }
  if ((closed_ways_ & 2) != 0) {
    return -EPIPE;
  }
  if (kernel_.weather().strikes(Fault::no_memory, kernel_.id())) {
    return -ENOBUFS;
  }
  Datagram* datagram = Datagram::make(pool_, size);
  from.take(datagram->bytes(), size);
  datagram->from = local;
  datagram->to = to;
  const bool within = to.is_loopback() || to.host() == kernel_.id();
  if (local.is_any()) {
    datagram->from.ip = within && to.is_loopback() ? Endpoint::loopback(to.is_v4()).ip
                        : to.is_v4()               ? Endpoint::host_v4(kernel_.id()).ip
                                                   : Endpoint::host_v6(kernel_.id()).ip;
  }
  kernel_.tracer().note(kernel_.id(), "datagram", to.port, size);
  queue().wake(kWritableBits);  // it counts against the receiver from here on
  Wires& wires = kernel_.network().wires();
  if (within) {
    datagram->source = kernel_.id();
    arrive(kernel_, datagram);
  } else if (wires.kernel(*to.host()) == nullptr) {
    Datagram::give(pool_, datagram);
  } else {
    wires.send(datagram, kernel_.id(), *to.host());
  }
  return static_cast<std::int64_t>(size);
}

void DatagramSocket::arrive(Kernel& kernel, Datagram* datagram) noexcept {
  PortUser* user = kernel.sockets().udp().find(datagram->to, datagram->from, false);
  auto* socket = static_cast<DatagramSocket*>(user);
  if (!datagram->unreachable) {
    if (socket == nullptr) {
      refuse(kernel, datagram);
    } else {
      socket->take(datagram);
    }
    return;
  }
  // Only a connected socket hears of it, as Linux has it without IP_RECVERR.
  if (socket != nullptr && socket->peer == datagram->from) {
    socket->error_ = ECONNREFUSED;
    socket->queue().wake(kError);
  }
  Datagram::give(kernel.network().wires().pool, datagram);
}

// Nobody has the port: as the ICMP message says.
void DatagramSocket::refuse(Kernel& kernel, Datagram* datagram) noexcept {
  kernel.tracer().note(kernel.id(), "unreachable", datagram->to.port, datagram->size);
  datagram->unreachable = true;
  datagram->size = 0;
  std::swap(datagram->from, datagram->to);
  if (datagram->source == kernel.id()) {
    arrive(kernel, datagram);
  } else {
    kernel.network().wires().send(datagram, kernel.id(), datagram->source);
  }
}

void DatagramSocket::take(Datagram* datagram) noexcept {
  if (queued_ + datagram->size + kCost > static_cast<std::size_t>(receive_room_) &&
      first_ != nullptr) {
    kernel_.tracer().note(kernel_.id(), "datagram dropped", datagram->to.port, datagram->size);
    Datagram::give(pool_, datagram);
    return;
  }
  queued_ += datagram->size + kCost;
  datagram->next = nullptr;
  (last_ != nullptr ? last_->next : first_) = datagram;
  last_ = datagram;
  queue().wake(kArrived);
}

std::int64_t DatagramSocket::receive(Parts& to, Message& message) noexcept {
  const int flags = std::exchange(message.flags, 0);
  message.from_size = 0;
  if ((flags & MSG_ERRQUEUE) != 0) {
    return -EAGAIN;
  }
  if (error_ != 0) {
    return -take_error();
  }
  Datagram* datagram = first_;
  if (datagram == nullptr) {
    return -EAGAIN;
  }
  const std::size_t size = datagram->size;
  const std::size_t count = std::min(size, to.size());
  to.put(datagram->bytes(), count);
  if (count < size) {
    message.flags |= MSG_TRUNC;
  }
  if (message.from != nullptr) {
    message.from_size = format_endpoint(datagram->from, Socket::family, *message.from);
  }
  if ((flags & MSG_PEEK) == 0) {
    first_ = datagram->next;
    if (first_ == nullptr) {
      last_ = nullptr;
    }
    queued_ -= size + kCost;
    Datagram::give(pool_, datagram);
  }
  return static_cast<std::int64_t>((flags & MSG_TRUNC) != 0 ? size : count);
}

void DatagramSocket::options_changed() {
  reuse_address = reuse_address_;
  reuse_port = reuse_port_;
}

int DatagramSocket::set_option(int level, int option, const void* value, socklen_t size) noexcept {
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && Socket::family == AF_INET6) {
    int number = 0;
    if (size < sizeof number || local.port != 0) {
      return -EINVAL;
    }
    std::memcpy(&number, value, sizeof number);
    only_v6 = number != 0;
    return 0;
  }
  return Socket::set_option(level, option, value, size);
}

int DatagramSocket::option(int level, int option, void* value) noexcept {
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && Socket::family == AF_INET6) {
    const int number = only_v6 ? 1 : 0;
    std::memcpy(value, &number, sizeof number);
    return sizeof number;
  }
  return Socket::option(level, option, value);
}

}  // namespace vigil::sim

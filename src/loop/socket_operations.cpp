// Sockets: making, naming, accepting, connecting, adopting.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "loop/operations.hpp"
#include "loop/socket_queues.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil {

int family_of(SocketName::Family family) noexcept {
  switch (family) {
    case SocketName::Family::ipv4:
      return AF_INET;
    case SocketName::Family::ipv6:
      return AF_INET6;
    case SocketName::Family::local:
      return AF_UNIX;
    case SocketName::Family::none:
      break;
  }
  return AF_UNSPEC;
}

socklen_t encode(const SocketName& name, SocketAddress& out) noexcept {
  switch (name.family) {
    case SocketName::Family::ipv4:
      out.v4 = {};
      out.v4.sin_family = AF_INET;
      out.v4.sin_port = htons(name.port);
      std::memcpy(&out.v4.sin_addr, name.ip.data(), 4);
      return sizeof out.v4;
    case SocketName::Family::ipv6:
      out.v6 = {};
      out.v6.sin6_family = AF_INET6;
      out.v6.sin6_port = htons(name.port);
      out.v6.sin6_scope_id = name.zone;
      std::memcpy(&out.v6.sin6_addr, name.ip.data(), 16);
      return sizeof out.v6;
    case SocketName::Family::local:
      out.local = {};
      out.local.sun_family = AF_UNIX;
      std::memcpy(out.local.sun_path, name.path.data(), name.path_size);
      return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path)) + name.path_size +
             (name.path_size != 0 && name.path[0] != '\0' && name.path_size < name.path.size()
                  ? 1u
                  : 0u);
    case SocketName::Family::none:
      break;
  }
  return 0;
}

void decode(const SocketAddress& address, socklen_t size, SocketName& out) noexcept {
  out = {};
  if (size < sizeof(sa_family_t)) {
    return;
  }
  if (address.any.sa_family == AF_INET) {
    out.family = SocketName::Family::ipv4;
    out.port = ntohs(address.v4.sin_port);
    std::memcpy(out.ip.data(), &address.v4.sin_addr, 4);
  } else if (address.any.sa_family == AF_INET6) {
    out.family = SocketName::Family::ipv6;
    out.port = ntohs(address.v6.sin6_port);
    out.zone = address.v6.sin6_scope_id;
    std::memcpy(out.ip.data(), &address.v6.sin6_addr, 16);
  } else if (address.any.sa_family == AF_UNIX) {
    out.family = SocketName::Family::local;
    const auto room =
        std::min<std::size_t>(size - offsetof(sockaddr_un, sun_path), out.path.size());
    const char* path = address.local.sun_path;
    const bool abstract = room != 0 && path[0] == '\0';
    out.path_size = static_cast<std::uint8_t>(abstract ? room : ::strnlen(path, room));
    std::memcpy(out.path.data(), path, out.path_size);
  }
}

namespace {

int set(int handle, int level, int name, int value) noexcept {
  return ::setsockopt(handle, level, name, &value, sizeof value);
}

// A local path whose listener is gone refuses connections: then the path may go too. So does a path
// that is no socket, which stays. False leaves EADDRINUSE, as bind(2) did.
bool take_over(const SocketAddress& address, socklen_t size) noexcept {
  struct stat seen{};
  if (::lstat(address.local.sun_path, &seen) != 0 || !S_ISSOCK(seen.st_mode)) {
    errno = EADDRINUSE;
    return false;
  }
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) {
    return false;
  }
  const bool dead = ::connect(probe, &address.any, size) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (!dead || ::unlink(address.local.sun_path) != 0) {
    errno = EADDRINUSE;
    return false;
  }
  return true;
}

// All that was asked of a fresh socket; the first failure is the outcome.
int prepare(int handle, const SocketArgs& args) noexcept {
  const bool ip = args.name.family != SocketName::Family::local;
  SocketAddress address{};
  const socklen_t size = encode(args.name, address);
  if (ip && !args.datagram && set(handle, IPPROTO_TCP, TCP_NODELAY, 1) != 0) {
    return -errno;
  }
  if (ip && args.bind && args.reuse_address && set(handle, SOL_SOCKET, SO_REUSEADDR, 1) != 0) {
    return -errno;
  }
  if (ip && args.reuse_port && set(handle, SOL_SOCKET, SO_REUSEPORT, 1) != 0) {
    return -errno;
  }
  if (args.name.family == SocketName::Family::ipv6 &&
      set(handle, IPPROTO_IPV6, IPV6_V6ONLY, args.only_ipv6 ? 1 : 0) != 0) {
    return -errno;
  }
  if (args.bind && ::bind(handle, &address.any, size) != 0 &&
      (errno != EADDRINUSE || ip || !take_over(address, size) ||
       ::bind(handle, &address.any, size) != 0)) {
    return -errno;
  }
  // Before it listens: who may not connect cannot have done so. Abstract names have no permissions.
  if (args.bind && args.mode != 0 && !ip && address.local.sun_path[0] != '\0' &&
      ::chmod(address.local.sun_path, args.mode) != 0) {
    return -errno;
  }
  if (args.listen && ::listen(handle, args.backlog) != 0) {
    return -errno;
  }
  return handle;
}

std::int32_t open_socket(const SocketArgs& args) noexcept {
  const int type = (args.datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int handle = ::socket(family_of(args.name.family), type, 0);
  if (handle < 0) {
    return -errno;
  }
  const int prepared = prepare(handle, args);
  if (prepared < 0) {
    ::close(handle);
  }
  return prepared;
}

// A listener's options are inherited on Linux, TCP_NODELAY among them: nothing is left to set.
std::int32_t accept_one(Op& op) noexcept {
  auto* args = reinterpret_cast<AcceptArgs*>(op.data);
  SocketAddress peer{};
  socklen_t size = sizeof peer;
  const bool named = args != nullptr && args->peer != nullptr;
  for (;;) {
    const std::int32_t handle = outcome([&] {
      return ::accept4(op.on->handle, named ? &peer.any : nullptr, named ? &size : nullptr,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    });
    if (handle == -ECONNABORTED || handle == -EPROTO) {
      continue;  // that one left before it was accepted; the next may be there
    }
    if (handle >= 0 && named) {
      decode(peer, size, *args->peer);
    }
    return handle;
  }
}

// Called again after the event, connect(2) tells how it went.
std::int32_t connect_to(Op& op) noexcept {
  const auto& name = *reinterpret_cast<const SocketName*>(op.data);
  SocketAddress address{};
  const socklen_t size = encode(name, address);
  if (::connect(op.on->handle, &address.any, size) == 0 || errno == EISCONN) {
    return 0;
  }
  if (errno == EINPROGRESS || errno == EALREADY || errno == EINTR) {
    return -EAGAIN;
  }
  // A local listener whose backlog is full answers EAGAIN and sends no event: refused, as TCP would
  // be.
  return errno == EAGAIN ? -ECONNREFUSED : -errno;
}

std::int32_t name_of(Op& op, bool peer) noexcept {
  SocketAddress address{};
  socklen_t size = sizeof address;
  const int handle = op.on->handle;
  if ((peer ? ::getpeername(handle, &address.any, &size)
            : ::getsockname(handle, &address.any, &size)) != 0) {
    return -errno;
  }
  decode(address, size, *reinterpret_cast<SocketName*>(op.data));
  return 0;
}

// A classic BPF program that answers the number of a listener in its group: a line for each
// processor that is named, and what is left of the division for others.
std::int32_t steer(int handle, std::span<const std::uint32_t> processors) noexcept {
  constexpr std::size_t kMost = 1024;
  static_assert(2 * kMost + 3 <= BPF_MAXINSNS);
  if (processors.empty() || processors.size() > kMost) {
    return -EINVAL;
  }
  std::array<sock_filter, 2 * kMost + 3> lines;
  std::size_t count = 0;
  const auto add = [&](unsigned code, std::uint32_t value, std::uint8_t if_not) {
    lines[count++] = {static_cast<std::uint16_t>(code), 0, if_not, value};
  };
  add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_CPU), 0);
  for (std::uint32_t listener = 0; listener != processors.size(); ++listener) {
    add(BPF_JMP | BPF_JEQ | BPF_K, processors[listener], 1);
    add(BPF_RET | BPF_K, listener, 0);
  }
  add(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(processors.size()), 0);
  add(BPF_RET | BPF_A, 0, 0);
  const sock_fprog program{static_cast<unsigned short>(count), lines.data()};
  return ::setsockopt(handle, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0
             ? -errno
             : 0;
}

// A listener that hears nobody any more, but for those whose handshake has begun. On a local path
// who comes is refused (unix(7)). Of TCP a filter drops what asks for a connection: SYN without
// ACK, in the 14th byte of the segment's header (RFC 9293 section 3.1). Who asked asks again a
// second later, and is refused once the listener is closed.
std::int32_t refuse(int handle) noexcept {
  SocketAddress address{};
  socklen_t size = sizeof address;
  if (::getsockname(handle, &address.any, &size) != 0) {
    return -errno;
  }
  if (address.any.sa_family == AF_UNIX) {
    return ::shutdown(handle, SHUT_RD) != 0 ? -errno : 0;
  }
  constexpr std::uint32_t kFlags = 13;
  constexpr std::uint32_t kSyn = 0x02;
  constexpr std::uint32_t kAck = 0x10;
  std::array<sock_filter, 5> lines{{{BPF_LD | BPF_B | BPF_ABS, 0, 0, kFlags},
                                    {BPF_ALU | BPF_AND | BPF_K, 0, 0, kSyn | kAck},
                                    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, kSyn},
                                    {BPF_RET | BPF_K, 0, 0, 0},
                                    {BPF_RET | BPF_K, 0, 0, ~std::uint32_t{0}}}};
  const sock_fprog program{static_cast<unsigned short>(lines.size()), lines.data()};
  return ::setsockopt(handle, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ? -errno
                                                                                           : 0;
}

std::int32_t option(Op& op) noexcept {
  const auto& option = *reinterpret_cast<const SocketOption*>(op.data);
  const int handle = op.on->handle;
  int result = 0;
  switch (option.name) {
    case SocketOption::Name::no_delay:
      result = set(handle, IPPROTO_TCP, TCP_NODELAY, option.value);
      break;
    case SocketOption::Name::cork:
      result = set(handle, IPPROTO_TCP, TCP_CORK, option.value);
      break;
    case SocketOption::Name::keep_alive:
      result = set(handle, SOL_SOCKET, SO_KEEPALIVE, option.value);
      break;
    case SocketOption::Name::receive_buffer:
      result = set(handle, SOL_SOCKET, SO_RCVBUF, option.value);
      break;
    case SocketOption::Name::send_buffer:
      result = set(handle, SOL_SOCKET, SO_SNDBUF, option.value);
      break;
    case SocketOption::Name::busy_poll:
      result = set(handle, SOL_SOCKET, SO_BUSY_POLL, option.value);
      break;
    case SocketOption::Name::refuse:
      return refuse(handle);
    case SocketOption::Name::steer:
      return steer(handle, option.processors);
    case SocketOption::Name::linger_reset: {
      const linger now{.l_onoff = 1, .l_linger = 0};
      result = ::setsockopt(handle, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      break;
    }
  }
  return result != 0 ? -errno : 0;
}

std::int32_t adopt_socket(AdoptArgs& args) noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(args.handle, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return -errno;
  }
  int listens = 0;
  size = sizeof listens;
  if (::getsockopt(args.handle, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0) {
    if (type != SOCK_STREAM) {
      return -ENOTSOCK;  // none of ours: what it accepts are no streams
    }
    args.what = AdoptArgs::What::listener;
    // accept(2) alone has no flag for this call only.
    const int flags = ::fcntl(args.handle, F_GETFL);
    return ::fcntl(args.handle, F_SETFL, flags | O_NONBLOCK) != 0 ? -errno : 0;
  }
  args.what = type == SOCK_STREAM      ? AdoptArgs::What::stream
              : type == SOCK_SEQPACKET ? AdoptArgs::What::messages
                                       : AdoptArgs::What::datagram;
  return 0;  // every call on a socket says MSG_DONTWAIT by itself: its flags stay as they are
}

std::int32_t adopt(AdoptArgs& args) noexcept {
  if (args.duplicate) {
    const int copy = ::fcntl(args.handle, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
      return -errno;
    }
    args.handle = copy;
    return 0;
  }
  struct stat seen{};
  if (::fstat(args.handle, &seen) != 0) {
    return -errno;
  }
  if (S_ISSOCK(seen.st_mode)) {
    return adopt_socket(args);
  }
  if (!S_ISFIFO(seen.st_mode) && !S_ISCHR(seen.st_mode)) {
    args.what = AdoptArgs::What::file;
    return 0;
  }
  // O_NONBLOCK is of the open file, which others may share: open it once more where that is
  // possible.
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", args.handle);
  const int flags = ::fcntl(args.handle, F_GETFL);
  const int again = ::open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (again < 0) {
    args.what = AdoptArgs::What::file;
    return 0;
  }
  args.handle = again;
  args.reopened = true;
  args.what = AdoptArgs::What::pipe;
  return 0;
}

std::int32_t make_pair(SocketPairArgs& args) noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return -errno;
  }
  args = {.one = ends[0], .other = ends[1]};
  return 0;
}

}  // namespace

std::int32_t perform_socket(Op& op) noexcept {
  switch (op.code) {
    case Opcode::accept:
      return accept_one(op);
    case Opcode::connect:
      return connect_to(op);
    case Opcode::open_socket:
      return open_socket(*reinterpret_cast<const SocketArgs*>(op.data));
    case Opcode::shutdown: {
      constexpr int kHow[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
      return ::shutdown(op.on->handle, kHow[op.detail % 3]) != 0 ? -errno : 0;
    }
    case Opcode::option:
      return option(op);
    case Opcode::local_name:
      return name_of(op, false);
    case Opcode::peer_name:
      return name_of(op, true);
    case Opcode::socket_pair:
      return make_pair(*reinterpret_cast<SocketPairArgs*>(op.data));
    case Opcode::socket_queues:
      return look_at_queues(op.on->handle, *reinterpret_cast<SocketQueues*>(op.data));
    case Opcode::adopt:
      return adopt(*reinterpret_cast<AdoptArgs*>(op.data));
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil

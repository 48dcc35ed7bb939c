// Sockets: making, naming, accepting, connecting, adopting.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <cerrno>

#include "faces/syscalls.hpp"
#include "loop/operations.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil::sim {
namespace {

std::int32_t set(Process& process, int handle, int level, int name, int value) noexcept {
  return process.setsockopt(handle, level, name, &value, sizeof value);
}

// A local path whose listener is gone refuses connections: then the path may go too.
std::int32_t take_over(Process& process, const SocketAddress& address, socklen_t size) noexcept {
  const char* path = address.local.sun_path;
  struct stat seen{};
  if (process.fstatat(AT_FDCWD, path, &seen, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(seen.st_mode)) {
    return -EADDRINUSE;
  }
  const int probe = process.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) {
    return probe;
  }
  const bool dead = process.connect(probe, &address.any, size) == -ECONNREFUSED;
  process.close(probe);
  return dead && process.unlinkat(AT_FDCWD, path, 0) == 0 ? 0 : -EADDRINUSE;
}

std::int32_t bind(Process& process, int handle, const SocketArgs& args) noexcept {
  SocketAddress address{};
  const socklen_t size = encode(args.name, address);
  const std::int32_t bound = process.bind(handle, &address.any, size);
  if (bound != -EADDRINUSE || args.name.family != SocketName::Family::local) {
    return bound;
  }
  const std::int32_t taken = take_over(process, address, size);
  return taken < 0 ? taken : process.bind(handle, &address.any, size);
}

// All that was asked of a fresh socket; the first failure is the outcome.
std::int32_t prepare(Process& process, int handle, const SocketArgs& args) noexcept {
  const bool ip = args.name.family != SocketName::Family::local;
  std::int32_t done = 0;
  if (ip && !args.datagram) {
    done = set(process, handle, IPPROTO_TCP, TCP_NODELAY, 1);
  }
  if (done >= 0 && ip && args.bind && args.reuse_address) {
    done = set(process, handle, SOL_SOCKET, SO_REUSEADDR, 1);
  }
  if (done >= 0 && ip && args.reuse_port) {
    done = set(process, handle, SOL_SOCKET, SO_REUSEPORT, 1);
  }
  if (done >= 0 && args.name.family == SocketName::Family::ipv6) {
    done = set(process, handle, IPPROTO_IPV6, IPV6_V6ONLY, args.only_ipv6 ? 1 : 0);
  }
  if (done >= 0 && args.bind) {
    done = bind(process, handle, args);
  }
  if (done >= 0 && args.listen) {
    done = process.listen(handle, args.backlog);
  }
  return done;
}

std::int32_t open_socket(Process& process, const SocketArgs& args) noexcept {
  const int type = (args.datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const std::int32_t handle = process.socket(family_of(args.name.family), type, 0);
  if (handle < 0) {
    return handle;
  }
  const std::int32_t prepared = prepare(process, handle, args);
  if (prepared < 0) {
    process.close(handle);
    return prepared;
  }
  return handle;
}

std::int32_t accept_one(Process& process, Op& op) noexcept {
  auto* args = reinterpret_cast<AcceptArgs*>(op.data);
  const bool named = args != nullptr && args->peer != nullptr;
  for (;;) {
    SocketAddress peer{};
    socklen_t size = sizeof peer;
    const std::int32_t handle =
        process.accept4(op.on->handle, named ? &peer.any : nullptr, named ? &size : nullptr,
                        SOCK_NONBLOCK | SOCK_CLOEXEC);
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
std::int32_t connect_to(Process& process, Op& op) noexcept {
  SocketAddress address{};
  const socklen_t size = encode(*reinterpret_cast<const SocketName*>(op.data), address);
  const std::int32_t result = process.connect(op.on->handle, &address.any, size);
  switch (result) {
    case -EISCONN:
      return 0;
    case -EINPROGRESS:
    case -EALREADY:
      return -EAGAIN;
    case -EAGAIN:
      return -ECONNREFUSED;  // a local listener whose backlog is full
    default:
      return result;
  }
}

std::int32_t name_of(Process& process, Op& op) noexcept {
  SocketAddress address{};
  socklen_t size = sizeof address;
  const int handle = op.on->handle;
  const std::int32_t told = op.code == Opcode::peer_name
                                ? process.getpeername(handle, &address.any, &size)
                                : process.getsockname(handle, &address.any, &size);
  if (told >= 0) {
    decode(address, size, *reinterpret_cast<SocketName*>(op.data));
  }
  return told;
}

// Of filters the model has only the one that drops what asks a TCP listener for a connection; it
// looks at no program.
std::int32_t refuse(Process& process, int handle) noexcept {
  int family = 0;
  socklen_t size = sizeof family;
  const std::int32_t told = process.getsockopt(handle, SOL_SOCKET, SO_DOMAIN, &family, &size);
  if (told < 0 || family == AF_UNIX) {
    return told < 0 ? told : -ENOPROTOOPT;
  }
  return set(process, handle, SOL_SOCKET, SO_ATTACH_FILTER, 1);
}

std::int32_t option(Process& process, Op& op) noexcept {
  const auto& option = *reinterpret_cast<const SocketOption*>(op.data);
  const int handle = op.on->handle;
  switch (option.name) {
    case SocketOption::Name::no_delay:
      return set(process, handle, IPPROTO_TCP, TCP_NODELAY, option.value);
    case SocketOption::Name::cork:
      return set(process, handle, IPPROTO_TCP, TCP_CORK, option.value);
    case SocketOption::Name::keep_alive:
      return set(process, handle, SOL_SOCKET, SO_KEEPALIVE, option.value);
    case SocketOption::Name::receive_buffer:
      return set(process, handle, SOL_SOCKET, SO_RCVBUF, option.value);
    case SocketOption::Name::send_buffer:
      return set(process, handle, SOL_SOCKET, SO_SNDBUF, option.value);
    case SocketOption::Name::busy_poll:
      return set(process, handle, SOL_SOCKET, SO_BUSY_POLL, option.value);
    case SocketOption::Name::refuse:
      return refuse(process, handle);
    case SocketOption::Name::steer:
      return -ENOPROTOOPT;  // the simulated machine has one processor
    case SocketOption::Name::linger_reset: {
      const linger now{.l_onoff = 1, .l_linger = 0};
      return process.setsockopt(handle, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
  }
  return -EINVAL;
}

std::int32_t adopt_socket(Process& process, AdoptArgs& args) noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  if (const std::int32_t told = process.getsockopt(args.handle, SOL_SOCKET, SO_TYPE, &type, &size);
      told < 0) {
    return told;
  }
  int listens = 0;
  size = sizeof listens;
  if (process.getsockopt(args.handle, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) >= 0 &&
      listens != 0) {
    args.what = AdoptArgs::What::listener;
    return type == SOCK_STREAM ? 0 : -ENOTSOCK;
  }
  args.what = type == SOCK_STREAM      ? AdoptArgs::What::stream
              : type == SOCK_SEQPACKET ? AdoptArgs::What::messages
                                       : AdoptArgs::What::datagram;
  return 0;
}

std::int32_t adopt(Process& process, AdoptArgs& args) noexcept {
  if (args.duplicate) {
    const std::int32_t copy = process.fcntl(args.handle, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
      return copy;
    }
    args.handle = copy;
    return 0;
  }
  struct stat seen{};
  if (const std::int32_t told = process.fstatat(args.handle, "", &seen, AT_EMPTY_PATH); told < 0) {
    return told;
  }
  if (S_ISSOCK(seen.st_mode)) {
    return adopt_socket(process, args);
  }
  args.what = AdoptArgs::What::file;
  const bool waits = S_ISFIFO(seen.st_mode) || S_ISCHR(seen.st_mode);
  if (!waits || !process.file(args.handle)->watchable()) {
    return 0;
  }
  // No call of a simulated process waits, so a duplicate does for a file that is opened once more.
  const std::int32_t again = process.fcntl(args.handle, F_DUPFD_CLOEXEC, 0);
  if (again >= 0) {
    args.handle = again;
    args.reopened = true;
    args.what = AdoptArgs::What::pipe;
  }
  return 0;
}

std::int32_t make_pair(Process& process, SocketPairArgs& args) noexcept {
  int ends[2];
  const std::int32_t made = process.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
  if (made < 0) {
    return made;
  }
  args = {.one = ends[0], .other = ends[1]};
  return 0;
}

}  // namespace

std::int32_t socket_operation(Process& process, Op& op) noexcept {
  switch (op.code) {
    case Opcode::accept:
      return accept_one(process, op);
    case Opcode::connect:
      return connect_to(process, op);
    case Opcode::open_socket:
      return open_socket(process, *reinterpret_cast<const SocketArgs*>(op.data));
    case Opcode::shutdown: {
      constexpr int kHow[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
      return process.shutdown(op.on->handle, kHow[op.detail % 3]);
    }
    case Opcode::option:
      return option(process, op);
    case Opcode::local_name:
    case Opcode::peer_name:
      return name_of(process, op);
    case Opcode::socket_pair:
      return make_pair(process, *reinterpret_cast<SocketPairArgs*>(op.data));
    case Opcode::socket_queues:
      return process.socket_queues(op.on->handle, *reinterpret_cast<SocketQueues*>(op.data));
    case Opcode::adopt:
      return adopt(process, *reinterpret_cast<AdoptArgs*>(op.data));
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil::sim

// Sockets: from numbers and C structures to Socket and back, in the order of Linux's checks
// (net/socket.c).
#include <fcntl.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/datagram.hpp"
#include "kernel/kernel.hpp"
#include "kernel/local_socket.hpp"
#include "kernel/process.hpp"
#include "kernel/stream.hpp"

namespace vigil::sim {
namespace {

constexpr int kTypeMask = 0xf;
constexpr std::size_t kMostParts = 1024;  // UIO_MAXIOV
constexpr std::size_t kMostPassed = 253;  // SCM_MAX_FD

// Null: no socket, and why in `failed`.
Socket* socket_of(const Process& process, int fd, std::int32_t& failed) noexcept {
  File* file = process.file(fd);
  if (file == nullptr) {
    failed = -EBADF;
    return nullptr;
  }
  Socket* socket = file->socket();
  if (socket == nullptr) {
    failed = (file->access & O_PATH) != 0 ? -EBADF : -ENOTSOCK;
  }
  return socket;
}

// Tells a name as the system does: as much as there is room for, and how long it is.
std::int32_t give_name(const sockaddr_storage& from, socklen_t size, sockaddr* to,
                       socklen_t* room) noexcept {
  if (static_cast<std::int32_t>(*room) < 0) {
    return -EINVAL;
  }
  if (const socklen_t told = std::min(*room, size); told != 0) {
    std::memcpy(to, &from, told);
  }
  *room = size;
  return 0;
}

// A fresh socket, or null and why.
Socket* make(Kernel& kernel, int family, int type, int protocol, std::int32_t& failed) {
  const int plain = type & kTypeMask;
  if ((type & ~(kTypeMask | SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) {
    failed = -EINVAL;
    return nullptr;
  }
  if (kernel.weather().strikes(Fault::no_memory, kernel.id())) {
    failed = -ENOBUFS;
    return nullptr;
  }
  if (family == AF_UNIX) {
    if (protocol != 0 && protocol != PF_UNIX) {
      failed = -EPROTONOSUPPORT;
    } else if (plain != SOCK_STREAM && plain != SOCK_DGRAM && plain != SOCK_SEQPACKET) {
      failed = -ESOCKTNOSUPPORT;
    } else {
      return new LocalSocket(kernel, plain);
    }
    return nullptr;
  }
  if (family != AF_INET && family != AF_INET6) {
    failed = -EAFNOSUPPORT;
  } else if (plain == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP)) {
    return new StreamSocket(kernel, family);
  } else if (plain == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP)) {
    return new DatagramSocket(kernel, family);
  } else {
    const bool known = plain == SOCK_STREAM || plain == SOCK_DGRAM;
    failed = known ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
  }
  return nullptr;
}

bool fits(const sockaddr* name, socklen_t size) noexcept {
  return name != nullptr && size <= sizeof(sockaddr_storage);
}

}  // namespace

std::int32_t Process::socket(int family, int type, int protocol) noexcept {
  std::int32_t failed = 0;
  Socket* made = make(kernel_, family, type, protocol, failed);
  return made == nullptr ? failed : install_new(made, type);
}

std::int32_t Process::socketpair(int family, int type, int protocol, int ends[2]) noexcept {
  if (family != AF_UNIX) {
    return family == AF_INET || family == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
  }
  std::int32_t failed = 0;
  auto* one = static_cast<LocalSocket*>(make(kernel_, family, type, protocol, failed));
  if (one == nullptr) {
    return failed;
  }
  auto* other = new LocalSocket(kernel_, one->type);
  other->hold();
  LocalSocket::join(*one, *other);  // each keeps the other
  ends[0] = install_new(one, type);
  ends[1] = ends[0] < 0 ? ends[0] : install_new(other, type);
  if (ends[0] < 0) {
    one->closed();
  } else if (ends[1] < 0) {
    close(ends[0]);
  }
  if (ends[1] < 0) {
    failed = ends[1];
    other->closed();
  }
  other->drop();
  return failed;
}

std::int32_t Process::bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  return socket == nullptr ? failed : fits(address, size) ? socket->bind(address, size) : -EINVAL;
}

std::int32_t Process::listen(int fd, int backlog) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  return socket == nullptr ? failed : socket->listen(backlog);
}

std::int32_t Process::accept4(int fd, sockaddr* peer, socklen_t* size, int flags) noexcept {
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) {
    return -EINVAL;
  }
  std::int32_t failed = 0;
  Socket* listener = socket_of(*this, fd, failed);
  if (failed != -EBADF && lowest_free(0) >= limit()) {
    return -EMFILE;  // the number is reserved first
  }
  if (listener == nullptr) {
    return failed;
  }
  Socket* child = nullptr;
  if (const int refused = listener->accept(child); refused != 0) {
    return refused;
  }
  const std::int32_t number = install_new(child, flags);
  listener->accepted(*child, number >= 0);
  if (number >= 0 && peer != nullptr) {
    sockaddr_storage name{};
    const int length = child->name(name, NameOf::accepted);
    if (length < 0 || give_name(name, static_cast<socklen_t>(length), peer, size) != 0) {
      *size = 0;
    }
  }
  child->drop();
  return number;
}

std::int32_t Process::connect(int fd, const sockaddr* address, socklen_t size) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  return socket == nullptr     ? failed
         : fits(address, size) ? socket->connect(address, size)
                               : -EINVAL;
}

std::int32_t Process::shutdown(int fd, int how) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  return socket == nullptr ? failed : socket->shutdown(how);
}

std::int32_t Process::getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  if (socket == nullptr) {
    return failed;
  }
  sockaddr_storage name{};
  const int length = socket->name(name, NameOf::itself);
  return length < 0 ? length : give_name(name, static_cast<socklen_t>(length), address, size);
}

std::int32_t Process::getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  if (socket == nullptr) {
    return failed;
  }
  sockaddr_storage name{};
  const int length = socket->name(name, NameOf::peer);
  return length < 0 ? length : give_name(name, static_cast<socklen_t>(length), address, size);
}

std::int32_t Process::setsockopt(int fd, int level, int name, const void* value,
                                 socklen_t size) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  return socket == nullptr ? failed : socket->set_option(level, name, value, size);
}

std::int32_t Process::getsockopt(int fd, int level, int name, void* value,
                                 socklen_t* size) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  if (socket == nullptr) {
    return failed;
  }
  std::byte held[16]{};
  const int length = socket->option(level, name, held);
  if (length < 0) {
    return length;
  }
  *size = std::min(*size, static_cast<socklen_t>(length));
  std::memcpy(value, held, *size);
  return 0;
}

std::int64_t Process::recv(int fd, std::span<std::byte> to, int flags) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  if (socket == nullptr) {
    return failed;
  }
  const iovec part{to.data(), to.size()};
  Parts parts({&part, 1});
  Message message;
  message.flags = flags;
  return socket->receive(parts, message);
}

std::int64_t Process::send(int fd, std::span<const std::byte> from, int flags) noexcept {
  const iovec part{const_cast<std::byte*>(from.data()), from.size()};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(&part);
  message.msg_iovlen = 1;
  return sendmsg(fd, &message, flags);
}

// Of what the control part names, the open files (cmsg(3), SCM_RIGHTS).
std::int32_t Process::take_files(const msghdr& given, PassedFiles& into) const {
  for (cmsghdr* part = given.msg_control != nullptr ? CMSG_FIRSTHDR(&given) : nullptr;
       part != nullptr; part = CMSG_NXTHDR(const_cast<msghdr*>(&given), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + at, sizeof number);
      File* passed = file(number);
      if (passed == nullptr) {
        return -EBADF;
      }
      if (into.all().size() == kMostPassed) {
        return -EINVAL;
      }
      into.add(*passed);
    }
  }
  return 0;
}

// MSG_CTRUNC if some were lost: there is no room for them, or they get no numbers.
int Process::give_files(const PassedFiles& came, msghdr& given, int flags) {
  const std::size_t room =
      given.msg_controllen < CMSG_LEN(0) ? 0 : (given.msg_controllen - CMSG_LEN(0)) / sizeof(int);
  std::size_t placed = 0;
  for (File* passed : came.all()) {
    const std::int32_t number =
        placed == room ? -EMFILE : install(*passed, (flags & MSG_CMSG_CLOEXEC) != 0);
    if (number < 0) {
      break;
    }
    auto* part = static_cast<cmsghdr*>(given.msg_control);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    std::memcpy(CMSG_DATA(part) + placed * sizeof(int), &number, sizeof number);
    part->cmsg_len = CMSG_LEN(++placed * sizeof(int));
  }
  given.msg_controllen = placed == 0 ? 0 : CMSG_SPACE(placed * sizeof(int));
  return placed == came.all().size() ? 0 : MSG_CTRUNC;
}

std::int64_t Process::recvmsg(int fd, msghdr* given, int flags) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  if (socket == nullptr) {
    return failed;
  }
  if (given->msg_iovlen > kMostParts) {
    return -EMSGSIZE;
  }
  Parts parts({given->msg_iov, given->msg_iovlen});
  sockaddr_storage from{};
  Message message;
  message.from = given->msg_name != nullptr ? &from : nullptr;
  message.flags = flags;
  const std::int64_t got = socket->receive(parts, message);
  if (got < 0) {
    return got;
  }
  if (given->msg_name != nullptr) {
    std::memcpy(given->msg_name, &from, std::min(given->msg_namelen, message.from_size));
    given->msg_namelen = message.from_size;
  }
  given->msg_flags = message.flags | give_files(message.files, *given, flags);
  return got;
}

std::int64_t Process::sendmsg(int fd, const msghdr* given, int flags) noexcept {
  std::int32_t failed = 0;
  Socket* socket = socket_of(*this, fd, failed);
  if (socket == nullptr) {
    return failed;
  }
  if (given->msg_iovlen > kMostParts) {
    return -EMSGSIZE;
  }
  Parts parts({given->msg_iov, given->msg_iovlen});
  Message message;
  message.to = static_cast<const sockaddr*>(given->msg_name);
  message.to_size = given->msg_name != nullptr ? given->msg_namelen : 0;
  message.flags = flags;
  if (failed = take_files(*given, message.files); failed != 0) {
    return failed;
  }
  const std::int64_t sent = socket->send(parts, message);
  if (sent == -EPIPE && socket->type == SOCK_STREAM && (flags & MSG_NOSIGNAL) == 0) {
    raise(SIGPIPE);
  }
  return sent;
}

}  // namespace vigil::sim

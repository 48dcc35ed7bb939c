// Sockets of tests and library, on the simulated kernel. All new ones are there.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/support/sim/libc.hpp"

using vigil::test::as_libc;
using vigil::test::ask;
using vigil::test::ask_blocking;
using vigil::test::Live;
using vigil::test::simulated;
using Process = vigil::sim::Process;

namespace {

std::span<std::byte> bytes(void* data, size_t size) {
  return {static_cast<std::byte*>(data), size};
}
std::span<const std::byte> bytes(const void* data, size_t size) {
  return {static_cast<const std::byte*>(data), size};
}
bool waits(int flags) { return (flags & MSG_DONTWAIT) == 0; }

}  // namespace

extern "C" {

int socket(int family, int type, int protocol) noexcept {
  return ask([&](Process& p) { return p.socket(family, type, protocol); });
}
int socketpair(int family, int type, int protocol, int ends[2]) noexcept {
  return ask([&](Process& p) { return p.socketpair(family, type, protocol, ends); });
}
int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  return ask([&](Process& p) { return p.bind(fd, address, size); });
}
int listen(int fd, int backlog) noexcept {
  return ask([&](Process& p) { return p.listen(fd, backlog); });
}
int accept4(int fd, sockaddr* peer, socklen_t* size, int flags) {
  return ask_blocking(fd, [&](Process& p) { return p.accept4(fd, peer, size, flags); });
}
int accept(int fd, sockaddr* peer, socklen_t* size) { return accept4(fd, peer, size, 0); }

// A connect that waits asks until its outcome is known.
int connect(int fd, const sockaddr* address, socklen_t size) {
  Live& live = Live::instance();
  Live::Lock lock = live.enter();
  Process& process = live.process();
  std::int64_t result = process.connect(fd, address, size);
  live.changed();
  const vigil::sim::File* file = process.file(fd);
  while ((result == -EINPROGRESS || result == -EALREADY) && !file->nonblocking) {
    if (process.poll_one(fd, POLLOUT) == 0) {
      live.sleep(lock, vigil::kNever);
    } else {
      result = process.connect(fd, address, size);
    }
  }
  return as_libc(result);
}
int shutdown(int fd, int how) noexcept {
  return ask([&](Process& p) { return p.shutdown(fd, how); });
}
int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
  return ask([&](Process& p) { return p.getsockname(fd, address, size); });
}
int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
  return ask([&](Process& p) { return p.getpeername(fd, address, size); });
}
int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  return ask([&](Process& p) { return p.setsockopt(fd, level, name, value, size); });
}
int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  return ask([&](Process& p) { return p.getsockopt(fd, level, name, value, size); });
}

ssize_t recv(int fd, void* to, size_t size, int flags) {
  const auto call = [&](Process& p) { return p.recv(fd, bytes(to, size), flags & ~MSG_DONTWAIT); };
  return waits(flags) ? ask_blocking<ssize_t>(fd, call) : ask<ssize_t>(call);
}
// A send that waits sends all of it, piece by piece.
ssize_t send(int fd, const void* from, size_t size, int flags) {
  if (!waits(flags)) {
    return ask<ssize_t>([&](Process& p) { return p.send(fd, bytes(from, size), flags); });
  }
  size_t done = 0;
  do {
    const auto sent = ask_blocking<ssize_t>(
        fd, [&](Process& p) { return p.send(fd, bytes(from, size).subspan(done), flags); });
    if (sent < 0) {
      return done != 0 ? static_cast<ssize_t>(done) : sent;
    }
    done += static_cast<size_t>(sent);
  } while (done != size &&
           Live::instance().call([&](Process& p) { return p.file(fd)->nonblocking ? 1 : 0; }) == 0);
  return static_cast<ssize_t>(done);
}
ssize_t recvmsg(int fd, msghdr* message, int flags) {
  const auto call = [&](Process& p) { return p.recvmsg(fd, message, flags & ~MSG_DONTWAIT); };
  return waits(flags) ? ask_blocking<ssize_t>(fd, call) : ask<ssize_t>(call);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const auto call = [&](Process& p) { return p.sendmsg(fd, message, flags & ~MSG_DONTWAIT); };
  return waits(flags) ? ask_blocking<ssize_t>(fd, call) : ask<ssize_t>(call);
}
ssize_t recvfrom(int fd, void* to, size_t size, int flags, sockaddr* from, socklen_t* room) {
  iovec part{to, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = from;
  message.msg_namelen = room != nullptr ? *room : 0;
  const ssize_t got = recvmsg(fd, &message, flags);
  if (got >= 0 && room != nullptr) {
    *room = message.msg_namelen;
  }
  return got;
}
ssize_t sendto(int fd, const void* from, size_t size, int flags, const sockaddr* to,
               socklen_t room) {
  iovec part{const_cast<void*>(from), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = const_cast<sockaddr*>(to);
  message.msg_namelen = room;
  return sendmsg(fd, &message, flags);
}

}  // extern "C"

// LinuxCalls: this machine's kernel with the signatures of sim::Process: results >= 0 or -errno.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vigil::differential {

struct LinuxCalls {
  template <class N>
  static N told(N result) noexcept {
    return result < 0 ? static_cast<N>(-errno) : result;
  }

  std::int32_t close(int fd) noexcept { return told(::close(fd)); }
  std::int32_t dup(int fd) noexcept { return told(::dup(fd)); }
  std::int32_t dup3(int from, int to, int flags) noexcept { return told(::dup3(from, to, flags)); }
  std::int32_t fcntl(int fd, int command, int argument) noexcept {
    return told(::fcntl(fd, command, argument));
  }
  std::int32_t epoll_create1(int flags) noexcept { return told(::epoll_create1(flags)); }
  std::int32_t epoll_ctl(int epoll, int action, int fd, const epoll_event* event) noexcept {
    return told(::epoll_ctl(epoll, action, fd, const_cast<epoll_event*>(event)));
  }
  std::int32_t epoll_wait(int epoll, std::span<epoll_event> room) noexcept {
    return told(::epoll_wait(epoll, room.data(), static_cast<int>(room.size()), 0));
  }
  std::uint32_t poll_one(int fd, std::uint32_t interest) noexcept {
    pollfd one{fd, static_cast<short>(interest), 0};
    ::poll(&one, 1, 0);
    return static_cast<std::uint16_t>(one.revents);
  }
  std::int64_t read(int fd, std::span<std::byte> to) noexcept {
    return told(::read(fd, to.data(), to.size()));
  }
  std::int64_t write(int fd, std::span<const std::byte> from) noexcept {
    return told(::write(fd, from.data(), from.size()));
  }
  std::int64_t readv(int fd, std::span<const iovec> parts) noexcept {
    return told(::readv(fd, parts.data(), static_cast<int>(parts.size())));
  }
  std::int64_t writev(int fd, std::span<const iovec> parts) noexcept {
    return told(::writev(fd, parts.data(), static_cast<int>(parts.size())));
  }
  std::int32_t pipe2(int ends[2], int flags) noexcept { return told(::pipe2(ends, flags)); }
  std::int32_t eventfd(unsigned count, int flags) noexcept { return told(::eventfd(count, flags)); }
  std::int32_t timerfd_create(int clock, int flags) noexcept {
    return told(::timerfd_create(clock, flags));
  }
  std::int32_t timerfd_settime(int fd, int flags, const itimerspec* value,
                               itimerspec* old) noexcept {
    return told(::timerfd_settime(fd, flags, value, old));
  }
  std::int32_t timerfd_gettime(int fd, itimerspec* value) noexcept {
    return told(::timerfd_gettime(fd, value));
  }
  std::int32_t socket(int family, int type, int protocol) noexcept {
    return told(::socket(family, type, protocol));
  }
  std::int32_t socketpair(int family, int type, int protocol, int ends[2]) noexcept {
    return told(::socketpair(family, type, protocol, ends));
  }
  std::int32_t bind(int fd, const sockaddr* address, socklen_t size) noexcept {
    return told(::bind(fd, address, size));
  }
  std::int32_t listen(int fd, int backlog) noexcept { return told(::listen(fd, backlog)); }
  std::int32_t accept4(int fd, sockaddr* peer, socklen_t* size, int flags) noexcept {
    return told(::accept4(fd, peer, size, flags));
  }
  std::int32_t connect(int fd, const sockaddr* address, socklen_t size) noexcept {
    return told(::connect(fd, address, size));
  }
  std::int32_t shutdown(int fd, int how) noexcept { return told(::shutdown(fd, how)); }
  std::int32_t getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
    return told(::getsockname(fd, address, size));
  }
  std::int32_t setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
    return told(::setsockopt(fd, level, name, value, size));
  }
  std::int32_t getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    return told(::getsockopt(fd, level, name, value, size));
  }
  std::int32_t openat2(int directory, const char* path, int flags, mode_t mode,
                       std::uint64_t /*resolve*/) noexcept {
    return told(::openat(directory, path, flags, mode));
  }
  std::int64_t recv(int fd, std::span<std::byte> to, int flags) noexcept {
    return told(::recv(fd, to.data(), to.size(), flags));
  }
  std::int64_t send(int fd, std::span<const std::byte> from, int flags) noexcept {
    return told(::send(fd, from.data(), from.size(), flags));
  }
};

}  // namespace vigil::differential

// Handles of every kind: what is simulated goes to the simulated kernel, the rest to the system.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/support/sim/libc.hpp"

using vigil::test::as_libc;
using vigil::test::ask;
using vigil::test::ask_blocking;
using vigil::test::Live;
using vigil::test::simulated;
using Process = vigil::sim::Process;

namespace {

vigil::Instant deadline(int milliseconds) {
  return milliseconds < 0 ? vigil::kNever
                          : vigil::after(std::chrono::steady_clock::now(),
                                         std::chrono::milliseconds(milliseconds));
}

// Which of the standard streams are led to a simulated handle, and where what they were is kept.
bool redirected[3];
constexpr int kKept = Live::kFirst - 3;

std::int64_t write_all(int fd, const void* from, size_t size) {
  const std::span<const std::byte> all(static_cast<const std::byte*>(from), size);
  size_t done = 0;
  do {
    const std::int64_t written = Live::instance().call_blocking(
        fd, [&](Process& p) { return p.write(fd, all.subspan(done)); });
    if (written < 0) {
      return done != 0 ? static_cast<std::int64_t>(done) : written;
    }
    done += static_cast<size_t>(written);
  } while (done != size && Live::instance().call([&](Process& p) {
    return p.file(fd) == nullptr || p.file(fd)->nonblocking ? 1 : 0;
  }) == 0);
  return static_cast<std::int64_t>(done);
}

}  // namespace

extern "C" {

int close(int fd) {
  static const auto real = VIGIL_LIBC(close);
  return simulated(fd) || (fd >= 0 && fd < 3 && redirected[fd])
             ? ask([&](Process& p) { return p.close(fd); })
             : real(fd);
}
ssize_t read(int fd, void* to, size_t size) {
  static const auto real = VIGIL_LIBC(read);
  return simulated(fd)
             ? ask_blocking<ssize_t>(
                   fd, [&](Process& p) { return p.read(fd, {static_cast<std::byte*>(to), size}); })
             : real(fd, to, size);
}
ssize_t write(int fd, const void* from, size_t size) {
  static const auto real = VIGIL_LIBC(write);
  return simulated(fd) ? as_libc<ssize_t>(write_all(fd, from, size)) : real(fd, from, size);
}
ssize_t readv(int fd, const iovec* parts, int count) {
  static const auto real = VIGIL_LIBC(readv);
  return simulated(fd)
             ? ask_blocking<ssize_t>(
                   fd, [&](Process& p) { return p.readv(fd, {parts, static_cast<size_t>(count)}); })
             : real(fd, parts, count);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  static const auto real = VIGIL_LIBC(writev);
  return simulated(fd)
             ? ask_blocking<ssize_t>(
                   fd,
                   [&](Process& p) { return p.writev(fd, {parts, static_cast<size_t>(count)}); })
             : real(fd, parts, count);
}

// Standard input is the simulated process's own: tests take its number for the lowest free one.
int dup(int fd) noexcept {
  static const auto real = VIGIL_LIBC(dup);
  return simulated(fd) || (fd == 0 && Live::started()) ? ask([&](Process& p) { return p.dup(fd); })
                                                       : real(fd);
}
int dup3(int from, int to, int flags) noexcept {
  static const auto real = VIGIL_LIBC(dup3);
  return simulated(from) ? ask([&](Process& p) { return p.dup3(from, to, flags); })
                         : real(from, to, flags);
}
// A standard stream that was led to the simulation is led back by a handle of the process's own.
int dup2(int from, int to) noexcept {
  static const auto real = VIGIL_LIBC(dup2);
  const bool standard = to >= 0 && to < 3;
  if (!simulated(from)) {
    if (standard && std::exchange(redirected[to], false)) {
      ask([&](Process& p) { return p.dup3(kKept + to, to, 0); });
    }
    return real(from, to);
  }
  if (standard && !std::exchange(redirected[to], true)) {
    ask([&](Process& p) { return p.dup3(to, kKept + to, 0); });
  }
  return ask([&](Process& p) {
    return from != to ? p.dup3(from, to, 0) : p.file(from) != nullptr ? from : -EBADF;
  });
}
int fcntl(int fd, int command, ...) {
  static const auto real = VIGIL_LIBC(fcntl);
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (!simulated(fd)) {
    return real(fd, command, argument);
  }
  int number = static_cast<int>(reinterpret_cast<std::intptr_t>(argument));
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
    number = std::max(number, +Live::kFirst);
  }
  return ask([&](Process& p) { return p.fcntl(fd, command, number); });
}
int fcntl64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  return fcntl(fd, command, argument);
}

// The user's end is opened by a name that is made of the master's number.
int posix_openpt(int flags) {
  return ask([&](Process& p) { return p.openpt(flags & (O_NONBLOCK | O_CLOEXEC)); });
}
int grantpt(int) noexcept { return 0; }
int unlockpt(int) noexcept { return 0; }
char* ptsname(int fd) noexcept {
  static char name[32];
  std::snprintf(name, sizeof name, "%s%d", vigil::test::kTerminals, fd);
  return name;
}

int pipe2(int ends[2], int flags) noexcept {
  return ask([&](Process& p) { return p.pipe2(ends, flags); });
}
int pipe(int ends[2]) noexcept { return pipe2(ends, 0); }
int eventfd(unsigned count, int flags) noexcept {
  return ask([&](Process& p) { return p.eventfd(count, flags); });
}
int timerfd_create(clockid_t clock, int flags) noexcept {
  return ask([&](Process& p) { return p.timerfd_create(clock, flags); });
}
int timerfd_settime(int fd, int flags, const itimerspec* value, itimerspec* old) noexcept {
  return ask([&](Process& p) { return p.timerfd_settime(fd, flags, value, old); });
}
int timerfd_gettime(int fd, itimerspec* value) noexcept {
  return ask([&](Process& p) { return p.timerfd_gettime(fd, value); });
}
int signalfd(int fd, const sigset_t* set, int flags) noexcept {
  return ask([&](Process& p) { return p.signalfd(fd, set, flags); });
}

int epoll_create1(int flags) noexcept {
  return ask([&](Process& p) { return p.epoll_create1(flags); });
}
int epoll_ctl(int epoll, int action, int fd, epoll_event* event) noexcept {
  return ask([&](Process& p) { return p.epoll_ctl(epoll, action, fd, event); });
}
int epoll_wait(int epoll, epoll_event* room, int size, int milliseconds) {
  Live& live = Live::instance();
  Live::Lock lock = live.enter();
  const vigil::Instant until = deadline(milliseconds);
  for (;;) {
    const std::int32_t told =
        live.process().epoll_wait(epoll, {room, static_cast<size_t>(std::max(size, 0))});
    if (told != 0 || std::chrono::steady_clock::now() >= until) {
      return as_libc(told);
    }
    live.sleep(lock, until);
  }
}
// Of the simulated handles; the others are asked once.
int poll(pollfd* fds, nfds_t count, int milliseconds) {
  static const auto real = VIGIL_LIBC(poll);
  const std::span<pollfd> all(fds, count);
  if (std::none_of(all.begin(), all.end(), [](const pollfd& one) { return simulated(one.fd); })) {
    return real(fds, count, milliseconds);
  }
  Live& live = Live::instance();
  Live::Lock lock = live.enter();
  const vigil::Instant until = deadline(milliseconds);
  for (;;) {
    int ready = 0;
    for (pollfd& one : all) {
      if (simulated(one.fd)) {
        one.revents = static_cast<short>(
            live.process().poll_one(one.fd, static_cast<std::uint16_t>(one.events)));
      } else {
        real(&one, 1, 0);
      }
      ready += one.revents != 0 ? 1 : 0;
    }
    if (ready != 0 || std::chrono::steady_clock::now() >= until) {
      return ready;
    }
    live.sleep(lock, until);
  }
}

int getrlimit(int what, rlimit* limit) noexcept {
  static const auto real = VIGIL_LIBC(getrlimit);
  if (what != RLIMIT_NOFILE || !Live::started()) {
    return real(what, limit);
  }
  return ask([&](Process& p) {
    limit->rlim_cur = static_cast<rlim_t>(p.handle_limit);
    limit->rlim_max = 1 << 16;
    return 0;
  });
}
int setrlimit(int what, const rlimit* limit) noexcept {
  static const auto real = VIGIL_LIBC(setrlimit);
  if (what != RLIMIT_NOFILE || !Live::started()) {
    return real(what, limit);
  }
  return ask([&](Process& p) {
    p.handle_limit = static_cast<int>(std::min<rlim_t>(limit->rlim_cur, 1 << 16));
    return 0;
  });
}

}  // extern "C"

// Signals of the test's process to itself, and its mask, in the simulated process. It has one
// thread there, and no handlers: a signal that the test handles is the real one, which ends the
// simulated wait that it interrupts.
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdarg>

#include "tests/support/sim/libc.hpp"

using vigil::test::as_libc;
using vigil::test::ask;
using vigil::test::Live;
using vigil::test::simulated;
using Process = vigil::sim::Process;

namespace {

const pid_t this_process = static_cast<pid_t>(::syscall(SYS_getpid));

// Of the signals that tests handle by a function.
std::atomic<bool> handled[65];

// Whether it is a simulated process, this one or a child. Others are of the system: those that
// Google Test forks for its death tests.
bool simulated_process(pid_t process) {
  return Live::started() && ask([&](Process& p) { return p.kill(process, 0); }) == 0;
}

int status_of(const siginfo_t& about) {
  return about.si_code == CLD_EXITED ? (about.si_status & 0xff) << 8 : about.si_status & 0x7f;
}

// waitid(2) on a simulated child. `about` says nothing while it runs and WNOHANG is given.
int wait_simulated(pid_t child, siginfo_t& about, int options) {
  Live& live = Live::instance();
  Live::Lock lock = live.enter();
  for (;;) {
    const std::int32_t told = live.process().wait_child(child, &about, options);
    if (told != 0 || (options & WNOHANG) != 0) {
      return as_libc(std::min(told, 0));
    }
    live.sleep(lock, vigil::kNever);
  }
}

}  // namespace

extern "C" {

// The simulated process's, in this one; a forked child has its own.
pid_t getpid() noexcept {
  const auto real = static_cast<pid_t>(::syscall(SYS_getpid));
  return Live::started() && real == this_process ? Live::instance().process().pid() : real;
}

// Of the calls that have no function in libc, those on processes.
long syscall(long number, ...) noexcept {
  static const auto real = VIGIL_LIBC(syscall);
  long arguments[6];
  va_list rest;
  va_start(rest, number);
  for (long& argument : arguments) {
    argument = va_arg(rest, long);
  }
  va_end(rest);
  if (number == SYS_pidfd_open && Live::started()) {
    return ask([&](Process& p) { return p.pidfd_open(static_cast<pid_t>(arguments[0]), 0); });
  }
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}

int waitid(idtype_t kind, id_t which, siginfo_t* about, int options) {
  static const auto real = VIGIL_LIBC(waitid);
  const int number = static_cast<int>(which);
  if (kind == P_PIDFD && simulated(number)) {
    return ask([&](Process& p) { return std::min(p.wait_pidfd(number, about, options), 0); });
  }
  return kind == P_PID && simulated_process(number) ? wait_simulated(number, *about, options)
                                                    : real(kind, which, about, options);
}
pid_t waitpid(pid_t child, int* status, int options) {
  static const auto real = VIGIL_LIBC(waitpid);
  if (!simulated_process(child)) {
    return real(child, status, options);
  }
  siginfo_t about{};
  const int failed = wait_simulated(child, about, options);
  if (failed == 0 && about.si_pid == child && status != nullptr) {
    *status = status_of(about);
  }
  return failed != 0 ? -1 : about.si_pid;
}

int kill(pid_t process, int signal) noexcept {
  static const auto real = VIGIL_LIBC(kill);
  return simulated_process(process) ? ask([&](Process& p) { return p.kill(process, signal); })
                                    : real(process, signal);
}
int sigaction(int signal, const struct sigaction* wanted, struct sigaction* before) noexcept {
  static const auto real = VIGIL_LIBC(sigaction);
  const int done = real(signal, wanted, before);
  if (done == 0 && wanted != nullptr && Live::started()) {
    const bool ignored = wanted->sa_handler == SIG_IGN;
    handled[signal] = !ignored && wanted->sa_handler != SIG_DFL;
    ask([&](Process& p) { return p.ignore_signal(signal, ignored); });
  }
  return done;
}
sighandler_t signal(int signal, sighandler_t handler) noexcept {
  struct sigaction wanted{};
  struct sigaction before{};
  wanted.sa_handler = handler;
  wanted.sa_flags = SA_RESTART;
  return sigaction(signal, &wanted, &before) == 0 ? before.sa_handler : SIG_ERR;
}
int pthread_kill(pthread_t thread, int signal) noexcept {
  static const auto real = VIGIL_LIBC(pthread_kill);
  if (!Live::started()) {
    return real(thread, signal);
  }
  if (handled[signal]) {
    const int sent = real(thread, signal);
    Live::instance().interrupt(thread);
    return sent;
  }
  return kill(::getpid(), signal) == 0 ? 0 : errno;
}
int pthread_sigqueue(pthread_t, int signal, sigval value) noexcept {
  const int sent = ask([&](Process& p) { return p.sigqueue(p.pid(), signal, value.sival_int); });
  return sent == 0 ? 0 : errno;
}
int pthread_sigmask(int how, const sigset_t* set, sigset_t* before) noexcept {
  static const auto real = VIGIL_LIBC(pthread_sigmask);
  if (!Live::started()) {
    return real(how, set, before);
  }
  return ask([&](Process& p) { return p.sigprocmask(how, set, before); }) == 0 ? 0 : errno;
}
int sigprocmask(int how, const sigset_t* set, sigset_t* before) noexcept {
  const int failed = pthread_sigmask(how, set, before);
  errno = failed != 0 ? failed : errno;
  return failed != 0 ? -1 : 0;
}

// Only how much there is to read.
int ioctl(int fd, unsigned long request, ...) noexcept {
  static const auto real = VIGIL_LIBC(ioctl);
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (!simulated(fd)) {
    return real(fd, request, argument);
  }
  if (request != FIONREAD) {
    errno = ENOTTY;
    return -1;
  }
  return ask([&](Process& p) -> std::int64_t {
    static std::array<std::byte, 1 << 20> room;
    std::int64_t there = p.recv(fd, room, MSG_PEEK);
    if (there == -ENOTSOCK) {
      there = (p.poll_one(fd, POLLIN) & POLLIN) != 0 ? 1 : 0;
    }
    if (there < 0 && there != -EAGAIN) {
      return -EINVAL;
    }
    *static_cast<int*>(argument) = static_cast<int>(std::max<std::int64_t>(there, 0));
    return 0;
  });
}

}  // extern "C"

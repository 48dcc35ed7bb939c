// Timers, signals, processes and file changes as descriptors of Linux: timerfd_create(2),
// signalfd(2), pidfd_open(2), inotify(7).
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "poll/lower.hpp"

namespace vigil::lower {
namespace {

// read(2) of one whole record; false: nothing there.
template <class T>
bool take(NativeHandle handle, T& record) noexcept {
  for (;;) {
    const auto got = ::read(handle, &record, sizeof record);
    if (got >= 0 || errno != EINTR) {
      return got == static_cast<ssize_t>(sizeof record);
    }
  }
}

Result<NativeHandle> opened(int handle) noexcept {
  if (handle < 0) {
    return error(errno);
  }
  return handle;
}

timespec split(Nanos span) noexcept {
  return {.tv_sec = span.count() / 1'000'000'000, .tv_nsec = span.count() % 1'000'000'000};
}

}  // namespace

Result<NativeHandle> open_timer() noexcept {
  return opened(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

Result<> set_timer(NativeHandle timer, Nanos first, bool absolute, Nanos period) noexcept {
  itimerspec when{};
  if (first != kForever) {
    // Zero would disarm it; one nanosecond is at once.
    when.it_value = split(first > Nanos::zero() ? first : Nanos{1});
    when.it_interval = split(period);
  }
  if (::timerfd_settime(timer, absolute ? TFD_TIMER_ABSTIME : 0, &when, nullptr) != 0) {
    return error(errno);
  }
  return {};
}

std::int64_t take_expirations(NativeHandle timer) noexcept {
  std::uint64_t count;
  return take(timer, count) ? static_cast<std::int64_t>(count) : 0;
}

Result<bool> block_signal(int number) noexcept {
  sigset_t one;
  sigset_t before;
  ::sigemptyset(&one);
  if (::sigaddset(&one, number) != 0) {
    return error(errno);
  }
  if (const int failure = ::pthread_sigmask(SIG_BLOCK, &one, &before); failure != 0) {
    return error(failure);
  }
  return ::sigismember(&before, number) == 0;
}

void unblock_signal(int number) noexcept {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, number);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

Result<NativeHandle> open_signal(int number) noexcept {
  sigset_t one;
  ::sigemptyset(&one);
  if (::sigaddset(&one, number) != 0) {
    return error(errno);
  }
  return opened(::signalfd(-1, &one, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::int64_t take_signal(NativeHandle signal) noexcept {
  signalfd_siginfo about;
  return take(signal, about) ? static_cast<std::int64_t>(about.ssi_signo) : 0;
}

Result<NativeHandle> open_process(int pid) noexcept {
  return opened(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // close-on-exec by itself
}

Result<std::int64_t> take_exit(NativeHandle process, Reap reap) noexcept {
  siginfo_t about{};
  const int options = WEXITED | WNOHANG | (reap == Reap::yes ? 0 : WNOWAIT);
  while (::waitid(P_PIDFD, static_cast<id_t>(process), &about, options) != 0) {
    if (errno == ECHILD) {
      return -1;
    }
    if (errno != EINTR) {
      return error(errno);
    }
  }
  if (about.si_pid == 0) {
    return error(std::errc::operation_would_block);
  }
  // waitid tells the parts of what waitpid encodes in one number (wait(2), W* macros).
  if (about.si_code == CLD_EXITED) {
    return (about.si_status & 0xff) << 8;
  }
  return (about.si_status & 0x7f) | (about.si_code == CLD_DUMPED ? 0x80 : 0);
}

namespace {

struct Translation {
  std::uint32_t change;
  std::uint32_t native;
};
constexpr Translation kTranslations[] = {
    {kContentChanged, IN_MODIFY},
    {kAttributesChanged, IN_ATTRIB},
    {kDeleted, IN_DELETE_SELF | IN_UNMOUNT},
    {kMoved, IN_MOVE_SELF},
    {kEntryAdded, IN_CREATE | IN_MOVED_TO},
    {kEntryRemoved, IN_DELETE | IN_MOVED_FROM},
    {kWriteClosed, IN_CLOSE_WRITE},
    {kChangesMissed, IN_Q_OVERFLOW},
};

}  // namespace

VnodeQueue::~VnodeQueue() {
  if (handle_ != kNoHandle) {
    ::close(handle_);
  }
}

Result<> VnodeQueue::open() noexcept {
  if (handle_ != kNoHandle) {
    return {};
  }
  const auto handle = opened(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!handle) {
    return std::unexpected(handle.error());
  }
  handle_ = *handle;
  return {};
}

Result<int> VnodeQueue::watch(std::string_view path, std::uint32_t changes) noexcept {
  char terminated[PATH_MAX];
  if (path.size() >= sizeof terminated) {
    return error(std::errc::filename_too_long);
  }
  std::memcpy(terminated, path.data(), path.size());
  terminated[path.size()] = '\0';
  std::uint32_t mask = IN_MASK_ADD;
  for (const Translation& one : kTranslations) {
    mask |= (changes & one.change) != 0 ? one.native & IN_ALL_EVENTS : 0;
  }
  return opened(::inotify_add_watch(handle_, terminated, mask));
}

void VnodeQueue::unwatch(int watch) noexcept { ::inotify_rm_watch(handle_, watch); }

std::size_t VnodeQueue::fill() noexcept {
  for (;;) {
    const auto got = ::read(handle_, buffer_, sizeof buffer_);
    if (got >= 0 || errno != EINTR) {
      return got < 0 ? 0 : static_cast<std::size_t>(got);
    }
  }
}

VnodeQueue::Record VnodeQueue::record_at(std::size_t& at) noexcept {
  inotify_event native;
  std::memcpy(&native, buffer_ + at, sizeof native);
  const char* name = buffer_ + at + sizeof native;
  at += sizeof native + native.len;
  Record record{.watch = (native.mask & IN_Q_OVERFLOW) != 0 ? kAll : native.wd,
                .changes = 0,
                .name = {name, native.len == 0 ? 0 : ::strnlen(name, native.len)},
                .gone = (native.mask & IN_IGNORED) != 0};
  for (const Translation& one : kTranslations) {
    record.changes |= (native.mask & one.native) != 0 ? one.change : 0;
  }
  return record;
}

}  // namespace vigil::lower

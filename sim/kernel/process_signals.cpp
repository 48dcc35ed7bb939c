// Signals without handlers: what is not blocked ends the process or is ignored; what is blocked
// waits for a signalfd.
#include <sys/signalfd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <new>

#include "kernel/kernel.hpp"
#include "kernel/process.hpp"
#include "kernel/signal_file.hpp"

namespace vigil::sim {
namespace {

constexpr int kSignals = 64;
constexpr int kFirstQueued = 32;  // real-time signals: each one counts

constexpr std::uint64_t bit(int signal) noexcept { return std::uint64_t{1} << (signal - 1); }

constexpr std::uint64_t kNeverBlocked = bit(SIGKILL) | bit(SIGSTOP);
// Those that do nothing by default; that stop a process too, as none is ever stopped here.
constexpr std::uint64_t kHarmless = bit(SIGCHLD) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGCONT) |
                                    bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);
// Linux takes these first among those of the thread.
constexpr std::uint64_t kSynchronous =
    bit(SIGSEGV) | bit(SIGBUS) | bit(SIGILL) | bit(SIGTRAP) | bit(SIGFPE) | bit(SIGSYS);

// The system's set is one word, the first of the library's.
std::uint64_t word_of(const sigset_t& set) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, &set, sizeof word);
  return word;
}

bool valid(int signal) noexcept { return signal >= 0 && signal <= kSignals; }

}  // namespace

// ---- Pending signals. ----

bool Process::ignores(int signal) const noexcept {
  return ((ignored_ | kHarmless) & bit(signal)) != 0;
}

std::uint64_t Process::pending_signals() const noexcept {
  std::uint64_t set = 0;
  for (const Pending& one : pending_) {
    set |= bit(one.signal);
  }
  return set;
}

void Process::die(int signal) noexcept {
  if (killed == nullptr) {
    kernel_.end_process(*this, signal);
  } else if (!dying_) {
    dying_ = true;
    killed(owner, signal);
  }
}

void Process::post(const Pending& pending) noexcept {
  if (ended_) {
    return;
  }
  if ((blocked_ & bit(pending.signal)) == 0) {
    if (!ignores(pending.signal)) {
      die(pending.signal);
    }
    return;
  }
  if (pending.signal < kFirstQueued) {
    for (const Pending& one : pending_) {
      if (one.signal == pending.signal && one.own == pending.own) {
        return;  // standard signals do not queue
      }
    }
  }
  pending_.push_back(pending);
  signals_.wake(0);
}

void Process::raise(int signal) noexcept { post({signal, SI_USER, pid_, 0, true}); }

bool Process::take_signal(std::uint64_t mask, Pending& out) noexcept {
  for (const bool own : {true, false}) {
    std::uint64_t set = 0;
    for (const Pending& one : pending_) {
      set |= one.own == own ? bit(one.signal) & mask : 0;
    }
    if (set == 0) {
      continue;
    }
    set = (set & kSynchronous) != 0 ? set & kSynchronous : set;
    const int lowest = std::countr_zero(set) + 1;
    for (auto one = pending_.begin(); one != pending_.end(); ++one) {
      if (one->signal == lowest && one->own == own) {
        out = *one;
        pending_.erase(one);
        return true;
      }
    }
  }
  return false;
}

void Process::deliver() noexcept {
  Pending taken{};
  while (!ended_ && take_signal(~blocked_, taken)) {
    if (!ignores(taken.signal)) {
      die(taken.signal);
    }
  }
}

std::int32_t Process::kill(int pid, int signal) noexcept {
  return send_signal(pid, {signal, SI_USER, pid_, 0, false});
}

std::int32_t Process::sigqueue(int pid, int signal, std::int32_t value) noexcept {
  return send_signal(pid, {signal, SI_QUEUE, pid_, 0, false, value});
}

std::int32_t Process::send_signal(int pid, const Pending& sent) noexcept {
  if (pid <= 0) {
    return -ESRCH;  // groups of processes are not modelled
  }
  Process* target = kernel_.find_process(pid);
  if (target == nullptr && !kernel_.ends_.contains(pid)) {
    return -ESRCH;
  }
  if (!valid(sent.signal)) {
    return -EINVAL;
  }
  if (target != nullptr && sent.signal != 0) {
    target->post(sent);
  }
  return 0;
}

std::int32_t Process::sigprocmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  const std::uint64_t before = blocked_;
  if (set != nullptr) {
    const std::uint64_t word = word_of(*set) & ~kNeverBlocked;
    switch (how) {
      case SIG_BLOCK:
        blocked_ |= word;
        break;
      case SIG_UNBLOCK:
        blocked_ &= ~word;
        break;
      case SIG_SETMASK:
        blocked_ = word;
        break;
      default:
        return -EINVAL;
    }
  }
  if (old != nullptr) {
    sigemptyset(old);
    std::memcpy(old, &before, sizeof before);
  }
  deliver();
  return 0;
}

std::int32_t Process::sigtimedwait(const sigset_t* set) noexcept {
  Pending taken{};
  return take_signal(word_of(*set), taken) ? taken.signal : -EAGAIN;
}

std::int32_t Process::ignore_signal(int signal, bool ignored) noexcept {
  if (signal < 1 || !valid(signal) || (bit(signal) & kNeverBlocked) != 0) {
    return -EINVAL;
  }
  ignored_ = ignored ? ignored_ | bit(signal) : ignored_ & ~bit(signal);
  if (ignores(signal)) {
    std::erase_if(pending_, [signal](const Pending& one) { return one.signal == signal; });
  }
  return 0;
}

std::int32_t Process::signalfd(int fd, const sigset_t* set, int flags) noexcept {
  if (set == nullptr) {
    return -EFAULT;
  }
  if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) != 0) {
    return -EINVAL;
  }
  const std::uint64_t mask = word_of(*set) & ~kNeverBlocked;
  if (fd == -1) {
    if (ended_) {
      return -EMFILE;
    }
    File* made = new (std::nothrow) SignalFile(*this, mask);
    return install_new(made, flags);
  }
  File* found = usable(fd);
  if (found == nullptr) {
    return -EBADF;
  }
  auto* signals = dynamic_cast<SignalFile*>(found);
  if (signals == nullptr) {
    return -EINVAL;
  }
  signals->set_mask(mask);
  return fd;
}

}  // namespace vigil::sim

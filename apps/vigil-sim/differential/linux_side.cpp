// The real side: system calls of this process, and children that share its memory but not its
// table of descriptors, so that a step of a child is a function call away.
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <vector>

#include "differential/machine.hpp"
#include "differential/side.hpp"

namespace vigil::differential {
namespace {

void futex_wait(std::atomic<int>& word, int while_it_is) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAIT, while_it_is, nullptr, nullptr, 0);
}
void futex_wake(std::atomic<int>& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

// A process with a copy of the table of descriptors and the same memory. It does what its parent
// asks, and the parent does nothing meanwhile: so they may share even errno.
class Child {
 public:
  explicit Child(const Machine<LinuxCalls>& parent)
      : stack_(std::make_unique<Stack>()), machine_(calls_, parent) {}
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int start() noexcept {
    const int pid =
        ::clone(&Child::body, stack_->bytes + sizeof stack_->bytes, CLONE_VM | SIGCHLD, this);
    if (pid < 0) {
      return -errno;
    }
    pid_ = pid;
    wait_for(kIdle);
    return 0;
  }
  Outcome run(const Operation& op) noexcept {
    operation_ = &op;
    tell(kWork);
    wait_for(kIdle);
    return outcome_;
  }
  void end() noexcept {
    if (pid_ > 0) {
      tell(kEnd);
      ::waitpid(pid_, nullptr, __WALL);
      pid_ = -1;
    }
  }

 private:
  enum State { kStarting, kIdle, kWork, kEnd };
  struct Stack {
    alignas(64) std::byte bytes[256 * 1024];
  };

  void tell(State state) noexcept {
    state_.store(state);
    futex_wake(state_);
  }
  void wait_for(State state) noexcept {
    for (int now = state_.load(); now != state; now = state_.load()) {
      futex_wait(state_, now);
    }
  }
  static int body(void* self) noexcept {
    auto& child = *static_cast<Child*>(self);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      child.tell(kIdle);
      int now = kIdle;
      while ((now = child.state_.load()) == kIdle) {
        futex_wait(child.state_, kIdle);
      }
      if (now == kEnd) {
        ::syscall(SYS_exit, 0);
      }
      child.outcome_ = child.machine_.run(*child.operation_);
    }
  }

  std::unique_ptr<Stack> stack_;
  LinuxCalls calls_;
  Machine<LinuxCalls> machine_;
  std::atomic<int> state_{kStarting};
  const Operation* operation_ = nullptr;
  Outcome outcome_;
  int pid_ = -1;
};

class Real final : public LinuxSide {
 public:
  Real() {
    ::getrlimit(RLIMIT_NOFILE, &limit_);
    pipe_action_ = std::signal(SIGPIPE, SIG_IGN);
  }
  ~Real() override {
    std::signal(SIGPIPE, pipe_action_);
    for (const int fd : fillers_) {
      ::close(fd);
    }
  }

  // Histories see the numbers from base_ on, all free: those below are all taken.
  bool fill_holes(std::string& error) {
    int highest = 2;
    for (int fd = 0; fd < 1024; ++fd) {
      highest = ::fcntl(fd, F_GETFD) >= 0 ? fd : highest;
    }
    int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= highest) {
      fillers_.push_back(fd);
      fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    }
    if (fd < 0) {
      error = "no descriptors are left for the histories; raise the limit (ulimit -n)";
      return false;
    }
    ::close(fd);
    base_ = highest + 1;
    return true;
  }

  void set_patience(Nanos patience) noexcept override { patience_ = patience; }

  void begin(const History& history) override {
    rlimit lower = limit_;
    lower.rlim_cur = static_cast<rlim_t>(base_ + history.limit);
    ::setrlimit(RLIMIT_NOFILE, &lower);
    // An address of its own: the ports of histories before it, which TCP keeps for a minute, are
    // not in its way.
    network_ = (network_ + 1) % 0xfffff0;
    machine_.emplace(calls_, base_, 0x7f000001U + network_);
  }

  Outcome run(const Operation& op) noexcept override {
    Outcome outcome;
    if (op.call == Call::fork) {
      auto child = std::make_unique<Child>(*machine_);
      outcome.result = child->start();
      if (outcome.result == 0) {
        children_[op.a] = std::move(child);
      }
    } else if (op.call == Call::exit) {
      children_[op.a].reset();
    } else if (op.actor == 0) {
      outcome = machine_->run(op);
      expire(op, outcome);
    } else if (children_[op.actor]) {
      outcome = children_[op.actor]->run(op);
      expire(op, outcome);
    }
    if (patience_ != kNone) {
      const timespec moment{0, static_cast<long>(patience_.count())};
      ::nanosleep(&moment, nullptr);
    }
    return outcome;
  }

  std::string end() override {
    ::setrlimit(RLIMIT_NOFILE, &limit_);
    // A connection that is reset leaves nothing behind in the kernel.
    const struct linger now{1, 0};
    for (std::uint8_t i = 0; i < kVariables; ++i) {
      if (machine_->raw(i) >= 0) {
        ::setsockopt(machine_->raw(i), SOL_SOCKET, SO_LINGER, &now, sizeof now);
      }
    }
    for (auto& child : children_) {
      child.reset();
    }
    ::close_range(static_cast<unsigned>(base_), ~0U, 0);
    machine_.reset();
    return {};
  }

 private:
  // A timer that was to expire at once has done so before the next step.
  void expire(const Operation& op, const Outcome& outcome) noexcept {
    if (op.call != Call::set_timer || outcome.result != 0) {
      return;
    }
    const auto setting = static_cast<Setting>(op.n);
    if (setting != Setting::at_once && setting != Setting::in_the_past &&
        setting != Setting::at_once_far_periodic) {
      return;
    }
    if (op.actor == 0) {
      pollfd one{machine_->raw(op.a), POLLIN, 0};
      ::poll(&one, 1, 1000);
    } else {
      const timespec moment{0, 200'000};
      ::nanosleep(&moment, nullptr);
    }
  }

  rlimit limit_{};
  Nanos patience_ = kNone;
  int base_ = 3;
  std::uint32_t network_ = 0;
  std::vector<int> fillers_;
  void (*pipe_action_)(int) = SIG_DFL;
  LinuxCalls calls_;
  std::optional<Machine<LinuxCalls>> machine_;
  std::array<std::unique_ptr<Child>, kActors> children_;
};

}  // namespace

std::unique_ptr<LinuxSide> make_linux(std::string& error) {
  auto real = std::make_unique<Real>();
  if (!real->fill_holes(error)) {
    return nullptr;
  }
  return real;
}

}  // namespace vigil::differential

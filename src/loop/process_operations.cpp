// Processes: started so that they inherit nothing by accident, and held by a handle that cannot
// come to mean another process.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <new>

#include "loop/environment.hpp"
#include "loop/operations.hpp"
#include "loop/pin.hpp"
#include "poll/lower.hpp"
#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/system_arguments.hpp"

extern "C" char** environ;

namespace vigil {
namespace {

// posix_spawn's two descriptions, and the duplicates that the child's handles come from.
class Plan {
 public:
  Plan() noexcept {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~Plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
    for (const int handle : duplicates_) {
      if (handle >= 0) {
        ::close(handle);
      }
    }
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // 0, or an error number.
  int prepare(const SpawnArgs& args) noexcept {
    for (int target = 0; target < 3; ++target) {
      if (const int failed = give(target, args.standard[target]); failed != 0) {
        return failed;
      }
    }
    if (args.directory != nullptr) {
      if (const int failed = ::posix_spawn_file_actions_addchdir_np(&actions_, args.directory);
          failed != 0) {
        return failed;
      }
    }
    if (const int failed = ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3); failed != 0) {
      return failed;
    }
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    // sigfillset(3) leaves out two that the C library keeps for itself, and which the child would
    // then ignore.
    std::memset(&all, 0xff, sizeof all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    return ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }

  int start(const SpawnArgs& args, pid_t& pid) const noexcept try {
    const Unpinned everywhere;
    const auto environment =
        with_more(args.environment != nullptr ? args.environment : environ, args.more_environment);
    return ::posix_spawnp(&pid, args.arguments[0], &actions_, &attributes_,
                          const_cast<char* const*>(args.arguments),
                          const_cast<char* const*>(environment.data()));
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }

 private:
  int give(int target, int source) noexcept {
    if (source == kNoHandle) {
      return ::posix_spawn_file_actions_addopen(&actions_, target, "/dev/null",
                                                target == 0 ? O_RDONLY : O_WRONLY, 0);
    }
    // A source among 0 to 2 could be overwritten before it is used: take it from above.
    if (source < 3) {
      source = ::fcntl(source, F_DUPFD_CLOEXEC, 3);
      if (source < 0) {
        return errno;
      }
      duplicates_[static_cast<std::size_t>(target)] = source;
    }
    return ::posix_spawn_file_actions_adddup2(&actions_, source, target);
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  std::array<int, 3> duplicates_{-1, -1, -1};
};

std::int32_t spawn(SpawnArgs& args) noexcept {
  Plan plan;
  if (const int failed = plan.prepare(args); failed != 0) {
    return -failed;
  }
  pid_t pid = 0;
  if (const int failed = plan.start(args, pid); failed != 0) {
    return -failed;
  }
  args.pid = pid;
  // Nobody else waits for it yet, so the number is still its own.
  const auto handle = lower::open_process(pid);
  if (!handle) {
    ::kill(pid, SIGKILL);  // without a handle nobody could wait for it
    outcome([&] { return ::waitpid(pid, nullptr, 0); });
    return -handle.error().value();
  }
  return *handle;
}

std::int32_t send_signal(int process, int number) noexcept {
  return outcome([&] { return ::syscall(SYS_pidfd_send_signal, process, number, nullptr, 0); });
}

std::int32_t reap(int process, ReapArgs& args) noexcept {
  const auto status = lower::take_exit(process, Reap::yes);
  if (!status) {
    return -status.error().value();
  }
  if (*status < 0) {
    return -ECHILD;
  }
  const int native = static_cast<int>(*status);
  if (WIFSIGNALED(native)) {
    args.signal = WTERMSIG(native);
    args.dumped_core = WCOREDUMP(native);
  } else {
    args.code = WEXITSTATUS(native);
  }
  return 0;
}

}  // namespace

std::int32_t perform_process(Op& op) noexcept {
  switch (op.code) {
    case Opcode::spawn:
      return spawn(*reinterpret_cast<SpawnArgs*>(op.data));
    case Opcode::kill:
      return send_signal(op.on->handle, op.detail);
    case Opcode::reap:
      return reap(op.on->handle, *reinterpret_cast<ReapArgs*>(op.data));
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil

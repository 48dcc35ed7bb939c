// Signals, pipes and file changes; processes are in process_operations.cpp.
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <new>

#include "loop/operations.hpp"
#include "poll/lower.hpp"
#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/system_arguments.hpp"

namespace vigil {
namespace {

constexpr int kSignals = 64;

sigset_t as_sigset(std::uint64_t set) noexcept {
  sigset_t native;
  ::sigemptyset(&native);
  for (int number = 1; number <= kSignals; ++number) {
    if ((set >> (number - 1) & 1) != 0) {
      ::sigaddset(&native, number);
    }
  }
  return native;
}

std::int32_t open_signals(SignalArgs& args) noexcept {
  const sigset_t set = as_sigset(args.set);
  const std::int32_t handle =
      outcome([&] { return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK); });
  if (handle < 0) {
    return handle;
  }
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  for (int number = 1; number <= kSignals; ++number) {
    const std::uint64_t bit = std::uint64_t{1} << (number - 1);
    if ((args.set & bit) != 0 && ::sigismember(&before, number) == 0) {
      args.blocked |= bit;
    }
  }
  return handle;
}

std::int32_t take_signal(SignalArgs& args) noexcept {
  signalfd_siginfo about;
  const std::int32_t got = outcome([&] { return ::read(args.handle, &about, sizeof about); });
  if (got < 0) {
    return got;
  }
  args.sender = static_cast<std::int32_t>(about.ssi_pid);
  args.value = about.ssi_int;
  return static_cast<std::int32_t>(about.ssi_signo);
}

std::int32_t signal_source(SignalArgs& args) noexcept {
  switch (args.what) {
    case SignalArgs::Do::open:
      return open_signals(args);
    case SignalArgs::Do::take:
      return take_signal(args);
    case SignalArgs::Do::close: {
      ::close(args.handle);
      const sigset_t set = as_sigset(args.blocked);
      ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
      return 0;
    }
  }
  return -EINVAL;
}

std::int32_t make_pipe(PipeArgs& args) noexcept {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return -errno;
  }
  // The flag is of each end alone: nobody shares it yet.
  if (args.read_waits) {
    ::fcntl(ends[0], F_SETFL, 0);
  }
  if (args.write_waits) {
    ::fcntl(ends[1], F_SETFL, O_WRONLY);
  }
  args.read_end = ends[0];
  args.write_end = ends[1];
  return 0;
}

// EMFILE means one limit or another: whether any descriptor can be had tells which.
bool has_descriptors() noexcept {
  const int probe = ::eventfd(0, EFD_CLOEXEC);
  if (probe >= 0) {
    ::close(probe);
  }
  return probe >= 0;
}

std::int32_t watch_source(WatchSourceArgs& args) noexcept {
  auto* queue = new (std::nothrow) lower::VnodeQueue;
  if (queue == nullptr) {
    return -ENOMEM;
  }
  if (auto opened = queue->open(); !opened) {
    delete queue;
    const int number = opened.error().value();
    args.limit_is_of_queues = number == EMFILE && has_descriptors();
    return -number;
  }
  args.queue = queue;
  return queue->handle();
}

std::int32_t add_watch(lower::VnodeQueue& queue, const WatchChangeArgs& args) noexcept {
  char open_file[32];
  const char* path = args.path;
  if (args.handle != kNoHandle) {
    std::snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", args.handle);
    path = open_file;
  }
  const auto watch = queue.watch(path, args.changes);
  return watch ? *watch : -watch.error().value();
}

std::int32_t watch_change(WatchChangeArgs& args) noexcept {
  auto& queue = *static_cast<lower::VnodeQueue*>(args.queue);
  switch (args.what) {
    case WatchChangeArgs::Do::add:
      return add_watch(queue, args);
    case WatchChangeArgs::Do::remove:
      queue.unwatch(args.watch);
      return 0;
    case WatchChangeArgs::Do::take:
      return queue.take([&args](const lower::VnodeQueue::Record& record) {
        args.each(args.context, {.watch = record.watch,
                                 .changes = record.changes,
                                 .name = record.name,
                                 .gone = record.gone});
      })
                 ? 1
                 : 0;
    case WatchChangeArgs::Do::close:
      delete &queue;
      return 0;
  }
  return -EINVAL;
}

}  // namespace

std::int32_t perform_system(Op& op) noexcept {
  switch (op.code) {
    case Opcode::signal_source:
      return signal_source(*reinterpret_cast<SignalArgs*>(op.data));
    case Opcode::pipe:
      return make_pipe(*reinterpret_cast<PipeArgs*>(op.data));
    case Opcode::watch_source:
      return watch_source(*reinterpret_cast<WatchSourceArgs*>(op.data));
    case Opcode::watch_change:
      return watch_change(*reinterpret_cast<WatchChangeArgs*>(op.data));
    case Opcode::spawn:
    case Opcode::kill:
    case Opcode::reap:
      return perform_process(op);
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil

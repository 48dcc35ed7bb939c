// Signals, pipes, file changes and processes.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "faces/syscalls.hpp"
#include "loop/environment.hpp"
#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/system_arguments.hpp"
#include "vigil/poll/source.hpp"

namespace vigil::sim {
namespace {

sigset_t as_sigset(std::uint64_t set) noexcept {
  sigset_t native;
  sigemptyset(&native);
  std::memcpy(&native, &set, sizeof set);
  return native;
}

std::uint64_t as_word(const sigset_t& set) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, &set, sizeof word);
  return word;
}

std::int32_t signal_source(Process& process, SignalArgs& args) noexcept {
  switch (args.what) {
    case SignalArgs::Do::open: {
      const sigset_t set = as_sigset(args.set);
      const std::int32_t handle = process.signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
      if (handle >= 0) {
        sigset_t before;
        process.sigprocmask(SIG_BLOCK, &set, &before);
        args.blocked |= args.set & ~as_word(before);
      }
      return handle;
    }
    case SignalArgs::Do::take: {
      signalfd_siginfo about{};
      const std::int64_t got =
          process.read(args.handle, std::as_writable_bytes(std::span(&about, 1)));
      if (got < 0) {
        return static_cast<std::int32_t>(got);
      }
      args.sender = static_cast<std::int32_t>(about.ssi_pid);
      args.value = about.ssi_int;
      return static_cast<std::int32_t>(about.ssi_signo);
    }
    case SignalArgs::Do::close: {
      process.close(args.handle);
      const sigset_t set = as_sigset(args.blocked);
      process.sigprocmask(SIG_UNBLOCK, &set, nullptr);
      return 0;
    }
  }
  return -EINVAL;
}

std::int32_t make_pipe(Process& process, PipeArgs& args) noexcept {
  int ends[2];
  const std::int32_t made = process.pipe2(ends, O_CLOEXEC | O_NONBLOCK);
  if (made < 0) {
    return made;
  }
  if (args.read_waits) {
    process.fcntl(ends[0], F_SETFL, 0);
  }
  if (args.write_waits) {
    process.fcntl(ends[1], F_SETFL, O_WRONLY);
  }
  args.read_end = ends[0];
  args.write_end = ends[1];
  return 0;
}

// ---- File changes ----

struct Changes {
  NativeHandle handle;
};

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

std::int32_t watch_source(Process& process, WatchSourceArgs& args) noexcept {
  const std::int32_t handle = process.inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (handle < 0) {
    const std::int32_t probe = handle == -EMFILE ? process.eventfd(0, 0) : -EMFILE;
    if (probe >= 0) {
      process.close(probe);
    }
    args.limit_is_of_queues = probe >= 0;
    return handle;
  }
  args.queue = new (std::nothrow) Changes{handle};
  if (args.queue == nullptr) {
    process.close(handle);
    return -ENOMEM;
  }
  return handle;
}

std::int32_t add_watch(Process& process, const Changes& queue,
                       const WatchChangeArgs& args) noexcept {
  char open_file[32];
  const char* path = args.path;
  if (args.handle != kNoHandle) {
    std::snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", args.handle);
    path = open_file;
  }
  std::uint32_t mask = IN_MASK_ADD;
  for (const Translation& one : kTranslations) {
    mask |= (args.changes & one.change) != 0 ? one.native & IN_ALL_EVENTS : 0;
  }
  return process.inotify_add_watch(queue.handle, path, mask);
}

std::int32_t take_changes(Process& process, const Changes& queue,
                          const WatchChangeArgs& args) noexcept {
  alignas(8) std::array<std::byte, 4096> room;
  const std::int64_t got = process.read(queue.handle, room);
  for (std::int64_t at = 0; at < got;) {
    inotify_event native;
    std::memcpy(&native, room.data() + at, sizeof native);
    const char* name = reinterpret_cast<const char*>(room.data() + at) + sizeof native;
    at += static_cast<std::int64_t>(sizeof native) + native.len;
    WatchedChange change{
        .watch = (native.mask & IN_Q_OVERFLOW) != 0 ? WatchedChange::kEverything : native.wd,
        .changes = 0,
        .name = {name, native.len == 0 ? 0 : ::strnlen(name, native.len)},
        .gone = (native.mask & IN_IGNORED) != 0};
    for (const Translation& one : kTranslations) {
      change.changes |= (native.mask & one.native) != 0 ? one.change : 0;
    }
    args.each(args.context, change);
  }
  return got > 0 ? 1 : 0;
}

std::int32_t watch_change(Process& process, WatchChangeArgs& args) noexcept {
  auto* queue = static_cast<Changes*>(args.queue);
  switch (args.what) {
    case WatchChangeArgs::Do::add:
      return add_watch(process, *queue, args);
    case WatchChangeArgs::Do::remove:
      process.inotify_rm_watch(queue->handle, args.watch);
      return 0;
    case WatchChangeArgs::Do::take:
      return take_changes(process, *queue, args);
    case WatchChangeArgs::Do::close:
      process.close(queue->handle);
      delete queue;
      return 0;
  }
  return -EINVAL;
}

// ---- Processes ----

std::vector<std::string> texts(const char* const* list) {
  std::vector<std::string> all;
  for (; *list != nullptr; ++list) {
    all.emplace_back(*list);
  }
  return all;
}

std::int32_t spawn(Process& process, SpawnArgs& args) noexcept try {
  std::vector<const char*> own;
  for (const std::string& variable : process.environment) {
    own.push_back(variable.c_str());
  }
  own.push_back(nullptr);
  const auto environment =
      with_more(args.environment != nullptr ? args.environment : own.data(), args.more_environment);
  Process::Command command{.arguments = texts(args.arguments),
                           .environment = texts(environment.data()),
                           .directory = args.directory};
  std::copy_n(args.standard, 3, command.standard);
  return process.spawn(command, args.pid);
} catch (const std::bad_alloc&) {
  return -ENOMEM;
}

std::int32_t reap(Process& process, int handle, ReapArgs& args) noexcept {
  siginfo_t about{};
  const std::int32_t ended = process.wait_pidfd(handle, &about);
  if (ended <= 0) {
    return ended == 0 ? -EAGAIN : ended;
  }
  if (about.si_code == CLD_EXITED) {
    args.code = about.si_status;
  } else {
    args.signal = about.si_status;
    args.dumped_core = about.si_code == CLD_DUMPED;
  }
  return 0;
}

}  // namespace

std::int32_t system_operation(Process& process, Op& op) noexcept {
  switch (op.code) {
    case Opcode::signal_source:
      return signal_source(process, *reinterpret_cast<SignalArgs*>(op.data));
    case Opcode::pipe:
      return make_pipe(process, *reinterpret_cast<PipeArgs*>(op.data));
    case Opcode::watch_source:
      return watch_source(process, *reinterpret_cast<WatchSourceArgs*>(op.data));
    case Opcode::watch_change:
      return watch_change(process, *reinterpret_cast<WatchChangeArgs*>(op.data));
    case Opcode::spawn:
      return spawn(process, *reinterpret_cast<SpawnArgs*>(op.data));
    case Opcode::kill:
      return process.pidfd_send_signal(op.on->handle, op.detail);
    case Opcode::reap:
      return reap(process, op.on->handle, *reinterpret_cast<ReapArgs*>(op.data));
    default:
      return -ENOSYS;
  }
}

void forget_operation(Op& op) noexcept {
  if (op.code != Opcode::watch_change) {
    return;
  }
  if (auto& args = *reinterpret_cast<WatchChangeArgs*>(op.data);
      args.what == WatchChangeArgs::Do::close) {
    delete static_cast<Changes*>(args.queue);
  }
}

}  // namespace vigil::sim

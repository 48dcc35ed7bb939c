// What the operations on signals, processes, pipes, file changes and names carry: Op::data points
// at one of these. Plain data, the same on every system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "vigil/base/handle.hpp"
#include "vigil/loop/arguments.hpp"

namespace vigil {

// Opcode::signal_source. `open`: blocks `set` in the calling thread and opens a handle that is
// readable while one of them waits; the result is the handle. `take`: the next one; the result is
// its number, or -EAGAIN. `close`: closes it, and unblocks what `open` had blocked.
struct SignalArgs {
  enum class Do : std::uint8_t { open, take, close };
  Do what = Do::open;
  std::uint64_t set = 0;      // bit n - 1: signal n, as in sigset_t
  std::uint64_t blocked = 0;  // of these, what was not blocked before
  NativeHandle handle = kNoHandle;
  std::int32_t sender = 0;  // take: the process that sent it, 0 if the kernel did
  std::int32_t value = 0;   // take: what sigqueue(3) carried
};

// Opcode::pipe: a fresh pipe, close-on-exec; each end of its own may be non-blocking.
struct PipeArgs {
  NativeHandle read_end = kNoHandle;
  NativeHandle write_end = kNoHandle;
  bool read_waits = false;  // reading from an empty pipe blocks, as a child expects
  bool write_waits = false;
};

// Opcode::spawn: starts a program. The result is its process handle (pidfd). The child has handles
// 0 to 2 alone, no signal blocked, and every disposition the default.
struct SpawnArgs {
  const char* const* arguments = nullptr;    // ends with null; the first is the program, searched
                                             // in PATH if it has no slash
  const char* const* environment = nullptr;  // ends with null; null: this process's
  const char* const* more_environment = nullptr;  // the same, beside and in place of those
  const char* directory = nullptr;                // null: this process's
  NativeHandle standard[3] = {kNoHandle, kNoHandle, kNoHandle};  // none: /dev/null
  std::int32_t pid = 0;                                          // told
};

// Opcode::kill: `detail` is the signal, the operation is on the process handle. Opcode::reap:
// collects an ended child, or -EAGAIN while it runs, or -ECHILD if somebody else did.
struct ReapArgs {
  std::int32_t code = 0;    // what it exited with
  std::int32_t signal = 0;  // what killed it, or 0
  bool dumped_core = false;
};

// One file change. `watch` is kEverything if changes were lost.
struct WatchedChange {
  static constexpr int kEverything = -1;
  int watch;
  std::uint32_t changes;  // VnodeChange bits
  std::string_view name;  // the entry of a directory, or empty; during the call
  bool gone;              // the watch has ended by itself: its number is void
};

// Opcode::watch_source: makes a queue of file changes; the result is the handle that is readable
// while some wait, which the queue owns. On -EMFILE `limit_is_of_queues` tells which limit.
struct WatchSourceArgs {
  void* queue = nullptr;
  bool limit_is_of_queues = false;
};

// Opcode::watch_change. `add`: watches `path`, or the open file `handle`; the result is the watch's
// number. `remove`: ends one. `take`: calls `each` for what is queued, one bounded batch; the
// result is 1, or 0 if nothing was. `close`: ends the queue.
struct WatchChangeArgs {
  enum class Do : std::uint8_t { add, remove, take, close };
  Do what = Do::add;
  void* queue = nullptr;
  const char* path = nullptr;
  NativeHandle handle = kNoHandle;
  std::uint32_t changes = 0;
  int watch = 0;
  void (*each)(void* context, const WatchedChange& change) = nullptr;
  void* context = nullptr;
};

// Opcode::resolve: getaddrinfo(3), in the order it answers (RFC 6724). The result is the count of
// `found` that were filled, 0 with the reason in `failure`, or -errno.
struct ResolveArgs {
  enum class Failure : std::uint8_t { none, not_found, temporary, no_address, failed };
  const char* name = nullptr;
  std::uint16_t port = 0;
  SocketName::Family family = SocketName::Family::none;  // none: both
  std::span<SocketName> found;
  Failure failure = Failure::none;
};

}  // namespace vigil

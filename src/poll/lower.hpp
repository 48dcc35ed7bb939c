// What a system offers as descriptors for the kinds that are none: timers, signals, processes, file
// changes. Thin and without policy; Poller stands on it, and so may an engine. lower_<os>.cpp
// implements it.
#pragma once

#include <cstdint>
#include <string_view>

#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/poll/source.hpp"

namespace vigil::lower {

// All handles are close-on-exec and do not block; the caller closes them. All are readable when
// there is something to take, and stay readable until it is taken.

// A timer that is not set. clock: monotonic.
Result<NativeHandle> open_timer() noexcept;
// Sets it (anew: what it counted is forgotten). `first` is from now, or absolute; at or below zero,
// or past: at once; kForever: never. A period of zero: once.
Result<> set_timer(NativeHandle timer, Nanos first, bool absolute, Nanos period) noexcept;
// Takes the number of expirations; 0: none.
std::int64_t take_expirations(NativeHandle timer) noexcept;

// Blocks a signal in this thread; true if it was not blocked before.
Result<bool> block_signal(int number) noexcept;
void unblock_signal(int number) noexcept;
Result<NativeHandle> open_signal(int number) noexcept;
// Takes one signal: its number; 0: none.
std::int64_t take_signal(NativeHandle signal) noexcept;

Result<NativeHandle> open_process(int pid) noexcept;
// Takes the exit status as waitpid(2) encodes it, -1 if it is not ours to know; would-block while
// the process runs.
Result<std::int64_t> take_exit(NativeHandle process, Reap reap) noexcept;

// One queue of file changes, for any number of watched paths.
class VnodeQueue {
 public:
  VnodeQueue() = default;
  ~VnodeQueue();
  VnodeQueue(const VnodeQueue&) = delete;
  VnodeQueue& operator=(const VnodeQueue&) = delete;

  Result<> open() noexcept;  // nothing to do if it is open
  NativeHandle handle() const noexcept { return handle_; }

  // Watches `path` for `changes` besides what it is watched for already. The watch number is the
  // same for every path to one file. Errors: ENOENT, EACCES, ENOSPC (fs.inotify.max_user_watches),
  // ENAMETOOLONG, ENOMEM.
  Result<int> watch(std::string_view path, std::uint32_t changes) noexcept;
  void unwatch(int watch) noexcept;

  // Calls `each` for what is queued, oldest first, at most one buffer full; false if nothing was.
  // `each` may call unwatch(). `name` is the entry of a directory, "" for the file itself, valid
  // during the call. `watch` is kAll with kChangesMissed. `gone`: the watch has ended by itself,
  // its number is void.
  struct Record {
    int watch;
    std::uint32_t changes;  // VnodeChange bits
    std::string_view name;
    bool gone;
  };
  static constexpr int kAll = -1;
  template <class F>
  bool take(F each) noexcept {
    std::size_t left = fill();
    for (std::size_t at = 0; at < left;) {
      each(record_at(at));
    }
    return left != 0;
  }

 private:
  std::size_t fill() noexcept;
  Record record_at(std::size_t& at) noexcept;  // steps `at` behind it

  NativeHandle handle_ = kNoHandle;
  alignas(8) char buffer_[4096];
};

}  // namespace vigil::lower

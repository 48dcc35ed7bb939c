// Watch: what happens to files and directories, as it happens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/fs/directory.hpp"
#include "vigil/poll/source.hpp"

namespace vigil::fs {

// Why no more can be watched: the limits of inotify(7), and how to raise them. Each equals the
// std::errc that the system gives (no_space_on_device, too_many_files_open), but says what is
// meant.
enum class WatchError {
  too_many_watches = 1,  // fs.inotify.max_user_watches, for all of the user's programs together
  too_many_queues = 2    // fs.inotify.max_user_instances, likewise
};
const std::error_category& watch_category() noexcept;
std::error_code make_error_code(WatchError limit) noexcept;

// One change. Changes that came between two looks at the same file may be several.
class Change {
 public:
  Change(int watch_number, std::uint32_t bits, std::string entry, bool ended) noexcept
      : watch(watch_number), changes(bits), name(std::move(entry)), gone(ended) {}

  static constexpr int kEverything = -1;
  int watch;              // the number that add() returned; kEverything with kChangesMissed
  std::uint32_t changes;  // VnodeChange bits (poll/source.hpp)
  std::string name;       // of a directory: the entry it happened to; else empty
  bool gone;  // the watch has ended by itself (the file is gone): its number means nothing any more
};

// A queue of changes, of any number of files and directories. Move-only, used on its loop's thread;
// the destructor ends it, and no next() may wait then.
//
// A directory is watched without what lies below the entries in it. The system's queue is bounded
// (fs.inotify.max_queued_events): when it overflows, the next change is kChangesMissed of
// kEverything, and whoever caches must look again at all it watches. Network and pseudo file
// systems report only what this machine does.
class Watch {
 public:
  // Errors: WatchError::too_many_queues, EMFILE (the process's own limit of open files), ENOMEM.
  static Result<Watch> open() noexcept;

  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;
  ~Watch();

  // Watches a path for `changes` (VnodeChange bits) besides what it is watched for already; returns
  // its number, which is the same for every path to one file. Looks the path up at once, on the
  // loop's thread. Errors: no_such_file_or_directory, permission_denied,
  // WatchError::too_many_watches, ENOMEM.
  Result<int> add(const std::string& path, std::uint32_t changes = kAnyChange) noexcept;
  // The same for what is open: no path that could have come to mean something else. Needs /proc.
  Result<int> add(const Directory& directory, std::uint32_t changes = kAnyChange) noexcept;
  Result<int> add(const File& file, std::uint32_t changes = kAnyChange) noexcept;

  // Ends a watch; changes before it may still come, and a last one that says `gone`.
  void remove(int watch) noexcept;

  // The next change; waits until there is one. One task at a time. Cancel loses none. Errors:
  // operation_canceled.
  Task<Result<Change>> next();

 private:
  struct State;
  explicit Watch(std::unique_ptr<State> state) noexcept;
  Result<int> add_named(const char* path, NativeHandle handle, std::uint32_t changes) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace vigil::fs

template <>
struct std::is_error_code_enum<vigil::fs::WatchError> : std::true_type {};

// Walk: a directory and all below it, one entry after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/fs/directory.hpp"

namespace vigil::fs {

struct WalkOptions {
  std::size_t depth = 64;  // directories open at once, with 32 KiB of memory each
  bool status = false;     // of each entry, in the trip that lists it
};

// What a walk came to.
struct Walked {
  std::string_view path;  // from the root: "a/b/c"; both until the next call
  std::string_view name;  // "c"
  Kind kind;              // of the name itself: links are not followed
  std::uint64_t inode;
  std::size_t depth;     // 0: in the root
  const Status* status;  // with WalkOptions::status
};

// Depth first, a directory before what is in it; each directory in the file system's order. Links
// are told, and not followed. What comes or goes meanwhile may be seen or not. Memory is bounded by
// the depth, whatever the number of entries. Move-only; used on its loop's thread. Cancel does to
// it what it does to a Directory, and the walk can go on.
class Walk {
 public:
  // Errors: those of Directory::list.
  static Task<Result<Walk>> begin(const Directory& root, WalkOptions options = {});

  // The next entry; null at the end. An error is of one directory, which failed() names, and the
  // next call goes on behind it: permission_denied, no_such_file_or_directory (it went meanwhile),
  // filename_too_long (it lies deeper than WalkOptions::depth), EMFILE, operation_canceled (of the
  // same directory once more) and others of openat(2) and getdents64(2).
  Task<Result<const Walked*>> next();

  // Leaves out what is in the directory that next() gave last.
  void skip() noexcept { enter_ = false; }

  // What the last error was of: a path from the root, "" for the root itself.
  std::string_view failed() const noexcept { return path_; }

 private:
  struct Level {
    Listing listing;
    std::span<const Entry> batch;
    std::size_t next = 0;
    std::size_t path = 0;  // bytes of `path_` that are the directory's own
  };

  explicit Walk(WalkOptions options) noexcept : options_(options) {}
  void give(const Entry& entry);
  Task<Result<>> descend();
  Task<Result<bool>> read(Level* level);

  WalkOptions options_;
  std::vector<Level> levels_;
  std::string path_;
  Walked given_{};
  bool enter_ = false;
};

}  // namespace vigil::fs

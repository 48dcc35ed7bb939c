// Directory: a root that paths cannot leave, opened once; and what is in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/fs/file.hpp"

namespace vigil::fs {

class Listing;

// An open directory. Move-only, one pointer; used on its loop's thread. It stays the same directory
// when it is renamed or something else is mounted over its path.
//
// Paths given to it are relative to it and stay beneath it, whatever they contain and whoever
// renames what meanwhile: the kernel sees to that (openat2(2), RESOLVE_BENEATH and
// RESOLVE_NO_MAGICLINKS), and where it cannot, a walk that opens one name after the other. A path
// that leaves ("..", an absolute one, a link that points outside) gives cross_device_link (EXDEV).
// With Follow::none any link gives too_many_symbolic_link_levels (ELOOP). Follow::anywhere is
// open(2), for paths that the program itself chose.
//
// All leave the loop's thread, and cancel does to them what it does to a File's: one that has not
// begun was not done, one that was begun ends with its own result. Opening a FIFO does not wait for
// its other end.
class Directory {
 public:
  Directory() noexcept = default;

  // Opens `path` from the working directory, links followed. Errors: no_such_file_or_directory,
  // not_a_directory, permission_denied, EMFILE.
  static Task<Result<Directory>> open(std::string path);

  // Opens a file in it. Errors: as said above, and those of File::open.
  Task<Result<File>> open_beneath(std::string path, OpenOptions options = {}) const;

  // The same, and looks at it in the same trip to the lane. What it is, is for the caller to judge:
  // a directory or a FIFO can be opened too.
  Task<Result<OpenedFile>> open_with_status(std::string path, OpenOptions options = {}) const;

  // Opens a directory in it, as a root of its own.
  Task<Result<Directory>> open_directory(std::string path, Follow follow = Follow::beneath) const;

  // Looks at a path in it: needs no permission to read it. A link at the end is followed if
  // `follow` allows.
  Task<Result<Status>> status_of(std::string path, Follow follow = Follow::beneath) const;
  // Looks at the directory itself.
  Task<Result<Status>> status() const;

  // What is in it, in the file system's order; with `status` each entry is looked at in the same
  // trip, links not followed.
  Task<Result<Listing>> list(bool status = false) const;

  // ---- Names. The directories on the way are held beneath this one; the last name is never
  // followed, whatever it is. They are on the disk once their directory was synced. ----

  // Makes one directory; those on the way must be there. `mode` less the umask. Errors:
  // already_exists, no_such_file_or_directory, no_space_on_device and others of mkdirat(2).
  Task<Result<>> make_directory(std::string path, std::uint32_t mode = 0777) const;
  // Removes a name that is no directory; who has the file open keeps it. Errors: is_a_directory,
  // no_such_file_or_directory and others of unlinkat(2).
  Task<Result<>> unlink(std::string path) const;
  // Removes an empty directory. Errors: directory_not_empty, not_a_directory and others of
  // rmdir(2).
  Task<Result<>> remove_directory(std::string path) const;
  // Moves a name; what `to` named is replaced, and whoever looks sees the old or the new file. With
  // `keep_existing` it is already_exists instead (invalid_argument where the file system cannot).
  // Errors: cross_device_link (another file system, or out of this directory) and others of
  // renameat2(2).
  Task<Result<>> rename(std::string from, std::string to, bool keep_existing = false) const;

  // Waits until names made, removed and moved in it are on the disk. Errors: io_error.
  Task<Result<>> sync() const;

  NativeHandle native_handle() const noexcept { return handle_.get()->handle; }
  bool is_open() const noexcept { return handle_.get() != nullptr; }

  explicit Directory(detail::Owned handle) noexcept : handle_(std::move(handle)) {}

 private:
  detail::Owned handle_;
};

// One name in a directory; "." and ".." are left out.
struct Entry {
  std::string_view name;  // any bytes but "/" and zero; valid until the listing's next batch
  Kind kind;  // of the name itself: links are not followed; unknown if it was gone by then
  std::uint64_t inode;
  const Status* status = nullptr;  // with Directory::list(true), until the next batch
};

// A directory being read, a batch at a time: 32 KiB of memory and a trip to the lane for some
// hundreds of entries, however many there are. Entries that come or go meanwhile may be seen or not
// (readdir(3)). Move-only; used on its loop's thread.
class Listing {
 public:
  // The next entries; none at the end. Valid until the next call. Errors: those of getdents64(2).
  Task<Result<std::span<const Entry>>> next();

 private:
  friend class Directory;
  friend class Walk;
  static constexpr std::size_t kRoom = 32768;
  Listing(detail::Owned handle, bool status)
      : handle_(std::move(handle)), status_(status), room_(kRoom / 8) {}

  detail::Owned handle_;
  bool status_;
  std::vector<std::uint64_t> room_;  // aligned as the system wants it
  std::vector<Entry> entries_;
  std::vector<Status> statuses_;
};

}  // namespace vigil::fs

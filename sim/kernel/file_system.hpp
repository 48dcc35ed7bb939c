// FileSystem: a machine's disk, and what the kernel keeps of it in memory.
//
// It is Linux's structure seen from a program: inodes with link counts and times, directories that
// are inodes, and descriptions (kernel/file.hpp) that keep an inode alive after its last name went.
// Process's file methods are the way in; what is here is for the kernel, the faces and the world.
//
//   file_system_inode.hpp     inodes, and which of their bytes reached the disk
//   file_system_path.hpp      path_resolution(7)
//   file_system_open.hpp      open descriptions
//   file_system_watch.hpp     inotify(7)
//   file_system_disk.cpp      what a crash leaves
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"

namespace vigil::sim {

class Kernel;
class Disk;

class FileSystem {
 public:
  // A root with /dev/null, /dev/full and /tmp; processes are its owner, and their umask is 022.
  // `kernel` knows its time and its weather by then.
  explicit FileSystem(Kernel& kernel);
  // Every description must be gone.
  ~FileSystem();
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  // The machine lost power and its processes are gone: what was synced is kept, of the rest what
  // the seed leaves. A write-back daemon syncs names after 5 s and content after 30 s, as Linux
  // does.
  void crash() noexcept;

  // How long the file operation takes that is done next, from the weather (disk_slow): asked once
  // for each operation by the lane that does it.
  Nanos delay() noexcept;

  // The page cache forgets what is on the disk (/proc/sys/vm/drop_caches): reads wait from now on.
  void drop_caches() noexcept;
  // How often a loop's thread waited for the disk since the world began: sendfile(2) of what was
  // not in memory. A lane's reads are meant to wait, and are not counted.
  std::uint64_t waits() const noexcept;

  // ---- From outside the machine: whole files, on the disk at once. Paths begin at "/". ----
  // As by a rename over what was there: readers see the old file or the new one. Directories on the
  // way are made. Errors: EISDIR, ENOTDIR, ENOSPC, ENAMETOOLONG, ELOOP, EINVAL.
  Result<> write_file(std::string_view path, std::string_view content);
  Result<std::string> read_file(std::string_view path) const;
  // A file, a link or a directory with all that is in it. Errors: ENOENT, ENOTDIR, EBUSY ("/").
  Result<> remove_file(std::string_view path);
  Result<> make_directory(std::string_view path);  // and those on the way; no error if it is there

  // Of the disk (KernelLimits::disk_bytes).
  std::uint64_t used_bytes() const noexcept;

  Disk& disk() noexcept { return *disk_; }

 private:
  std::unique_ptr<Disk> disk_;
};

}  // namespace vigil::sim

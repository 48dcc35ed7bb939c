// What file operations translate, the same for the system's own calls and for simulated ones.
#pragma once

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "vigil/loop/file_arguments.hpp"

namespace vigil {

// What the calls of *at() are given for a directory.
inline int at(NativeHandle directory) noexcept {
  return directory == kNoHandle ? AT_FDCWD : directory;
}

// The mode of fallocate(2).
inline int mode_of(Allocation how) noexcept {
  constexpr int kModes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
  return kModes[static_cast<std::size_t>(how)];
}

inline FileKind kind_of(mode_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileKind::regular;
    case S_IFDIR:
      return FileKind::directory;
    case S_IFLNK:
      return FileKind::symlink;
    case S_IFIFO:
      return FileKind::fifo;
    case S_IFSOCK:
      return FileKind::socket;
    case S_IFCHR:
      return FileKind::character_device;
    case S_IFBLK:
      return FileKind::block_device;
    default:
      return FileKind::unknown;
  }
}

inline std::int64_t nanoseconds(const timespec& at) noexcept {
  return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
}

inline FileStatus status_from(const struct stat& seen) noexcept {
  return {.size = static_cast<std::uint64_t>(seen.st_size),
          .modified_ns = nanoseconds(seen.st_mtim),
          .changed_ns = nanoseconds(seen.st_ctim),
          .accessed_ns = nanoseconds(seen.st_atim),
          .allocated = static_cast<std::uint64_t>(seen.st_blocks) * 512,
          .inode = seen.st_ino,
          .device = seen.st_dev,
          .links = static_cast<std::uint32_t>(seen.st_nlink),
          .owner = seen.st_uid,
          .group = seen.st_gid,
          .mode = seen.st_mode & 07777,
          .kind = kind_of(seen.st_mode)};
}

// What statx(2) is asked for.
inline constexpr unsigned kStatusMask = STATX_BASIC_STATS | STATX_DIOALIGN;

inline FileStatus status_from(const struct statx& seen) noexcept {
  const auto at = [](const statx_timestamp& time) {
    return time.tv_sec * 1'000'000'000 + std::int64_t{time.tv_nsec};
  };
  const bool aligned = (seen.stx_mask & STATX_DIOALIGN) != 0;
  return {.size = seen.stx_size,
          .modified_ns = at(seen.stx_mtime),
          .changed_ns = at(seen.stx_ctime),
          .accessed_ns = at(seen.stx_atime),
          .allocated = seen.stx_blocks * 512,
          .inode = seen.stx_ino,
          .device = makedev(seen.stx_dev_major, seen.stx_dev_minor),
          .links = seen.stx_nlink,
          .owner = seen.stx_uid,
          .group = seen.stx_gid,
          .mode = seen.stx_mode & 07777u,
          .direct_memory = aligned ? seen.stx_dio_mem_align : 0,
          .direct_offset = aligned ? seen.stx_dio_offset_align : 0,
          .kind = kind_of(seen.stx_mode)};
}

inline int flags_of(const OpenArgs& args) noexcept {
  // O_NONBLOCK means nothing to a regular file, and keeps a FIFO from holding a thread.
  int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  if (args.only_name) {
    flags = O_CLOEXEC | O_PATH;
  } else if (args.write) {
    flags |= args.read ? O_RDWR : O_WRONLY;
    flags |= args.append ? O_APPEND : 0;
    flags |= args.create ? O_CREAT : 0;
    flags |= args.create && args.exclusive ? O_EXCL : 0;
    flags |= args.truncate ? O_TRUNC : 0;
  }
  flags |= args.direct && !args.only_name ? O_DIRECT : 0;
  return flags | (args.only_directory ? O_DIRECTORY : 0);
}

// The last name of a path; slashes behind it belong to it.
inline const char* last_name(const char* path) noexcept {
  const std::string_view whole(path);
  const std::size_t end = whole.find_last_not_of('/');
  const std::size_t slash = end == whole.npos ? whole.npos : whole.rfind('/', end);
  return slash == whole.npos ? path : path + slash + 1;
}

// Does `act(directory, name)` where the last name of `path` is, held beneath `directory` as
// `follow` says. None of the calls that change a name follows it if it is a link, or does anything
// to "." and "..", so that what is before it is all there is to hold. `open(directory, path)` opens
// a directory beneath another, `close(handle)` closes it.
template <class Open, class Close, class Act>
std::int32_t at_parent(NativeHandle directory, const char* path, Follow follow, Open open,
                       Close close, Act act) noexcept {
  const char* name = last_name(path);
  if (follow == Follow::anywhere || name == path) {
    return act(at(directory), path);
  }
  std::array<char, PATH_MAX> parent;
  const auto size = static_cast<std::size_t>(name - path);
  if (size >= parent.size()) {
    return -ENAMETOOLONG;
  }
  std::memcpy(parent.data(), path, size);
  parent[size] = '\0';
  const std::int32_t opened = open(directory, parent.data());
  if (opened < 0) {
    return opened;
  }
  const std::int32_t result = act(opened, name);
  close(opened);
  return result;
}

// As many of the pieces that are not empty as one call takes; how many that are.
template <class Byte>
std::size_t gather(std::span<std::span<Byte>>& parts, std::span<iovec> vectors) noexcept {
  while (!parts.empty() && parts.front().empty()) {
    parts = parts.subspan(1);
  }
  const std::size_t count = std::min(parts.size(), vectors.size());
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  }
  return count;
}

}  // namespace vigil

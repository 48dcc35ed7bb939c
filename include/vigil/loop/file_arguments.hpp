// What the file operations carry: Op::data points at one of these. Plain data, the same on every
// system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "vigil/base/handle.hpp"

namespace vigil {

enum class FileKind : std::uint8_t {
  unknown,
  regular,
  directory,
  symlink,
  fifo,
  socket,
  character_device,
  block_device
};

// What stat(2) tells, in units of its own: bytes, and nanoseconds since 1970.
struct FileStatus {
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  // the content (st_mtim)
  std::int64_t changed_ns = 0;   // the content, its mode, owner or names (st_ctim)
  std::int64_t accessed_ns = 0;  // as the mount keeps it: seldom exactly (st_atim)
  std::uint64_t allocated = 0;   // bytes on the disk: less than `size` where there are holes
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  std::uint32_t links = 0;
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  std::uint32_t mode = 0;  // permissions alone: the low twelve bits
  // What direct I/O on it wants: addresses in memory, and offsets and sizes in the file, that are
  // multiples of these. Zero: it has none, or the system does not tell (statx(2), STATX_DIOALIGN,
  // since Linux 6.1).
  std::uint32_t direct_memory = 0;
  std::uint32_t direct_offset = 0;
  FileKind kind = FileKind::unknown;
};

// How a path is followed. `none` and `beneath` are relative to a directory that it cannot leave:
// an absolute path, "..", a symbolic link or a move by somebody else that would is an error.
enum class Follow : std::uint8_t {
  anywhere,  // as open(2)
  beneath,   // links that stay below the directory (openat2(2), RESOLVE_BENEATH)
  none       // no links at all (RESOLVE_NO_SYMLINKS)
};

// Opcode::open. The result is the handle: close-on-exec; opening a FIFO does not wait for its other
// end. Opcode::stat of a path: the same, but nothing stays open.
struct OpenArgs {
  const char* path = nullptr;  // ends with a zero byte
  NativeHandle directory =
      kNoHandle;  // what a relative path begins at; none: the working directory
  Follow follow = Follow::beneath;
  bool read = false;
  bool write = false;
  bool append = false;
  bool create = false;
  bool exclusive = false;  // with create: it must not be there
  bool truncate = false;
  bool direct = false;      // past the page cache (O_DIRECT)
  bool exact_mode = false;  // with create: `mode` as it is, whatever the umask
  bool only_directory = false;
  bool only_name = false;        // a handle to stand on or to look at, not to read (O_PATH)
  std::uint32_t mode = 0666;     // with create, less the process's umask
  FileStatus* status = nullptr;  // filled in the same trip, if it is not null
};

// Opcode::read_at and write_at. A read ends when `size` bytes are there or the file ends: the
// result is their count. A write ends when all is written, with 0; on an error `size` is what is
// left.
struct FileBytes {
  static constexpr std::uint64_t kAppend = std::numeric_limits<std::uint64_t>::max();
  std::byte* data = nullptr;
  std::size_t size = 0;      // at most 0x7fff'0000
  std::uint64_t offset = 0;  // kAppend: at the end, wherever that is by then (O_APPEND)
};

// Opcode::read_parts and write_parts: the same for several pieces of memory that lie behind one
// another in the file (preadv(2), pwritev(2)). They are consumed from the front; at most
// 0x7fff'0000 bytes in all.
struct FileRoom {
  std::span<std::span<std::byte>> parts;
  std::uint64_t offset = 0;
};
struct FileParts {
  std::span<std::span<const std::byte>> parts;
  std::uint64_t offset = 0;  // or FileBytes::kAppend
};

// Opcode::allocate and truncate.
struct FileRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// What Opcode::allocate does with a range: fallocate(2).
enum class Allocation : std::uint16_t {
  extend,     // room on the disk for all of it; the file grows to its end if it is shorter
  keep_size,  // the same, and the file stays as long as it is
  punch_hole  // gives the room back: reads as zeros
};

// What an operation on a direct file ends with that EINVAL does not tell apart. No system has these
// as error numbers.
inline constexpr std::int32_t kMisaligned = 0x7001;
inline constexpr std::int32_t kNoDirect = 0x7002;

// Opcode::make_directory and unlink: a name in a directory.
struct NameArgs {
  const char* path = nullptr;  // ends with a zero byte
  NativeHandle directory = kNoHandle;
  Follow follow = Follow::beneath;  // of the directories on the way; the last name never is
  bool is_directory = false;        // unlink: an empty directory, else anything but one
  std::uint32_t mode = 0777;        // make_directory: less the process's umask
};

// Opcode::rename.
struct RenameArgs {
  const char* from = nullptr;
  const char* to = nullptr;
  NativeHandle from_directory = kNoHandle;
  NativeHandle to_directory = kNoHandle;
  Follow follow = Follow::beneath;
  bool keep_existing = false;  // -EEXIST instead of replacing what `to` names
};

// Opcode::list: the next entries of an open directory, packed behind one another in `data`; the
// result is the bytes used, 0 at the end. "." and ".." are left out.
struct ListArgs {
  std::byte* data = nullptr;  // aligned to 8
  std::size_t size = 0;       // at least 4096
  bool status = false;        // of each entry, links not followed, in the same trip
};

// How ListArgs packs an entry: this, its FileStatus if that was asked for, then the name.
struct PackedEntry {
  std::uint64_t inode;
  std::uint16_t name_size;
  FileKind kind;
};
inline constexpr std::size_t kPackedEntry = 11;  // bytes of the above, without padding

// Opcode::close: says what close(2) says of writes that failed late.
struct CloseArgs {
  NativeHandle handle = kNoHandle;
};

}  // namespace vigil

// getdents64(2): the kernel's records, packed as ours in the caller's room.
#include "loop/list_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "loop/file_parts.hpp"
#include "loop/operations.hpp"

namespace vigil {
namespace {

constexpr std::size_t kName = offsetof(dirent64, d_name);
constexpr std::size_t kRecord = 24;  // the kernel's shortest: a name of up to four bytes

// With a status an entry of ours is longer than the kernel's record of it, so those are read into
// the end of the room, and packed from its beginning on without ever reaching what is not yet read.
constexpr std::size_t kLongest = kPackedEntry + sizeof(FileStatus) + (kRecord - kName);
constexpr std::size_t kShares = kLongest / kRecord + 2;
static_assert(kName >= kPackedEntry, "without a status ours are shorter");

struct Record {
  std::uint64_t inode;
  std::uint16_t size;
  unsigned char told;
  const char* name;
};

Record record_at(const std::byte* at) noexcept {
  Record record;
  std::memcpy(&record.inode, at + offsetof(dirent64, d_ino), sizeof record.inode);
  std::memcpy(&record.size, at + offsetof(dirent64, d_reclen), sizeof record.size);
  std::memcpy(&record.told, at + offsetof(dirent64, d_type), sizeof record.told);
  record.name = reinterpret_cast<const char*>(at + kName);
  return record;
}

// What is gone by now has no status: its kind is unknown. So is the kind where a file system does
// not tell it with the name, but then it is asked for.
FileStatus look(int directory, const Record& record, bool wanted) noexcept {
  struct stat seen;
  if (!wanted && record.told != DT_UNKNOWN) {
    FileStatus known;
    known.kind = kind_of(static_cast<mode_t>(DTTOIF(record.told)));
    return known;
  }
  return ::fstatat(directory, record.name, &seen, AT_SYMLINK_NOFOLLOW) == 0 ? status_from(seen)
                                                                            : FileStatus{};
}

std::size_t repack(int directory, std::byte* to, const std::byte* from, std::size_t size,
                   bool status) noexcept {
  std::size_t used = 0;
  for (std::size_t at = 0; at < size;) {
    const Record record = record_at(from + at);
    at += record.size;
    if (std::strcmp(record.name, ".") == 0 || std::strcmp(record.name, "..") == 0) {
      continue;
    }
    const FileStatus seen = look(directory, record, status);
    const auto length = static_cast<std::uint16_t>(::strnlen(record.name, record.size - kName));
    const PackedEntry entry{.inode = record.inode, .name_size = length, .kind = seen.kind};
    const std::size_t head = kPackedEntry + (status ? sizeof seen : 0);
    std::memmove(to + used + head, record.name, length);
    std::memcpy(to + used, &entry, kPackedEntry);
    if (status) {
      std::memcpy(to + used + kPackedEntry, &seen, sizeof seen);
    }
    used += head + length;
  }
  return used;
}

}  // namespace

std::int32_t list_directory(int directory, ListArgs& args) noexcept {
  const std::size_t room = args.status ? (args.size / kShares) & ~std::size_t{7} : args.size;
  std::byte* const from = args.data + ((args.size - room) & ~std::size_t{7});
  for (;;) {
    const std::int32_t got =
        outcome([&] { return ::syscall(SYS_getdents64, directory, from, room); });
    if (got <= 0) {
      return got;
    }
    const std::size_t used =
        repack(directory, args.data, from, static_cast<std::size_t>(got), args.status);
    if (used != 0) {
      return static_cast<std::int32_t>(used);
    }
  }
}

}  // namespace vigil

// Open files: openat2, reading and writing at a place, sync and sendfile. What changes names is in
// process_names.cpp, what tells of files in process_stat.cpp.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "kernel/file_system.hpp"
#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_open.hpp"
#include "kernel/file_system_path.hpp"
#include "kernel/file_system_watch.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"

namespace vigil::sim {
namespace {

constexpr mode_t kUmask = 022;
constexpr int kNameFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;  // all that O_PATH heeds

unsigned wanted(int flags) noexcept {
  constexpr unsigned kByAccess[] = {4, 2, 6, 6};
  return kByAccess[flags & O_ACCMODE] | ((flags & O_TRUNC) != 0 ? 2u : 0u);
}

// The file at `place`, made. The checks are those of Linux's lookup_open, in its order.
std::int32_t create_at(Kernel& kernel, const Place& place, mode_t mode, InodeRef& out) {
  if (!place.directory->may(3)) {
    return -EACCES;
  }
  if (!place.directory->named) {
    return -ENOENT;  // a directory that was removed
  }
  if (kernel.weather().strikes(Fault::disk_full, kernel.id())) {
    return -ENOSPC;
  }
  Disk& disk = kernel.files().disk();
  out = disk.make(S_IFREG | (mode & 07777 & ~kUmask));
  if (!out) {
    return -ENOSPC;
  }
  disk.link(*place.directory, place.name, *out);
  entry_changed(*place.directory, place.name, *out, IN_CREATE);
  return 0;
}

// Whether what is there may be opened so.
std::int32_t may_open(const Place& place, int flags) {
  const Inode& inode = *place.inode;
  if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
    return -EEXIST;
  }
  if ((flags & O_CREAT) != 0 && inode.is(S_IFDIR)) {
    return -EISDIR;
  }
  if (((flags & O_DIRECTORY) != 0 || place.slash) && !inode.is(S_IFDIR)) {
    return -ENOTDIR;
  }
  if ((flags & O_PATH) != 0) {
    return 0;
  }
  if (inode.is(S_IFLNK)) {
    return -ELOOP;
  }
  if (inode.is(S_IFDIR) && (wanted(flags) & 2) != 0) {
    return -EISDIR;
  }
  return inode.may(wanted(flags)) ? 0 : -EACCES;
}

// The inode at `place`, made or emptied as the flags say.
std::int32_t open_place(Kernel& kernel, const Place& place, int flags, mode_t mode, InodeRef& out) {
  if ((flags & O_CREAT) != 0 && place.last == Place::Last::name && place.slash) {
    return -EISDIR;
  }
  if (!place.inode && (flags & O_CREAT) == 0) {
    return -ENOENT;
  }
  const bool device = place.inode && place.inode->is(S_IFCHR);
  if (!device && (flags & O_PATH) == 0 &&
      kernel.weather().strikes(Fault::disk_error, kernel.id())) {
    return -EIO;
  }
  if (!place.inode) {
    return create_at(kernel, place, mode, out);
  }
  if (const auto allowed = may_open(place, flags); allowed < 0) {
    return allowed;
  }
  out = place.inode;
  if ((flags & O_TRUNC) != 0 && out->is(S_IFREG)) {
    out->content.resize(0);
    out->modified = out->changed = out->disk.now();
    file_changed(*out, IN_MODIFY);
  }
  return 0;
}

// EBADF for a handle that is not open or is a name alone, `otherwise` for one of no file.
std::int32_t file_of(File* file, std::int32_t otherwise, OpenFile*& out) noexcept {
  out = open_file(file);
  if (file == nullptr || (out != nullptr && out->only_name())) {
    return -EBADF;
  }
  return out == nullptr ? otherwise : 0;
}

}  // namespace

// As Linux takes the number first: where there is none, nothing is made and nothing truncated.
std::int32_t Process::openat2(int directory, const char* path, int flags, mode_t mode,
                              std::uint64_t resolve) noexcept {
  flags = (flags & O_PATH) != 0 ? flags & kNameFlags : flags;
  if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
    return -EINVAL;
  }
  if (kernel_.weather().strikes(Fault::no_descriptor, kernel_.id()) || lowest_free(0) >= limit()) {
    return -EMFILE;
  }
  if (kernel_.weather().strikes(Fault::no_memory, kernel_.id())) {
    return -ENOMEM;
  }
  const bool exclusive = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
  const LastLink link = exclusive                   ? LastLink::keep
                        : (flags & O_NOFOLLOW) != 0 ? LastLink::slash_follows
                                                    : LastLink::follow;
  Place place;
  if (const auto found = find_place(*this, directory, path, link, resolve, place); found < 0) {
    return found;
  }
  InodeRef inode;
  if (const auto opened = open_place(kernel_, place, flags, mode, inode); opened < 0) {
    return opened;
  }
  auto* file = new OpenFile(kernel_, std::move(inode), flags);
  file->hold();
  const std::int32_t fd = this->place(*file, (flags & O_CLOEXEC) != 0, 0);
  file->drop();
  return fd;
}

std::int64_t Process::pread(int fd, std::span<std::byte> to, std::uint64_t offset) noexcept {
  OpenFile* from = nullptr;
  if (static_cast<std::int64_t>(offset) < 0) {
    return -EINVAL;
  }
  const std::int32_t wrong = file_of(file(fd), -ESPIPE, from);
  return wrong < 0 ? wrong : from->read_at(to, offset);
}

std::int64_t Process::pwrite(int fd, std::span<const std::byte> from,
                             std::uint64_t offset) noexcept {
  OpenFile* to = nullptr;
  if (static_cast<std::int64_t>(offset) < 0) {
    return -EINVAL;
  }
  const std::int32_t wrong = file_of(file(fd), -ESPIPE, to);
  return wrong < 0 ? wrong : to->write_at(from, offset);
}

std::int64_t Process::in_memory(int fd, std::uint64_t offset) noexcept {
  OpenFile* open = nullptr;
  if (const std::int32_t wrong = file_of(file(fd), -ESPIPE, open); wrong < 0) {
    return wrong;
  }
  if (!open->readable()) {
    return -EBADF;
  }
  if (!open->inode().is(S_IFREG)) {
    return -EOPNOTSUPP;
  }
  const Content& content = open->inode().content;
  if (offset >= content.size()) {
    return 0;
  }
  return content.cold() ? -EAGAIN : static_cast<std::int64_t>(content.size() - offset);
}

std::int32_t Process::fallocate(int fd, int mode, std::uint64_t offset,
                                std::uint64_t size) noexcept {
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  OpenFile* open = nullptr;
  if (static_cast<std::int64_t>(offset) < 0 || static_cast<std::int64_t>(size) <= 0) {
    return -EINVAL;
  }
  if (mode != 0 && mode != FALLOC_FL_KEEP_SIZE && mode != kPunch) {
    return -EOPNOTSUPP;
  }
  const std::int32_t wrong = file_of(file(fd), -ESPIPE, open);
  return wrong < 0
             ? wrong
             : open->allocate(offset, size, (mode & FALLOC_FL_KEEP_SIZE) != 0, mode == kPunch);
}

std::int32_t Process::fchmod(int fd, mode_t mode) noexcept {
  OpenFile* open = nullptr;
  if (const std::int32_t wrong = file_of(file(fd), -EINVAL, open); wrong < 0) {
    return wrong;
  }
  Inode& inode = open->inode();
  inode.mode = (inode.mode & ~mode_t{07777}) | (mode & 07777);
  inode.changed = inode.disk.now();
  file_changed(inode, IN_ATTRIB);
  return 0;
}

std::int32_t Process::ftruncate(int fd, std::uint64_t size) noexcept {
  OpenFile* open = nullptr;
  const std::int32_t wrong = file_of(file(fd), -EINVAL, open);
  return wrong < 0 ? wrong : open->resize(size);
}

std::int32_t Process::fsync(int fd, bool) noexcept {
  OpenFile* open = nullptr;
  const std::int32_t wrong = file_of(file(fd), -EINVAL, open);
  return wrong < 0 ? wrong : open->sync();
}

// In pieces, as the pages pass through a pipe on Linux; less than `count` where the file ends or
// the other side takes no more.
std::int64_t Process::sendfile(int out, int in, std::uint64_t* offset, std::size_t count) noexcept {
  OpenFile* from = nullptr;
  File* to = file(out);
  if (const auto wrong = file_of(file(in), -EINVAL, from); wrong < 0) {
    return wrong;
  }
  if (!from->readable() || to == nullptr) {
    return -EBADF;
  }
  if (!from->inode().is(S_IFREG) || (to->access & O_APPEND) != 0 ||
      (offset != nullptr && static_cast<std::int64_t>(*offset) < 0)) {
    return -EINVAL;
  }
  if (from->inode().content.cold()) {
    kernel_.files().disk().waited();
  }
  std::array<std::byte, 65536> room;
  std::int64_t sent = 0;
  while (count != 0) {
    const auto piece = std::span(room).first(std::min(count, room.size()));
    const std::uint64_t at = offset != nullptr ? *offset : from->offset();
    const std::int64_t got = from->read_at(piece, at);
    const std::int64_t put = got > 0 ? write(out, piece.first(static_cast<std::size_t>(got))) : got;
    if (put <= 0) {
      return sent != 0 ? sent : put;
    }
    sent += put;
    count -= static_cast<std::size_t>(put);
    (offset != nullptr ? *offset : from->offset()) += static_cast<std::uint64_t>(put);
    if (put < got || static_cast<std::size_t>(got) < piece.size()) {
      break;
    }
  }
  return sent;
}

std::int32_t Process::next_entry(int fd, Entry& out) noexcept {
  OpenFile* open = nullptr;
  const std::int32_t wrong = file_of(file(fd), -ENOTDIR, open);
  return wrong < 0 ? wrong : open->next_entry(out);
}

}  // namespace vigil::sim

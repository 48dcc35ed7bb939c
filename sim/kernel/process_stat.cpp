// What is told of files: stat(2).
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "kernel/file_system_inode.hpp"
#include "kernel/file_system_open.hpp"
#include "kernel/file_system_path.hpp"
#include "kernel/process.hpp"

namespace vigil::sim {
namespace {

constexpr uid_t kOwner = 1000;

timespec split(Nanos at) noexcept {
  return {.tv_sec = at.count() / 1'000'000'000, .tv_nsec = at.count() % 1'000'000'000};
}

void describe(const Inode& inode, struct stat& out) noexcept {
  out = {};
  out.st_dev = static_cast<dev_t>(0x801);
  out.st_ino = inode.number;
  out.st_mode = inode.mode;
  out.st_nlink = inode.links;
  out.st_uid = kOwner;
  out.st_gid = kOwner;
  out.st_rdev = inode.device;
  out.st_size = static_cast<off_t>(inode.is(S_IFDIR)   ? Content::kBlock
                                   : inode.is(S_IFLNK) ? inode.target.size()
                                                       : inode.content.size());
  out.st_blksize = Content::kBlock;
  out.st_blocks = static_cast<blkcnt_t>(inode.content.blocks() * (Content::kBlock / 512));
  out.st_atim = split(inode.accessed);
  out.st_mtim = split(inode.modified);
  out.st_ctim = split(inode.changed);
}

}  // namespace

std::int32_t Process::fstatat(int directory, const char* path, struct stat* out,
                              int flags) noexcept {
  constexpr int kKnown = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if ((flags & ~kKnown) != 0) {
    return -EINVAL;
  }
  if (*path == '\0' && (flags & AT_EMPTY_PATH) != 0 && directory != AT_FDCWD) {
    File* open = file(directory);
    if (open == nullptr) {
      return -EBADF;
    }
    if (const OpenFile* known = open_file(open)) {
      describe(known->inode(), *out);
      return 0;
    }
    socklen_t size = 0;
    *out = {};
    const bool socket = getsockname(directory, nullptr, &size) != -ENOTSOCK;
    out->st_mode = 0600 | (open->is_terminal() ? S_IFCHR : socket ? S_IFSOCK : S_IFIFO);
    out->st_ino = open->serial();
    out->st_nlink = 1;
    out->st_uid = out->st_gid = kOwner;
    out->st_blksize = Content::kBlock;
    return 0;
  }
  Place place;
  const bool here = *path == '\0' && (flags & AT_EMPTY_PATH) != 0;
  const auto found = find_place(
      *this, directory, here ? "." : path,
      (flags & AT_SYMLINK_NOFOLLOW) != 0 ? LastLink::slash_follows : LastLink::follow, 0, place);
  if (found < 0) {
    return found;
  }
  if (!place.inode) {
    return -ENOENT;
  }
  if (place.slash && !place.inode->is(S_IFDIR)) {
    return -ENOTDIR;
  }
  describe(*place.inode, *out);
  return 0;
}

}  // namespace vigil::sim

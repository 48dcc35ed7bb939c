// Names: making, removing, renaming and watching them.
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "kernel/file_system.hpp"
#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_path.hpp"
#include "kernel/file_system_watch.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"

namespace vigil::sim {
namespace {

constexpr mode_t kUmask = 022;

// Puts a fresh inode at a place that must be free.
std::int32_t make_at(Kernel& kernel, const Place& place, mode_t mode, std::string_view target) {
  if (place.inode) {
    return -EEXIST;
  }
  if (place.slash && (mode & S_IFMT) != S_IFDIR) {
    return -ENOENT;
  }
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
  const InodeRef made = disk.make(mode);
  if (!made) {
    return -ENOSPC;
  }
  made->target = target;
  disk.link(*place.directory, place.name, *made);
  entry_changed(*place.directory, place.name, *made, IN_CREATE);
  return 0;
}

// What may_delete asks on Linux.
std::int32_t may_remove(const Place& place, bool directory) {
  if (!place.inode) {
    return -ENOENT;
  }
  if (!place.directory->may(3)) {
    return -EACCES;
  }
  if (directory && !place.inode->is(S_IFDIR)) {
    return -ENOTDIR;
  }
  if (!directory && place.inode->is(S_IFDIR)) {
    return -EISDIR;
  }
  return 0;
}

bool lies_in(const InodeRef& inode, const InodeRef& directory) noexcept {
  for (InodeRef at = inode; at; at = at->parent) {
    if (at == directory) {
      return true;
    }
  }
  return false;
}

// The two places of a rename, in the order of Linux's checks.
std::int32_t may_rename(const Place& from, const Place& to) {
  if (!from.inode) {
    return -ENOENT;
  }
  const bool directory = from.inode->is(S_IFDIR);
  if (!directory && (from.slash || to.slash)) {
    return -ENOTDIR;
  }
  if (lies_in(to.directory, from.inode)) {
    return -EINVAL;
  }
  if (to.inode && lies_in(from.directory, to.inode)) {
    return -ENOTEMPTY;
  }
  if (from.inode == to.inode) {
    return 0;
  }
  if (const auto kept = may_remove(from, directory); kept < 0) {
    return kept;
  }
  if (to.inode) {
    if (const auto kept = may_remove(to, directory); kept < 0) {
      return kept;
    }
    return to.inode->entries.empty() ? 0 : -ENOTEMPTY;
  }
  if (!to.directory->named) {
    return -ENOENT;
  }
  return to.directory->may(3) ? 0 : -EACCES;
}

}  // namespace

std::int32_t Process::mkdirat(int directory, const char* path, mode_t mode) noexcept {
  Place place;
  if (const auto found = find_place(*this, directory, path, LastLink::keep, 0, place); found < 0) {
    return found;
  }
  return make_at(kernel_, place, S_IFDIR | (mode & 01777 & ~kUmask), {});
}

std::int32_t Process::symlinkat(const char* target, int directory, const char* path) noexcept {
  const std::size_t size = std::strlen(target);
  if (size == 0 || size >= PATH_MAX) {
    return size == 0 ? -ENOENT : -ENAMETOOLONG;
  }
  Place place;
  if (const auto found = find_place(*this, directory, path, LastLink::keep, 0, place); found < 0) {
    return found;
  }
  return make_at(kernel_, place, S_IFLNK | 0777, target);
}

std::int32_t Process::unlinkat(int directory, const char* path, int flags) noexcept {
  if ((flags & ~AT_REMOVEDIR) != 0) {
    return -EINVAL;
  }
  const bool of_directory = (flags & AT_REMOVEDIR) != 0;
  Place place;
  if (const auto found = find_place(*this, directory, path, LastLink::keep, 0, place); found < 0) {
    return found;
  }
  if (place.last != Place::Last::name) {
    return !of_directory                        ? -EISDIR
           : place.last == Place::Last::dot     ? -EINVAL
           : place.last == Place::Last::dot_dot ? -ENOTEMPTY
                                                : -EBUSY;
  }
  if (!of_directory && place.slash) {
    return !place.inode ? -ENOENT : place.inode->is(S_IFDIR) ? -EISDIR : -ENOTDIR;
  }
  if (const auto kept = may_remove(place, of_directory); kept < 0) {
    return kept;
  }
  if (!place.inode->entries.empty()) {
    return -ENOTEMPTY;
  }
  Disk& disk = kernel_.files().disk();
  disk.unlink(*place.directory, place.name);
  if (!of_directory) {
    inode_changed(*place.inode, IN_ATTRIB);
  }
  disk.released(*place.inode);
  entry_changed(*place.directory, place.name, *place.inode, IN_DELETE);
  return 0;
}

std::int32_t Process::renameat(int from, const char* old_path, int to, const char* new_path,
                               unsigned flags) noexcept {
  if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) {
    return -EINVAL;
  }
  Place before;
  Place after;
  if (const auto found = find_place(*this, from, old_path, LastLink::keep, 0, before); found < 0) {
    return found;
  }
  if (const auto found = find_place(*this, to, new_path, LastLink::keep, 0, after); found < 0) {
    return found;
  }
  if (before.last != Place::Last::name || after.last != Place::Last::name) {
    return -EBUSY;
  }
  if (flags != 0 && before.inode && after.inode) {
    return -EEXIST;
  }
  if (const auto kept = may_rename(before, after); kept < 0 || before.inode == after.inode) {
    return kept;
  }
  Disk& disk = kernel_.files().disk();
  disk.rename(*before.directory, before.name, *after.directory, after.name);
  const std::uint32_t cookie = disk.next_cookie();
  entry_changed(*before.directory, before.name, *before.inode, IN_MOVED_FROM, cookie);
  entry_changed(*after.directory, after.name, *before.inode, IN_MOVED_TO, cookie);
  if (after.inode && !after.inode->is(S_IFDIR)) {
    inode_changed(*after.inode, IN_ATTRIB);
  }
  inode_changed(*before.inode, IN_MOVE_SELF);
  if (after.inode) {
    disk.released(*after.inode);
  }
  return 0;
}

std::int32_t Process::inotify_init1(int flags) noexcept {
  if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) != 0) {
    return -EINVAL;
  }
  Disk& disk = kernel_.files().disk();
  if (disk.inotify_instances >= ChangeQueue::kMostInstances) {
    return -EMFILE;
  }
  static_assert(IN_CLOEXEC == O_CLOEXEC && IN_NONBLOCK == O_NONBLOCK);
  return install_new(new ChangeQueue(kernel_, disk), flags);
}

std::int32_t Process::inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept {
  File* open = file(fd);
  auto* queue = dynamic_cast<ChangeQueue*>(open);
  if (queue == nullptr) {
    return open == nullptr ? -EBADF : -EINVAL;
  }
  Place place;
  const auto found = find_place(
      *this, AT_FDCWD, path,
      (mask & IN_DONT_FOLLOW) != 0 ? LastLink::slash_follows : LastLink::follow, 0, place);
  if (found < 0) {
    return found;
  }
  if (!place.inode) {
    return -ENOENT;
  }
  if (place.slash && !place.inode->is(S_IFDIR)) {
    return -ENOTDIR;
  }
  if (kernel_.weather().strikes(Fault::no_memory, kernel_.id())) {
    return -ENOMEM;
  }
  return queue->add(place.inode, mask);
}

std::int32_t Process::inotify_rm_watch(int fd, int watch) noexcept {
  File* open = file(fd);
  auto* queue = dynamic_cast<ChangeQueue*>(open);
  if (queue == nullptr) {
    return open == nullptr ? -EBADF : -EINVAL;
  }
  return queue->remove(watch);
}

}  // namespace vigil::sim

// What the world does to a disk from outside.
#include "kernel/file_system.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_path.hpp"
#include "kernel/file_system_watch.hpp"
#include "kernel/kernel.hpp"

namespace vigil::sim {
namespace {

void make_entry(Disk& disk, const InodeRef& directory, std::string_view name,
                const InodeRef& inode) {
  disk.link(*directory, name, *inode);
  disk.sync_names(*directory);
  entry_changed(*directory, name, *inode, IN_CREATE);
}

// The directory that `path` is in, made with all on the way, and its place there.
std::int32_t place_with_directories(Disk& disk, std::string_view path, Place& out) {
  for (std::size_t slash = path.find('/', 1); slash != path.npos;
       slash = path.find('/', slash + 1)) {
    Place step;
    if (const auto found = find_place(disk.root(), path.substr(0, slash), LastLink::follow, step);
        found < 0) {
      return found;
    }
    if (!step.inode) {
      const InodeRef made = disk.make(S_IFDIR | 0755);
      if (!made) {
        return -ENOSPC;
      }
      make_entry(disk, step.directory, step.name, made);
    } else if (!step.inode->is(S_IFDIR)) {
      return -ENOTDIR;
    }
  }
  return find_place(disk.root(), path, LastLink::follow, out);
}

// With all that is in it. The names below go first, as rm -r does.
void remove_tree(Disk& disk, const InodeRef& directory, std::string name) {
  const InodeRef inode = directory->find(name);
  while (!inode->entries.empty()) {
    remove_tree(disk, inode, inode->entries.begin()->first.name);
  }
  disk.unlink(*directory, name);
  disk.sync_names(*directory);
  if (!inode->is(S_IFDIR)) {
    inode_changed(*inode, IN_ATTRIB);
  }
  disk.released(*inode);
  entry_changed(*directory, name, *inode, IN_DELETE);
}

}  // namespace

FileSystem::FileSystem(Kernel& kernel) : disk_(std::make_unique<Disk>(kernel)) {
  for (const std::string_view name : {"dev", "tmp"}) {
    make_entry(*disk_, disk_->root(), name, disk_->make(S_IFDIR | 0755));
  }
  for (const auto& [name, device] :
       {std::pair("null", kNullDevice), std::pair("full", kFullDevice)}) {
    const InodeRef made = disk_->make(S_IFCHR | 0666);
    made->device = device;
    make_entry(*disk_, disk_->root()->find("dev"), name, made);
  }
}

FileSystem::~FileSystem() = default;

void FileSystem::crash() noexcept { disk_->crash(); }

Nanos FileSystem::delay() noexcept {
  Kernel& kernel = disk_->kernel();
  return kernel.weather().lasts(Fault::disk_slow, kernel.id());
}

void FileSystem::drop_caches() noexcept { disk_->drop_caches(); }

std::uint64_t FileSystem::waits() const noexcept { return disk_->waits(); }

std::uint64_t FileSystem::used_bytes() const noexcept { return disk_->used(); }

Result<> FileSystem::write_file(std::string_view path, std::string_view content) {
  Place place;
  if (const auto found = place_with_directories(*disk_, path, place); found < 0) {
    return error(-found);
  }
  if (place.slash || place.last != Place::Last::name || (place.inode && place.inode->is(S_IFDIR))) {
    return error(EISDIR);
  }
  const InodeRef before = place.inode;
  const InodeRef made = disk_->make(before ? before->mode : S_IFREG | 0644);
  if (!made || made->content.write(0, std::as_bytes(std::span(content))) != content.size()) {
    return error(ENOSPC);
  }
  made->content.sync();
  disk_->link(*place.directory, place.name, *made);
  disk_->sync_names(*place.directory);
  entry_changed(*place.directory, place.name, *made, IN_MOVED_TO, disk_->next_cookie());
  if (before) {
    inode_changed(*before, IN_ATTRIB);
    disk_->released(*before);
  }
  return {};
}

Result<std::string> FileSystem::read_file(std::string_view path) const {
  Place place;
  if (const auto found = find_place(disk_->root(), path, LastLink::follow, place); found < 0) {
    return error(-found);
  }
  if (!place.inode) {
    return error(ENOENT);
  }
  if (place.inode->is(S_IFDIR)) {
    return error(EISDIR);
  }
  std::string text(static_cast<std::size_t>(place.inode->content.size()), '\0');
  place.inode->content.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

Result<> FileSystem::remove_file(std::string_view path) {
  Place place;
  if (const auto found = find_place(disk_->root(), path, LastLink::keep, place); found < 0) {
    return error(-found);
  }
  if (!place.inode) {
    return error(ENOENT);
  }
  if (place.last != Place::Last::name) {
    return error(EBUSY);
  }
  remove_tree(*disk_, place.directory, place.name);
  return {};
}

Result<> FileSystem::make_directory(std::string_view path) {
  Place place;
  if (const auto found = place_with_directories(*disk_, path, place); found < 0) {
    return error(-found);
  }
  if (place.inode) {
    return place.inode->is(S_IFDIR) ? Result<>{} : Result<>(error(ENOTDIR));
  }
  const InodeRef made = disk_->make(S_IFDIR | 0755);
  if (!made) {
    return error(ENOSPC);
  }
  make_entry(*disk_, place.directory, place.name, made);
  return {};
}

}  // namespace vigil::sim

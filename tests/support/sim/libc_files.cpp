// Files of tests, on the simulated disk: what is below /tmp, but for Google Test's own, and the few
// names that tests open elsewhere.
#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "kernel/file_system.hpp"
#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_open.hpp"
#include "kernel/file_system_path.hpp"
#include "kernel/file_system_watch.hpp"
#include "tests/support/sim/libc.hpp"

using vigil::test::ask;
using vigil::test::Live;
using vigil::test::simulated;
using Process = vigil::sim::Process;
namespace sim = vigil::sim;

namespace {

bool simulated_path(const char* path) {
  const std::string_view name(path);
  return Live::started() &&
         (name == "/" || name == "/dev/null" || name.starts_with(vigil::test::kTerminals) ||
          (name.starts_with("/tmp/") && !name.starts_with("/tmp/gtest")));
}
bool here(int directory, const char* path) {
  return path[0] == '/' ? simulated_path(path) : simulated(directory);
}

std::int64_t find(Process& process, int directory, const char* path, bool follow, sim::Place& out) {
  const std::int64_t failed = sim::find_place(
      process, directory, path, follow ? sim::LastLink::follow : sim::LastLink::keep, 0, out);
  return failed != 0 ? failed : out.inode ? 0 : -ENOENT;
}

// The six X at the end: a name that was not there before.
void fill_in(char* pattern) {
  static std::atomic<int> made = 100'000;
  const std::string number = std::to_string(++made);
  number.copy(pattern + std::strlen(pattern) - number.size(), number.size());
}

int open_simulated(int directory, const char* path, int flags, mode_t mode) {
  if (const std::string_view name(path); name.starts_with(vigil::test::kTerminals)) {
    const int master = std::atoi(path + std::strlen(vigil::test::kTerminals));
    return ask([&](Process& p) { return p.openpt_peer(master, flags); });
  }
  return ask([&](Process& p) { return p.openat2(directory, path, flags, mode & 07777, 0); });
}
int stat_simulated(int directory, const char* path, struct stat* out, int flags) {
  return ask([&](Process& p) { return p.fstatat(directory, path, out, flags); });
}

// A listing of a simulated directory, behind a DIR*.
struct Listing {
  int handle;
  dirent entry;
};
std::mutex listings_lock;
std::set<Listing*> listings;
Listing* listing(DIR* directory) {
  const std::scoped_lock lock(listings_lock);
  auto* one = reinterpret_cast<Listing*>(directory);
  return listings.contains(one) ? one : nullptr;
}
DIR* list(int handle) {
  const std::scoped_lock lock(listings_lock);
  return reinterpret_cast<DIR*>(*listings.insert(new Listing{handle, {}}).first);
}

// The streams of <fstream> are a FILE* of which only the number is used.
std::mutex streams_lock;
std::map<FILE*, int> streams;

int flags_of(const char* mode) {
  const std::string_view text(mode);
  const bool both = text.find('+') != text.npos;
  switch (text.front()) {
    case 'r':
      return both ? O_RDWR : O_RDONLY;
    case 'w':
      return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC;
    default:
      return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND;
  }
}

}  // namespace

extern "C" {

int openat(int directory, const char* path, int flags, ...) {
  static const auto real = VIGIL_LIBC(openat);
  va_list rest;
  va_start(rest, flags);
  const auto mode = va_arg(rest, mode_t);
  va_end(rest);
  return here(directory, path) ? open_simulated(directory, path, flags, mode)
                               : real(directory, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = va_arg(rest, mode_t);
  va_end(rest);
  return openat(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = va_arg(rest, mode_t);
  va_end(rest);
  return openat(AT_FDCWD, path, flags, mode);
}
int openat64(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = va_arg(rest, mode_t);
  va_end(rest);
  return openat(directory, path, flags, mode);
}

int fstatat(int directory, const char* path, struct stat* out, int flags) noexcept {
  static const auto real = VIGIL_LIBC(fstatat);
  return here(directory, path) ? stat_simulated(directory, path, out, flags)
                               : real(directory, path, out, flags);
}
int stat(const char* path, struct stat* out) noexcept { return fstatat(AT_FDCWD, path, out, 0); }
int lstat(const char* path, struct stat* out) noexcept {
  return fstatat(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}
int fstat(int fd, struct stat* out) noexcept {
  static const auto real = VIGIL_LIBC(fstat);
  return simulated(fd) ? stat_simulated(fd, "", out, AT_EMPTY_PATH) : real(fd, out);
}
int stat64(const char* path, struct stat64* out) noexcept {
  return stat(path, reinterpret_cast<struct stat*>(out));
}
int lstat64(const char* path, struct stat64* out) noexcept {
  return lstat(path, reinterpret_cast<struct stat*>(out));
}
int fstat64(int fd, struct stat64* out) noexcept {
  return fstat(fd, reinterpret_cast<struct stat*>(out));
}
int fstatat64(int directory, const char* path, struct stat64* out, int flags) noexcept {
  return fstatat(directory, path, reinterpret_cast<struct stat*>(out), flags);
}

off_t lseek(int fd, off_t offset, int whence) noexcept {
  static const auto real = VIGIL_LIBC(lseek);
  if (!simulated(fd)) {
    return real(fd, offset, whence);
  }
  return ask<off_t>([&](Process& p) -> std::int64_t {
    sim::OpenFile* file = sim::open_file(p.file(fd));
    if (file == nullptr) {
      return -ESPIPE;
    }
    const auto from = whence == SEEK_SET   ? 0
                      : whence == SEEK_CUR ? static_cast<off_t>(file->offset())
                                           : static_cast<off_t>(file->inode().content.size());
    file->offset() = static_cast<std::uint64_t>(from + offset);
    return from + offset;
  });
}
off64_t lseek64(int fd, off64_t offset, int whence) noexcept { return lseek(fd, offset, whence); }

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = VIGIL_LIBC(mkdir);
  return simulated_path(path) ? ask([&](Process& p) { return p.mkdirat(AT_FDCWD, path, mode); })
                              : real(path, mode);
}
char* mkdtemp(char* pattern) noexcept {
  fill_in(pattern);
  return mkdir(pattern, 0700) == 0 ? pattern : nullptr;
}
int mkstemp(char* pattern) {
  static const auto real = VIGIL_LIBC(mkstemp);
  if (!simulated_path(pattern)) {
    return real(pattern);
  }
  fill_in(pattern);
  return open(pattern, O_RDWR | O_CREAT | O_EXCL, 0600);
}
int unlinkat(int directory, const char* path, int flags) noexcept {
  static const auto real = VIGIL_LIBC(unlinkat);
  return here(directory, path) ? ask([&](Process& p) { return p.unlinkat(directory, path, flags); })
                               : real(directory, path, flags);
}
int unlink(const char* path) noexcept { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) noexcept { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char* path) noexcept {
  const int done = unlink(path);
  return done != 0 && errno == EISDIR ? rmdir(path) : done;
}
int rename(const char* from, const char* to) noexcept {
  static const auto real = VIGIL_LIBC(rename);
  return simulated_path(from)
             ? ask([&](Process& p) { return p.renameat(AT_FDCWD, from, AT_FDCWD, to); })
             : real(from, to);
}
int symlink(const char* target, const char* path) noexcept {
  static const auto real = VIGIL_LIBC(symlink);
  return simulated_path(path) ? ask([&](Process& p) { return p.symlinkat(target, AT_FDCWD, path); })
                              : real(target, path);
}
ssize_t readlink(const char* path, char* to, size_t size) noexcept {
  static const auto real = VIGIL_LIBC(readlink);
  if (!simulated_path(path)) {
    return real(path, to, size);
  }
  return ask<ssize_t>([&](Process& p) -> std::int64_t {
    sim::Place place;
    if (const auto failed = find(p, AT_FDCWD, path, false, place); failed != 0) {
      return failed;
    }
    if (!place.inode->is(S_IFLNK)) {
      return -EINVAL;
    }
    return static_cast<std::int64_t>(place.inode->target.copy(to, size));
  });
}
int fchmodat(int directory, const char* path, mode_t mode, int flags) noexcept {
  static const auto real = VIGIL_LIBC(fchmodat);
  if (!here(directory, path)) {
    return real(directory, path, mode, flags);
  }
  return ask([&](Process& p) -> std::int64_t {
    sim::Place place;
    if (const auto failed = find(p, directory, path, true, place); failed != 0) {
      return failed;
    }
    place.inode->mode = (place.inode->mode & ~07777U) | (mode & 07777);
    sim::file_changed(*place.inode, IN_ATTRIB);
    return 0;
  });
}
int chmod(const char* path, mode_t mode) noexcept { return fchmodat(AT_FDCWD, path, mode, 0); }
int mkfifo(const char* path, mode_t mode) noexcept {
  static const auto real = VIGIL_LIBC(mkfifo);
  if (!simulated_path(path)) {
    return real(path, mode);
  }
  return ask([&](Process& p) -> std::int64_t {
    sim::Place place;
    sim::Disk& disk = p.kernel().files().disk();
    if (const auto failed = find(p, AT_FDCWD, path, false, place); failed != -ENOENT) {
      return failed == 0 ? -EEXIST : failed;
    }
    const sim::InodeRef made = disk.make(S_IFIFO | (mode & 07777));
    disk.link(*place.directory, place.name, *made);
    return 0;
  });
}
int truncate(const char* path, off_t size) noexcept {
  static const auto real = VIGIL_LIBC(truncate);
  if (!simulated_path(path)) {
    return real(path, size);
  }
  const int fd = open(path, O_WRONLY);
  const int done =
      fd < 0 ? -1
             : ask([&](Process& p) { return p.ftruncate(fd, static_cast<std::uint64_t>(size)); });
  if (fd >= 0) {
    ask([&](Process& p) { return p.close(fd); });
  }
  return done;
}
int ftruncate(int fd, off_t size) noexcept {
  static const auto real = VIGIL_LIBC(ftruncate);
  return simulated(fd)
             ? ask([&](Process& p) { return p.ftruncate(fd, static_cast<std::uint64_t>(size)); })
             : real(fd, size);
}

DIR* fdopendir(int fd) {
  static const auto real = VIGIL_LIBC(fdopendir);
  return simulated(fd) ? list(fd) : real(fd);
}
DIR* opendir(const char* path) {
  static const auto real = VIGIL_LIBC(opendir);
  if (!simulated_path(path)) {
    return real(path);
  }
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? nullptr : list(fd);
}
dirent* readdir(DIR* directory) {
  static const auto real = VIGIL_LIBC(readdir);
  Listing* one = listing(directory);
  if (one == nullptr) {
    return real(directory);
  }
  const int got = ask([&](Process& p) {
    Process::Entry entry;
    const std::int32_t found = p.next_entry(one->handle, entry);
    if (found == 1) {
      one->entry.d_ino = entry.inode;
      one->entry.d_type = entry.type;
      one->entry.d_name[entry.name.copy(one->entry.d_name, sizeof one->entry.d_name - 1)] = '\0';
    }
    return found;
  });
  return got == 1 ? &one->entry : nullptr;
}
dirent64* readdir64(DIR* directory) { return reinterpret_cast<dirent64*>(readdir(directory)); }
int dirfd(DIR* directory) noexcept {
  static const auto real = VIGIL_LIBC(dirfd);
  const Listing* one = listing(directory);
  return one != nullptr ? one->handle : real(directory);
}
int closedir(DIR* directory) {
  static const auto real = VIGIL_LIBC(closedir);
  Listing* one = listing(directory);
  if (one == nullptr) {
    return real(directory);
  }
  {
    const std::scoped_lock lock(listings_lock);
    listings.erase(one);
  }
  const std::unique_ptr<Listing> gone(one);
  return ask([&](Process& p) { return p.close(one->handle); });
}

FILE* fopen64(const char* path, const char* mode) {
  static const auto real = VIGIL_LIBC(fopen64);
  if (!simulated_path(path)) {
    return real(path, mode);
  }
  const int fd = open(path, flags_of(mode), 0666);
  if (fd < 0) {
    return nullptr;
  }
  FILE* stream = real("/dev/null", "r+");
  const std::scoped_lock lock(streams_lock);
  streams[stream] = fd;
  return stream;
}
FILE* fopen(const char* path, const char* mode) { return fopen64(path, mode); }
int fileno(FILE* stream) noexcept {
  static const auto real = VIGIL_LIBC(fileno);
  const std::scoped_lock lock(streams_lock);
  const auto found = streams.find(stream);
  return found != streams.end() ? found->second : real(stream);
}
int fclose(FILE* stream) {
  static const auto real = VIGIL_LIBC(fclose);
  int fd = -1;
  {
    const std::scoped_lock lock(streams_lock);
    if (const auto found = streams.find(stream); found != streams.end()) {
      fd = found->second;
      streams.erase(found);
    }
  }
  if (fd >= 0) {
    ask([&](Process& p) { return p.close(fd); });
  }
  return real(stream);
}

int inotify_init1(int flags) noexcept {
  return ask([&](Process& p) { return p.inotify_init1(flags); });
}
int inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept {
  return ask([&](Process& p) { return p.inotify_add_watch(fd, path, mask); });
}
int inotify_rm_watch(int fd, int watch) noexcept {
  return ask([&](Process& p) { return p.inotify_rm_watch(fd, watch); });
}

}  // extern "C"

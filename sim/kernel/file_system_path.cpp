// The walk: a name at a time, a link's target in front of what is left.
#include "kernel/file_system_path.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "kernel/file_system.hpp"
#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_open.hpp"
#include "kernel/process.hpp"

namespace vigil::sim {
namespace {

constexpr int kMostLinks = 40;
constexpr std::uint64_t kKnown = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
                                 RESOLVE_NO_XDEV | RESOLVE_IN_ROOT;

class Walk {
 public:
  Walk(InodeRef root, InodeRef begin, LastLink link, std::uint64_t resolve, bool owner)
      : root_(std::move(root)),
        begin_(std::move(begin)),
        here_(begin_),
        link_(link),
        resolve_(resolve),
        owner_(owner) {}

  std::int32_t go(std::string_view path, Place& out) {
    left_ = path;
    if (const std::int32_t started = absolute(); started < 0) {
      return started;
    }
    for (;;) {
      if (left_.empty()) {  // the root, or a link to it
        out = {.last = Place::Last::root, .directory = here_, .name = {}, .inode = here_};
        return 0;
      }
      const std::string_view name = take_name();
      const std::int32_t done = step(name, out);
      if (done != 0) {
        return done < 0 ? done : 0;
      }
    }
  }

 private:
  bool restricted(std::uint64_t bit) const noexcept { return (resolve_ & bit) != 0; }

  // A path that begins with a slash begins again at the root.
  std::int32_t absolute() {
    if (!left_.starts_with('/')) {
      return 0;
    }
    if (restricted(RESOLVE_BENEATH)) {
      return -EXDEV;
    }
    here_ = restricted(RESOLVE_IN_ROOT) ? begin_ : root_;
    skip_slashes();
    return 0;
  }

  void skip_slashes() noexcept {
    left_.remove_prefix(std::min(left_.find_first_not_of('/'), left_.size()));
  }

  std::string_view take_name() noexcept {
    const std::string_view name = left_.substr(0, left_.find('/'));
    left_.remove_prefix(name.size());
    slash_ = !left_.empty();
    skip_slashes();
    return name;
  }

  // 1: `out` is the end. 0: goes on. Below: an error.
  std::int32_t step(std::string_view name, Place& out) {
    if (!here_->is(S_IFDIR)) {
      return -ENOTDIR;
    }
    if (owner_ && !here_->may(1)) {
      return -EACCES;
    }
    const bool last = left_.empty();
    if (name == "." || name == "..") {
      if (name == ".." && !up()) {
        return -EXDEV;
      }
      if (last) {
        out = {.last = name == "." ? Place::Last::dot : Place::Last::dot_dot,
               .directory = here_,
               .name = {},
               .inode = here_,
               .slash = slash_};
      }
      return last ? 1 : 0;
    }
    if (name.size() > NAME_MAX) {
      return -ENAMETOOLONG;
    }
    const InodeRef found = here_->find(name);
    if (found && found->is(S_IFLNK) && (!last || follows_last())) {
      return follow(*found);
    }
    if (last) {
      out = {.last = Place::Last::name,
             .directory = here_,
             .name = std::string(name),
             .inode = found,
             .slash = slash_};
      return 1;
    }
    if (!found) {
      return -ENOENT;
    }
    here_ = found;
    return 0;
  }

  bool follows_last() const noexcept {
    return link_ == LastLink::follow || (link_ == LastLink::slash_follows && slash_);
  }

  bool up() noexcept {
    if (here_ == begin_ && restricted(RESOLVE_BENEATH)) {
      return false;
    }
    if (here_->parent && !(here_ == begin_ && restricted(RESOLVE_IN_ROOT))) {
      here_ = here_->parent;
    }
    return true;
  }

  std::int32_t follow(const Inode& link) {
    if (restricted(RESOLVE_NO_SYMLINKS) || ++links_ > kMostLinks) {
      return -ELOOP;
    }
    std::string rest = link.target;
    if (slash_) {
      rest += '/';
    }
    rest += left_;
    text_ = std::move(rest);
    left_ = text_;
    return absolute();
  }

  InodeRef root_;
  InodeRef begin_;
  InodeRef here_;
  LastLink link_;
  std::uint64_t resolve_;
  bool owner_;  // permissions count
  std::string text_;
  std::string_view left_;
  bool slash_ = false;
  int links_ = 0;
};

// "/proc/self/fd/N": the open file itself.
std::optional<int> magic_handle(std::string_view path) noexcept {
  constexpr std::string_view kHandles = "/proc/self/fd/";
  int handle = -1;
  if (!path.starts_with(kHandles)) {
    return {};
  }
  path.remove_prefix(kHandles.size());
  const auto read = std::from_chars(path.data(), path.data() + path.size(), handle);
  if (read.ec != std::errc{} || read.ptr != path.data() + path.size()) {
    return {};
  }
  return handle;
}

std::int32_t place_of_handle(Process& process, int handle, std::uint64_t resolve, Place& out) {
  if ((resolve & RESOLVE_BENEATH) != 0) {
    return -EXDEV;
  }
  if ((resolve & (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)) != 0) {
    return -ELOOP;
  }
  const OpenFile* open = open_file(process.file(handle));
  if (open == nullptr) {
    return process.file(handle) == nullptr ? -ENOENT : -ENXIO;
  }
  const InodeRef inode = &open->inode();
  out = {.last = Place::Last::root, .directory = inode, .name = {}, .inode = inode};
  return 0;
}

}  // namespace

std::int32_t find_place(Process& process, int directory, const char* path, LastLink link,
                        std::uint64_t resolve, Place& out) {
  const std::string_view text(path);
  if ((resolve & ~kKnown) != 0) {
    return -EINVAL;
  }
  if (text.empty()) {
    return -ENOENT;
  }
  if (text.size() >= PATH_MAX) {
    return -ENAMETOOLONG;
  }
  const InodeRef root = process.kernel().files().disk().root();
  InodeRef begin = root;
  const bool relative = text.front() != '/' || (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0;
  if (relative && (directory != AT_FDCWD || process.directory() != nullptr)) {
    File* file = directory == AT_FDCWD ? process.directory() : process.file(directory);
    const OpenFile* open = open_file(file);
    if (open == nullptr || !open->inode().is(S_IFDIR)) {
      return file == nullptr ? -EBADF : -ENOTDIR;
    }
    begin = &open->inode();
  }
  if (const auto handle = magic_handle(text); handle && link == LastLink::follow) {
    return place_of_handle(process, *handle, resolve, out);
  }
  return Walk(root, std::move(begin), link, resolve, true).go(text, out);
}

std::int32_t find_place(const InodeRef& root, std::string_view path, LastLink link, Place& out) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
    return -EINVAL;
  }
  return path.size() >= PATH_MAX ? -ENAMETOOLONG : Walk(root, root, link, 0, false).go(path, out);
}

}  // namespace vigil::sim

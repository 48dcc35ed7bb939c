// A path held beneath a directory: asked of the kernel in one call, or walked name by name.
#include "loop/open_beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include "loop/operations.hpp"

namespace vigil {
namespace {

std::int32_t open_at_once(int directory, const char* path, int flags, mode_t mode,
                          bool links) noexcept {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) & ~static_cast<unsigned>(O_LARGEFILE);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (links ? 0u : RESOLVE_NO_SYMLINKS);
  return outcome([&] { return ::syscall(SYS_openat2, directory, path, &how, sizeof how); });
}

// Whether openat2 works here: asked once. A sandbox may answer EPERM for what it does not know.
bool has_openat2() noexcept {
  static std::atomic<int> known{0};
  int answer = known.load(std::memory_order_relaxed);
  if (answer == 0) {
    const std::int32_t probe = open_at_once(AT_FDCWD, ".", O_PATH | O_CLOEXEC, 0, true);
    if (probe >= 0) {
      ::close(probe);
    }
    answer = probe == -ENOSYS || probe == -EPERM ? 1 : 2;
    known.store(answer, std::memory_order_relaxed);
  }
  return answer == 2;
}

// The directories from the root down to where the walk stands.
class Walk {
 public:
  explicit Walk(int root) noexcept : root_(root) {}
  ~Walk() {
    while (depth_ != 0) {
      leave();
    }
  }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  int here() const noexcept { return depth_ == 0 ? root_ : passed_[depth_ - 1]; }
  bool at_root() const noexcept { return depth_ == 0; }
  bool enter(int handle) noexcept {
    if (depth_ == passed_.size()) {
      return false;
    }
    passed_[depth_++] = handle;
    return true;
  }
  void leave() noexcept { ::close(passed_[--depth_]); }

 private:
  int root_;
  std::array<int, 256> passed_;
  std::size_t depth_ = 0;
};

// What is left to walk: links put their targets in front.
class Rest {
 public:
  bool empty() const noexcept { return begin_ == text_.size(); }
  // False: too long.
  bool prepend(std::string_view text) noexcept {
    const std::size_t between = empty() ? 0 : 1;
    if (text.size() + between > begin_) {
      return false;
    }
    if (between != 0) {
      text_[--begin_] = '/';
    }
    begin_ -= text.size();
    std::memcpy(text_.data() + begin_, text.data(), text.size());
    return true;
  }
  // The next name, and whether slashes follow it. It ends with a zero byte.
  const char* next(bool& slash) noexcept {
    std::size_t size = 0;
    while (begin_ != text_.size() && text_[begin_] != '/') {
      name_[size] = text_[begin_++];
      size += size < NAME_MAX + 1 ? 1u : 0u;  // too long by one is enough for ENAMETOOLONG
    }
    name_[size] = '\0';
    slash = !empty();
    while (!empty() && text_[begin_] == '/') {
      ++begin_;
    }
    return name_.data();
  }

 private:
  std::array<char, PATH_MAX> text_;
  std::array<char, NAME_MAX + 2> name_;
  std::size_t begin_ = PATH_MAX;
};

constexpr int kMostLinks = 40;  // as the kernel's own limit, path_resolution(7)

}  // namespace

std::int32_t open_by_walking(int directory, const char* path, int flags, mode_t mode,
                             bool links) noexcept {
  const std::string_view whole(path);
  Rest rest;
  if (whole.empty()) {
    return -ENOENT;
  }
  if (whole.front() == '/') {
    return -EXDEV;
  }
  if (!rest.prepend(whole)) {
    return -ENAMETOOLONG;
  }
  Walk walk(directory);
  std::array<char, PATH_MAX> target;
  for (int followed = 0;;) {
    bool slash = false;
    const char* name = rest.next(slash);
    const std::string_view step(name);
    if (step == "..") {
      if (walk.at_root()) {
        return -EXDEV;
      }
      walk.leave();
    } else if (step != ".") {
      const ssize_t size = ::readlinkat(walk.here(), name, target.data(), target.size());
      if (size >= 0) {
        if (rest.empty() && (flags & O_EXCL) != 0) {
          return -EEXIST;
        }
        if (!links || ++followed > kMostLinks) {
          return -ELOOP;
        }
        if (target[0] == '/') {
          return -EXDEV;
        }
        if ((slash && rest.empty() && !rest.prepend("/")) ||
            !rest.prepend({target.data(), static_cast<std::size_t>(size)})) {
          return -ENAMETOOLONG;
        }
        continue;
      }
      if (rest.empty()) {
        return outcome([&] {
          return ::openat(walk.here(), name, flags | O_NOFOLLOW | (slash ? O_DIRECTORY : 0), mode);
        });
      }
      const std::int32_t entered = outcome([&] {
        return ::openat(walk.here(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      });
      if (entered < 0) {
        return entered;
      }
      if (!walk.enter(entered)) {
        ::close(entered);
        return -ENAMETOOLONG;
      }
    }
    if (rest.empty()) {
      return outcome([&] { return ::openat(walk.here(), ".", flags, mode); });
    }
  }
}

std::int32_t open_beneath(int directory, const char* path, int flags, mode_t mode,
                          bool links) noexcept {
  if (has_openat2()) {
    // EAGAIN: something was renamed meanwhile, and the kernel cannot say whether that matters.
    for (int attempt = 0; attempt < 8; ++attempt) {
      const std::int32_t opened = open_at_once(directory, path, flags, mode, links);
      if (opened != -EAGAIN) {
        return opened;
      }
    }
  }
  return open_by_walking(directory, path, flags, mode, links);
}

}  // namespace vigil

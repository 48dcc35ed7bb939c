// What epoll keeps by itself, and poll and select do not: closed handles and files are refused, and
// a handle whose number now means another open file is not the one that was added.
#pragma once

#include <sys/stat.h>

#include <cerrno>

#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"

namespace vigil {

// Which open file a handle number meant. Those without an inode of their own (eventfd, timerfd,
// epoll) look alike.
struct FileIdentity {
  dev_t device;
  ino_t inode;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// EBADF: not an open handle. EPERM: a regular file or directory, which poll(2) calls ready at all
// times.
inline Result<FileIdentity> identify_watchable(NativeHandle handle) noexcept {
  struct stat about;
  if (::fstat(handle, &about) != 0) {
    return error(errno);
  }
  if (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode)) {
    return error(std::errc::operation_not_permitted);
  }
  return FileIdentity{about.st_dev, about.st_ino};
}

}  // namespace vigil

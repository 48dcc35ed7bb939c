// What -D_FORTIFY_SOURCE makes of the calls whose buffers' sizes the compiler does not know.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vigil/base/check.hpp"

namespace {

void fits(std::size_t size, std::size_t room) {
  vigil::check(size <= room, "a test reads more than its buffer holds");
}

}  // namespace

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier): libc's names.
ssize_t __read_chk(int fd, void* to, std::size_t size, std::size_t room) {
  fits(size, room);
  return ::read(fd, to, size);
}
ssize_t __recv_chk(int fd, void* to, std::size_t size, std::size_t room, int flags) {
  fits(size, room);
  return ::recv(fd, to, size, flags);
}
ssize_t __recvfrom_chk(int fd, void* to, std::size_t size, std::size_t room, int flags,
                       sockaddr* from, socklen_t* length) {
  fits(size, room);
  return ::recvfrom(fd, to, size, flags, from, length);
}
int __poll_chk(pollfd* fds, nfds_t count, int milliseconds, std::size_t room) {
  fits(count * sizeof *fds, room);
  return ::poll(fds, count, milliseconds);
}
ssize_t __readlink_chk(const char* path, char* to, std::size_t size, std::size_t room) {
  fits(size, room);
  return ::readlink(path, to, size);
}
int __open_2(const char* path, int flags) { return ::open(path, flags); }
int __open64_2(const char* path, int flags) { return ::open(path, flags); }
int __openat_2(int directory, const char* path, int flags) {
  return ::openat(directory, path, flags);
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"

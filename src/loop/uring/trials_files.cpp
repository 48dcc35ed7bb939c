// The opcodes on files, each tried on a file in memory, or on a name that cannot be.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "loop/uring/newer.hpp"
#include "loop/uring/trial_ring.hpp"

namespace vigil::uring {
namespace {

int try_open(TrialRing& ring) noexcept {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  ::io_uring_prep_openat2(ring.next(), AT_FDCWD, "/", &how);
  const int opened = ring.finish();
  if (opened >= 0) {
    ::close(opened);
  }
  return failed(opened);
}

int try_statx(TrialRing& ring, const TrialDescriptors& on) noexcept {
  struct statx facts{};
  ::io_uring_prep_statx(ring.next(), on.file(), "", AT_EMPTY_PATH, STATX_SIZE, &facts);
  return failed(ring.finish());
}

int try_read(TrialRing& ring, const TrialDescriptors& on) noexcept {
  std::byte into[8];
  ::io_uring_prep_read(ring.next(), on.file(), into, sizeof into, 0);
  return failed(ring.finish());
}

int try_readv(TrialRing& ring, const TrialDescriptors& on) noexcept {
  std::byte into[8];
  const iovec part{into, sizeof into};
  ::io_uring_prep_readv(ring.next(), on.file(), &part, 1, 0);
  return failed(ring.finish());
}

int try_write(TrialRing& ring, const TrialDescriptors& on) noexcept {
  ::io_uring_prep_write(ring.next(), on.file(), "x", 1, 0);
  return failed(ring.finish());
}

int try_writev(TrialRing& ring, const TrialDescriptors& on) noexcept {
  char byte = 'x';
  const iovec part{&byte, 1};
  ::io_uring_prep_writev(ring.next(), on.file(), &part, 1, 0);
  return failed(ring.finish());
}

int try_fsync(TrialRing& ring, const TrialDescriptors& on) noexcept {
  ::io_uring_prep_fsync(ring.next(), on.file(), 0);
  return failed(ring.finish());
}

int try_fallocate(TrialRing& ring, const TrialDescriptors& on) noexcept {
  ::io_uring_prep_fallocate(ring.next(), on.file(), 0, 0, 1);
  return failed(ring.finish());
}

int try_fadvise(TrialRing& ring, const TrialDescriptors& on) noexcept {
  ::io_uring_prep_fadvise(ring.next(), on.file(), 0, 1, POSIX_FADV_NORMAL);
  return failed(ring.finish());
}

// No path is empty: a kernel that knows the opcode says ENOENT.
int try_rename(TrialRing& ring) noexcept {
  ::io_uring_prep_renameat(ring.next(), AT_FDCWD, "", AT_FDCWD, "", 0);
  const int result = ring.finish();
  return result == -ENOENT ? 0 : failed(result);
}

int try_unlink(TrialRing& ring) noexcept {
  ::io_uring_prep_unlinkat(ring.next(), AT_FDCWD, "", 0);
  const int result = ring.finish();
  return result == -ENOENT ? 0 : failed(result);
}

int try_make_directory(TrialRing& ring) noexcept {
  ::io_uring_prep_mkdirat(ring.next(), AT_FDCWD, "", 0);
  const int result = ring.finish();
  return result == -ENOENT ? 0 : failed(result);
}

int try_truncate(TrialRing& ring, const TrialDescriptors& on) noexcept {
  ::io_uring_prep_rw(kTruncate, ring.next(), on.file(), nullptr, 0, 4);
  return failed(ring.finish());
}

int try_close(TrialRing& ring, const TrialDescriptors& on) noexcept {
  const int copy = ::fcntl(on.near(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    return errno;
  }
  ::io_uring_prep_close(ring.next(), copy);
  const int result = ring.finish();
  if (result < 0) {
    ::close(copy);
  }
  return failed(result);
}

}  // namespace

int try_file_opcode(Feature feature, TrialRing& ring, const TrialDescriptors& on) noexcept {
  switch (feature) {
    case Feature::open_at2:
      return try_open(ring);
    case Feature::statx:
      return try_statx(ring, on);
    case Feature::read:
      return try_read(ring, on);
    case Feature::write:
      return try_write(ring, on);
    case Feature::readv:
      return try_readv(ring, on);
    case Feature::writev:
      return try_writev(ring, on);
    case Feature::fsync:
      return try_fsync(ring, on);
    case Feature::fallocate:
      return try_fallocate(ring, on);
    case Feature::fadvise:
      return try_fadvise(ring, on);
    case Feature::renameat:
      return try_rename(ring);
    case Feature::unlinkat:
      return try_unlink(ring);
    case Feature::mkdirat:
      return try_make_directory(ring);
    case Feature::ftruncate:
      return try_truncate(ring, on);
    case Feature::close:
      return try_close(ring, on);
    default:
      return EINVAL;
  }
}

}  // namespace vigil::uring

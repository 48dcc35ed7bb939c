// Open files: what may wait for a disk, so a lane's thread calls it.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "loop/file_parts.hpp"
#include "loop/file_presence.hpp"
#include "loop/list_directory.hpp"
#include "loop/open_beneath.hpp"
#include "loop/operations.hpp"
#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/file_arguments.hpp"

namespace vigil {
namespace {

// statx(2) is one call for all of it; a sandbox that is older than it may refuse it.
std::int32_t status_of(int handle, FileStatus& out) noexcept {
  struct statx seen;
  const std::int32_t told =
      outcome([&] { return ::statx(handle, "", AT_EMPTY_PATH, kStatusMask, &seen); });
  if (told != -ENOSYS && told != -EPERM) {
    if (told >= 0) {
      out = status_from(seen);
    }
    return told;
  }
  struct stat plain;
  const std::int32_t result = outcome([&] { return ::fstat(handle, &plain); });
  if (result >= 0) {
    out = status_from(plain);
  }
  return result;
}

// EINVAL of a direct file has a cause of its own, which only the file's flags tell.
std::int32_t explain(int handle, std::int32_t result) noexcept {
  const bool direct = result == -EINVAL && (::fcntl(handle, F_GETFL) & O_DIRECT) != 0;
  return direct ? -kMisaligned : result;
}

std::int32_t open_path(const OpenArgs& args) noexcept {
  const int directory = at(args.directory);
  const int flags = flags_of(args);
  if (args.follow != Follow::anywhere) {
    return open_beneath(directory, args.path, flags, args.mode, args.follow == Follow::beneath);
  }
  return outcome([&] { return ::openat(directory, args.path, flags, args.mode); });
}

// What is asked of the fresh handle, too; the first failure is the outcome.
std::int32_t prepare(int handle, const OpenArgs& args) noexcept {
  if (args.create && args.exact_mode) {
    const std::int32_t set = outcome([&] { return ::fchmod(handle, args.mode); });
    if (set < 0) {
      return set;
    }
  }
  return args.status != nullptr ? status_of(handle, *args.status) : 0;
}

std::int32_t open_file(const OpenArgs& args) noexcept {
  const std::int32_t handle = open_path(args);
  if (handle < 0) {
    return handle == -EINVAL && args.direct ? -kNoDirect : handle;
  }
  if (const std::int32_t done = prepare(handle, args); done < 0) {
    ::close(handle);
    return done;
  }
  return handle;
}

std::int32_t stat_path(OpenArgs args) noexcept {
  args.only_name = true;
  const std::int32_t handle = open_file(args);
  if (handle >= 0) {
    ::close(handle);
  }
  return std::min(handle, 0);
}

std::int32_t read_at(int handle, FileBytes& bytes) noexcept {
  std::size_t got = 0;
  while (got != bytes.size) {
    const std::int32_t step = outcome([&] {
      return ::pread(handle, bytes.data + got, bytes.size - got,
                     static_cast<off_t>(bytes.offset + got));
    });
    if (step < 0 && got == 0) {
      return explain(handle, step);
    }
    if (step <= 0) {
      break;  // what is there goes first; an error stays for the next read
    }
    got += static_cast<std::size_t>(step);
  }
  return static_cast<std::int32_t>(got);
}

std::int32_t write_at(int handle, FileBytes& bytes) noexcept {
  while (bytes.size != 0) {
    const std::int32_t step = outcome([&] {
      return bytes.offset == FileBytes::kAppend
                 ? ::write(handle, bytes.data, bytes.size)
                 : ::pwrite(handle, bytes.data, bytes.size, static_cast<off_t>(bytes.offset));
    });
    if (step < 0) {
      return explain(handle, step);
    }
    bytes.data += step;
    bytes.size -= static_cast<std::size_t>(step);
    bytes.offset += bytes.offset == FileBytes::kAppend ? 0u : static_cast<std::uint32_t>(step);
  }
  return 0;
}

std::int32_t read_parts(int handle, FileRoom& room) noexcept {
  std::array<iovec, 64> vectors;
  std::int32_t got = 0;
  while (const std::size_t count = gather(room.parts, vectors)) {
    const std::int32_t step = outcome([&] {
      return ::preadv(handle, vectors.data(), static_cast<int>(count),
                      static_cast<off_t>(room.offset));
    });
    if (step < 0 && got == 0) {
      return explain(handle, step);
    }
    if (step <= 0) {
      break;
    }
    consume(room.parts, static_cast<std::size_t>(step));
    room.offset += static_cast<std::uint32_t>(step);
    got += step;
  }
  return got;
}

std::int32_t write_parts(int handle, FileParts& file) noexcept {
  std::array<iovec, 64> vectors;
  while (const std::size_t count = gather(file.parts, vectors)) {
    const std::int32_t step = outcome([&] {
      return file.offset == FileBytes::kAppend
                 ? ::writev(handle, vectors.data(), static_cast<int>(count))
                 : ::pwritev(handle, vectors.data(), static_cast<int>(count),
                             static_cast<off_t>(file.offset));
    });
    if (step < 0) {
      return explain(handle, step);
    }
    consume(file.parts, static_cast<std::size_t>(step));
    file.offset += file.offset == FileBytes::kAppend ? 0u : static_cast<std::uint32_t>(step);
  }
  return 0;
}

// EINTR from close(2) on Linux means closed.
std::int32_t close_file(int handle) noexcept {
  return ::close(handle) == 0 || errno == EINTR ? 0 : -errno;
}

}  // namespace

std::int32_t perform_file(Op& op) noexcept {
  switch (op.code) {
    case Opcode::open:
      return open_file(*reinterpret_cast<const OpenArgs*>(op.data));
    case Opcode::stat:
      return op.on != nullptr ? status_of(op.on->handle, *reinterpret_cast<FileStatus*>(op.data))
                              : stat_path(*reinterpret_cast<const OpenArgs*>(op.data));
    case Opcode::read_at:
      return read_at(op.on->handle, *reinterpret_cast<FileBytes*>(op.data));
    case Opcode::write_at:
      return write_at(op.on->handle, *reinterpret_cast<FileBytes*>(op.data));
    case Opcode::read_parts:
      return read_parts(op.on->handle, *reinterpret_cast<FileRoom*>(op.data));
    case Opcode::write_parts:
      return write_parts(op.on->handle, *reinterpret_cast<FileParts*>(op.data));
    case Opcode::fetch:
      return fetch(*reinterpret_cast<SendFile*>(op.data));
    case Opcode::list:
      return list_directory(op.on->handle, *reinterpret_cast<ListArgs*>(op.data));
    case Opcode::close:
      return close_file(reinterpret_cast<const CloseArgs*>(op.data)->handle);
    case Opcode::sync:
      return outcome(
          [&] { return op.detail != 0 ? ::fdatasync(op.on->handle) : ::fsync(op.on->handle); });
    case Opcode::resolve:
      return perform_resolve(op);
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil

// File: an open file, read and written at offsets without holding up the loop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "vigil/base/bytes.hpp"
#include "vigil/base/check.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/stream.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/fs/file_error.hpp"
#include "vigil/loop/file_arguments.hpp"

namespace vigil::fs {

using Kind = FileKind;
using Status = FileStatus;
using vigil::Allocation;
using vigil::Follow;

// How a file is opened. Reading alone, unless told.
struct OpenOptions {
  bool read = true;
  bool write = false;
  bool append = false;     // every write goes to the end (O_APPEND); implies write
  bool create = false;     // if it is not there, with `mode` less the umask; needs write
  bool exclusive = false;  // with create: already_exists if it is there
  bool truncate = false;   // needs write
  // Past the page cache (O_DIRECT), for programs that keep a cache of their own. Addresses, offsets
  // and sizes must be multiples of Status::direct_memory and direct_offset, else
  // FileError::misaligned; a file system without it gives FileError::no_direct_io. What is written
  // so is not on the disk before sync() all the same.
  bool direct = false;
  std::uint32_t mode = 0666;
  Follow follow = Follow::beneath;  // of Directory::open alone
};

namespace detail {

// An operation on an open file. `Descriptor::context` counts those that are in a lane.
class FileAwaiter {
 public:
  explicit FileAwaiter(Node& node) noexcept : node_(node) { ++node.on->context; }
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) noexcept {
    if ((node_.flags & kCancelled) != 0) {
      node_.result = -ECANCELED;
      return false;
    }
    Loop::current()->check_home(*node_.on, node_.where);
    return Loop::current()->start(node_);
  }

 protected:
  std::int32_t outcome() const noexcept {
    --node_.on->context;
    return node_.result;
  }

 private:
  Node& node_;
};

class CountAwaiter : public FileAwaiter {
 public:
  using FileAwaiter::FileAwaiter;
  Result<std::size_t> await_resume() const noexcept {
    const std::int32_t result = outcome();
    if (result < 0) {
      return file_failed(result);
    }
    return static_cast<std::size_t>(result);
  }
};

class DoneAwaiter : public FileAwaiter {
 public:
  using FileAwaiter::FileAwaiter;
  Result<> await_resume() const noexcept {
    const std::int32_t result = outcome();
    return result < 0 ? Result<>(file_failed(result)) : Result<>();
  }
};

// Reading, writing and the like; its arguments live in it, and so until the await ends.
template <class Awaiter, Opcode kCode, class Arguments>
class [[nodiscard("co_await it")]] Transfer {
 public:
  Transfer(Descriptor* on, const Arguments& arguments, std::uint16_t detail = 0) noexcept
      : on_(on), arguments_(arguments), detail_(detail) {}
  Awaiter bind(Node& node) noexcept {
    node.on = on_;
    node.data = reinterpret_cast<std::byte*>(&arguments_);
    node.detail = detail_;
    node.code = kCode;
    return Awaiter(node);
  }

 private:
  Descriptor* on_;
  Arguments arguments_;
  std::uint16_t detail_;
};

inline constexpr std::size_t kMostBytes = 0x7fff'0000;  // of one operation

template <class Byte>
std::size_t size_of(std::span<const std::span<Byte>> parts) noexcept {
  std::size_t size = 0;
  for (const std::span<Byte>& part : parts) {
    size += part.size();
  }
  return size;
}

class [[nodiscard("co_await it")]] Sync {
 public:
  Sync(Descriptor* on, bool content_only) noexcept : on_(on), content_only_(content_only) {}
  DoneAwaiter bind(Node& node) const noexcept {
    node.on = on_;
    node.data = nullptr;
    node.detail = content_only_ ? 1 : 0;
    node.code = Opcode::sync;
    return DoneAwaiter(node);
  }

 private:
  Descriptor* on_;
  bool content_only_;
};

// An open handle of the loop's, without a watch: what File and Directory are.
class Owned {
 public:
  Owned() noexcept = default;
  explicit Owned(Descriptor* descriptor) noexcept : descriptor_(descriptor) {}
  Owned(Owned&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      reset();
      descriptor_ = std::exchange(other.descriptor_, nullptr);
    }
    return *this;
  }
  ~Owned() { reset(); }

  // Takes a fresh handle over; closes it on an error.
  static Result<Owned> take(NativeHandle handle) noexcept;
  void reset() noexcept {
    if (descriptor_ != nullptr) {
      Loop::current()->detach(unused());
    }
  }
  NativeHandle release() noexcept { return Loop::current()->release(unused()); }
  Descriptor* get() const noexcept { return descriptor_; }

 private:
  Descriptor& unused() noexcept {
    check(descriptor_->context == 0,
          "a file was closed while a task reads or writes it: end that task first, then close");
    return *std::exchange(descriptor_, nullptr);
  }
  Descriptor* descriptor_ = nullptr;
};

}  // namespace detail

// An open file. Move-only, one pointer; used on its loop's thread. Any number of tasks may read and
// write it at once, at offsets of their own.
//
// The destructor closes it at once, on the loop's thread: nothing on a local disk waits for that.
// Where a close may wait or fail (a network file system tells of lost writes then), co_await
// close(), which goes through the lane.
//
// Every operation leaves the loop's thread: to the file lane, or to the kernel where the engine
// can. It is under the caller's deadline. Cancel ends one that has not begun with
// operation_canceled, and nothing of it was done. One that was begun cannot be interrupted on any
// engine, since a disk cannot: it ends with its own result, the task waits for that, and buffers
// are borrowed until then. So a deadline bounds the wait for a place in the lane, not a disk that
// hangs.
class File {
 public:
  File() noexcept = default;

  // Opens `path` as open(2) does: relative to the working directory, links followed. For paths that
  // come from outside the program, see Directory. Cancel leaves nothing open; a file that was
  // created by then stays. Errors: no_such_file_or_directory, permission_denied, already_exists,
  // EMFILE, invalid_argument (a zero byte in the path), FileError::no_direct_io and others of
  // open(2).
  static Task<Result<File>> open(std::string path, OpenOptions options = {});

  // co_await: Result<Status>. statx(2).
  Task<Result<Status>> status() const;

  // co_await: Result<std::size_t>. Fills `room` from `offset`; fewer bytes only where the file
  // ends. `room` is borrowed until the await ends. Errors: is_a_directory, io_error,
  // FileError::misaligned and others of pread(2).
  using ReadAt = detail::Transfer<detail::CountAwaiter, Opcode::read_at, FileBytes>;
  ReadAt read_at(std::span<std::byte> room, std::uint64_t offset) const noexcept {
    return {
        handle_.get(),
        {.data = room.data(), .size = std::min(room.size(), detail::kMostBytes), .offset = offset}};
  }

  // The same into several pieces of memory, in one call (preadv(2)); at most 2 GiB in all. The
  // spans are consumed from the front as they are filled, and borrowed with their memory.
  using ReadParts = detail::Transfer<detail::CountAwaiter, Opcode::read_parts, FileRoom>;
  ReadParts read_at(std::span<std::span<std::byte>> parts, std::uint64_t offset) const noexcept {
    check(detail::size_of<std::byte>(parts) <= detail::kMostBytes,
          "read_at takes at most 2 GiB: read the rest after it");
    return {handle_.get(), {.parts = parts, .offset = offset}};
  }

  // co_await: Result<>. Writes all of `bytes` (at most 2 GiB) at `offset`; they are borrowed until
  // the await ends. After an error a part may have been written. Errors: no_space_on_device,
  // file_too_large, io_error, FileError::misaligned and others of pwrite(2).
  using WriteAt = detail::Transfer<detail::DoneAwaiter, Opcode::write_at, FileBytes>;
  WriteAt write_at(ByteView bytes, std::uint64_t offset) const noexcept {
    check(bytes.size() <= detail::kMostBytes,
          "write_at takes at most 2 GiB: write the rest after it");
    return {handle_.get(),
            {.data = const_cast<std::byte*>(bytes.data()), .size = bytes.size(), .offset = offset}};
  }

  // The same from several pieces of memory, in one call (pwritev(2)). The spans are consumed from
  // the front, and borrowed with their memory.
  using WriteParts = detail::Transfer<detail::DoneAwaiter, Opcode::write_parts, FileParts>;
  WriteParts write_at(std::span<ByteView> parts, std::uint64_t offset) const noexcept {
    check(detail::size_of<const std::byte>(parts) <= detail::kMostBytes,
          "write_at takes at most 2 GiB: write the rest after it");
    return {handle_.get(), {.parts = parts, .offset = offset}};
  }

  // The same at the end of a file opened with `append`: whole lines of several writers do not mix.
  WriteAt append(ByteView bytes) const noexcept { return write_at(bytes, FileBytes::kAppend); }
  WriteParts append(std::span<ByteView> parts) const noexcept {
    return write_at(parts, FileBytes::kAppend);
  }

  // co_await: Result<>. Makes room on the disk, or gives it back: see Allocation. What was not
  // written yet reads as zeros. After an error a part may have been done. Errors:
  // no_space_on_device, operation_not_supported (the file system has none), file_too_large,
  // invalid_argument (no size) and others of fallocate(2).
  using Allocate = detail::Transfer<detail::DoneAwaiter, Opcode::allocate, FileRange>;
  Allocate allocate(std::uint64_t offset, std::uint64_t size,
                    Allocation how = Allocation::extend) const noexcept {
    return {handle_.get(), {.offset = offset, .size = size}, static_cast<std::uint16_t>(how)};
  }

  // co_await: Result<>. The file has `size` bytes from now on: those behind are gone, and what is
  // new reads as zeros. Errors: file_too_large, invalid_argument (not opened for writing) and
  // others of ftruncate(2).
  using Truncate = detail::Transfer<detail::DoneAwaiter, Opcode::truncate, FileRange>;
  Truncate truncate(std::uint64_t size) const noexcept { return {handle_.get(), {.size = size}}; }

  // co_await: Result<>. Waits until what was written is on the disk: fsync(2), or fdatasync(2),
  // which leaves out times and the like. After an error what was written since the last sync may be
  // lost, and a second sync that succeeds does not bring it back: write it again. The name of a new
  // file is on the disk once its directory was synced (Directory::sync).
  detail::Sync sync(bool content_only = false) const noexcept {
    return {handle_.get(), content_only};
  }

  // Closes through the lane, and tells what close(2) told. The file is no longer open whatever the
  // outcome; a cancel does not reach it.
  Task<Result<>> close();

  // For TcpStream::send_file and what vigil does not do itself. It stays the file's.
  NativeHandle native_handle() const noexcept { return handle_.get()->handle; }
  // Hands the open handle over: the caller closes it.
  NativeHandle release() noexcept { return handle_.release(); }
  bool is_open() const noexcept { return handle_.get() != nullptr; }

  explicit File(detail::Owned handle) noexcept : handle_(std::move(handle)) {}

 private:
  detail::Owned handle_;
};

// What one trip to the lane opened and looked at.
class OpenedFile {
 public:
  OpenedFile(File opened, const Status& seen) noexcept : file(std::move(opened)), status(seen) {}
  File file;
  Status status;
};

}  // namespace vigil::fs

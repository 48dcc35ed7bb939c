// Pipes and the standard streams, as streams.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "vigil/base/bytes.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/stream.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::os {

// What receive() of a PipeStream returns; co_await it. Handles that cannot be watched bring the
// buffer with them to the file lane.
class [[nodiscard("co_await it")]] PipeReceive {
 public:
  explicit PipeReceive(Descriptor* on) noexcept : on_(on) {}

  class Awaiter {
   public:
    explicit Awaiter(Node& node) noexcept : node_(node) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) noexcept {
      if ((node_.flags & kCancelled) != 0) {
        node_.result = -ECANCELED;
        return false;
      }
      Loop& loop = *Loop::current();
      if ((node_.on->ready & kUnwatched) != 0) {
        node_.code = Opcode::read;
        node_.size = Buffers::kSize;
        node_.data = loop.buffers().take();
        if (node_.data == nullptr) {
          node_.result = -ENOBUFS;
          return false;
        }
      }
      return loop.start(node_);
    }
    Result<Lease> await_resume() noexcept {
      if (node_.result > 0) {
        return Lease(node_.data, static_cast<std::size_t>(node_.result));
      }
      if (node_.code == Opcode::read && node_.data != nullptr) {
        Loop::current()->buffers().give(node_.data);
      }
      return node_.result == 0 ? Result<Lease>(Lease()) : Result<Lease>(failed(node_.result));
    }

   private:
    Node& node_;
  };

  Awaiter bind(Node& node) const noexcept {
    node.on = on_;
    node.data = nullptr;
    node.code = Opcode::receive;
    return Awaiter(node);
  }

 private:
  Descriptor* on_;
};

// One end of a pipe, a terminal, or whatever a standard stream is. The same calls as TcpStream's,
// in one direction or both. Move-only, one pointer; used on its loop's thread; the destructor
// closes it (a standard stream: stops using it, since its handle is the process's). One reader and
// one writer at a time.
//
// Cancel ends any await with operation_canceled; a send may have written a part then. On a handle
// that cannot be watched (a regular file; a terminal or pipe that may not be opened again) an await
// that a lane's thread is in ends only with its own result.
class PipeStream {
 public:
  PipeStream() noexcept = default;
  explicit PipeStream(Descriptor* descriptor) noexcept : descriptor_(descriptor) {}
  PipeStream(PipeStream&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  PipeStream& operator=(PipeStream&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, nullptr);
    }
    return *this;
  }
  ~PipeStream() { close(); }

  // Takes over a non-blocking end of a pipe, or another non-blocking handle that is no socket.
  // Errors: EMFILE, EPERM (it cannot be watched); the handle then stays the caller's.
  static Result<PipeStream> take(NativeHandle handle) noexcept;

  // co_await: Result<Lease>. The next bytes; an empty lease at the end (every writer has closed).
  // Errors: io_error and others of read(2), no_buffer_space where the loop's receive buffers are
  // used up and the handle cannot be watched.
  PipeReceive receive() noexcept { return PipeReceive(descriptor_); }
  // co_await: Result<std::size_t>. The same, copied to `room`; 0 at the end.
  Read read(std::span<std::byte> room) noexcept { return Read(descriptor_, room); }

  // co_await: Result<>. All of `bytes`, which must not change until then. Errors: broken_pipe (no
  // reader is left; SIGPIPE is not raised), no_space_on_device and others of write(2).
  Send send(ByteView bytes) noexcept { return Send(descriptor_, bytes); }
  // The same for several spans in one call (writev); the spans are consumed.
  SendAll send(std::span<ByteView> parts) noexcept { return SendAll(descriptor_, parts); }

  void close() noexcept {
    if (descriptor_ != nullptr) {
      Loop& loop = *Loop::current();
      Descriptor& descriptor = *std::exchange(descriptor_, nullptr);
      if (borrowed(descriptor)) {
        static_cast<void>(loop.release(descriptor));
      } else {
        loop.detach(descriptor);
      }
    }
  }
  // Hands the open handle over (non-blocking): the caller closes it.
  NativeHandle release() noexcept {
    return Loop::current()->release(*std::exchange(descriptor_, nullptr));
  }
  NativeHandle native_handle() noexcept {
    descriptor_->ready |= kShared;  // who has the number may duplicate it
    return descriptor_->handle;
  }
  bool is_open() const noexcept { return descriptor_ != nullptr; }

 private:
  // Of a standard stream that is a file, `context` says that the handle is the process's. (What is
  // watched for somebody else the engine itself leaves open.)
  static bool borrowed(const Descriptor& descriptor) noexcept {
    return (descriptor.ready & kUnwatched) != 0 && descriptor.context != 0;
  }

  Descriptor* descriptor_ = nullptr;
};

// A pipe inside this process, or for handing one end to another.
class Pipe {
 public:
  // Both ends close-on-exec and non-blocking. Errors: EMFILE, ENFILE.
  static Result<Pipe> open() noexcept;

  PipeStream reader;
  PipeStream writer;

 private:
  Pipe(PipeStream from, PipeStream to) noexcept : reader(std::move(from)), writer(std::move(to)) {}
};

// The process's standard streams, whatever they are: terminal, pipe, socket or file. No flag of
// what other processes share is changed: a terminal or pipe is opened once more (through /proc),
// and a file is read and written in the file lane, where its place in the file is. Each call makes
// a stream of its own; nothing is read ahead. Errors: bad_file_descriptor if it is closed, EMFILE.
Result<PipeStream> standard_input() noexcept;
Result<PipeStream> standard_output() noexcept;
Result<PipeStream> standard_error() noexcept;

}  // namespace vigil::os

// MessageSocket: messages between processes of one machine, and the open handles that go with them.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "vigil/base/bytes.hpp"
#include "vigil/base/check.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"

namespace vigil {

// A message as it came. The end, when the peer has closed: no bytes and no handles.
struct ReceivedMessage {
  std::size_t size = 0;       // bytes in the room
  std::size_t handles = 0;    // in the room for them: the receiver's to close
  bool truncated = false;     // it was longer than the room: the rest is lost
  bool handles_lost = false;  // more came than there was room for, or descriptors are used up
  bool ended() const noexcept { return size == 0 && handles == 0 && !truncated && !handles_lost; }
};

// One end of a connected local socket of messages (SOCK_SEQPACKET, unix(7)): each comes whole and
// in order, and the end of the peer is told. Open handles may go with a message (SCM_RIGHTS): who
// gets them has them as duplicates (dup(2)), close-on-exec. Move-only, one pointer; used on its
// loop's thread; the destructor closes it. One task may receive while another sends; two of a kind
// at once are a check.
//
// Cancel ends any await with operation_canceled: no message was taken or sent.
class MessageSocket {
 public:
  struct Pair;

  MessageSocket() noexcept = default;
  MessageSocket(MessageSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  MessageSocket& operator=(MessageSocket&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, nullptr);
    }
    return *this;
  }
  ~MessageSocket() { close(); }

  // Two ends (socketpair(2)): one for this loop, the other a handle for another process, which is
  // the caller's to close once that has it (os::Stdio::handle). Errors: EMFILE.
  static Result<Pair> pair() noexcept;
  // Takes over a socket that was inherited or passed. Errors: not_a_socket (of another kind, or
  // none), EMFILE; the handle then stays the caller's.
  static Result<MessageSocket> adopt(NativeHandle handle) noexcept;

  // co_await: Result<ReceivedMessage>. The next message, in `room`, and the handles that came with
  // it, in theirs; both are borrowed until then. Errors: connection_reset (the peer closed with
  // messages unread), no_memory.
  class Receive;
  Receive receive(std::span<std::byte> room, std::span<NativeHandle> handles = {}) noexcept;

  // co_await: Result<>. Sends `bytes`, at least one, as one message, and with it duplicates of
  // `handles` (253 at most); whole or not at all, and waits while the socket's buffer is full.
  // Errors: broken_pipe (the peer has closed), message_size, bad_file_descriptor (one of
  // `handles`), invalid_argument (too many), ETOOMANYREFS (too many under way, RLIMIT_NOFILE).
  class Send;
  Send send(ByteView bytes, std::span<const NativeHandle> handles = {}) noexcept;

  // Closes at once. Idempotent.
  void close() noexcept {
    if (descriptor_ != nullptr) {
      Loop::current()->detach(*std::exchange(descriptor_, nullptr));
    }
  }
  bool is_open() const noexcept { return descriptor_ != nullptr; }

 private:
  explicit MessageSocket(Descriptor* descriptor) noexcept : descriptor_(descriptor) {}

  Descriptor* descriptor_ = nullptr;
};

struct MessageSocket::Pair {
  MessageSocket ours;
  NativeHandle theirs = kNoHandle;
};

class [[nodiscard("co_await it")]] MessageSocket::Receive {
 public:
  Receive(Descriptor* on, std::span<std::byte> room, std::span<NativeHandle> handles) noexcept
      : on_(on), message_{.data = room.data(), .size = room.size(), .handles = handles} {}
  Receive(const Receive&) = delete;  // it points into itself
  Receive& operator=(const Receive&) = delete;

  class Awaiter : public detail::OpAwaiter {
   public:
    Awaiter(Node& node, const Receive& what) noexcept : OpAwaiter(node), what_(what) {}
    Result<ReceivedMessage> await_resume() const noexcept {
      const std::int32_t got = OpAwaiter::await_resume();
      if (got < 0) {
        return failed(got);
      }
      const Datagram& came = what_.message_;
      return ReceivedMessage{.size = static_cast<std::size_t>(got),
                             .handles = came.handles.size(),
                             .truncated = came.truncated,
                             .handles_lost = came.handles_lost};
    }

   private:
    const Receive& what_;
  };
  Awaiter bind(Node& node) noexcept {
    node.on = on_;
    node.data = reinterpret_cast<std::byte*>(&message_);
    node.code = Opcode::receive_from;
    return Awaiter(node, *this);
  }

 private:
  Descriptor* on_;
  Datagram message_;
};

class [[nodiscard("co_await it")]] MessageSocket::Send {
 public:
  Send(Descriptor* on, ByteView bytes, std::span<const NativeHandle> handles) noexcept
      : on_(on),
        message_{.data = const_cast<std::byte*>(bytes.data()),
                 .size = bytes.size(),
                 .handles = {const_cast<NativeHandle*>(handles.data()), handles.size()}} {
    check(!bytes.empty(), "send() of a MessageSocket was given no bytes: that is the end");
  }
  Send(const Send&) = delete;  // it points into itself
  Send& operator=(const Send&) = delete;
  detail::DoneAwaiter bind(Node& node) noexcept {
    node.on = on_;
    node.data = reinterpret_cast<std::byte*>(&message_);
    node.code = Opcode::send_to;
    return detail::DoneAwaiter(node);
  }

 private:
  Descriptor* on_;
  Datagram message_;
};

inline MessageSocket::Receive MessageSocket::receive(std::span<std::byte> room,
                                                     std::span<NativeHandle> handles) noexcept {
  return {descriptor_, room, handles};
}
inline MessageSocket::Send MessageSocket::send(ByteView bytes,
                                               std::span<const NativeHandle> handles) noexcept {
  return {descriptor_, bytes, handles};
}

}  // namespace vigil

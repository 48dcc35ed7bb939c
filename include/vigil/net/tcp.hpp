// Streams and their listeners. A stream is a TCP connection or a local (Unix) one; both behave the
// same.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <span>
#include <utility>
#include <vector>

#include "vigil/base/bytes.hpp"
#include "vigil/base/check.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/shard_channel.hpp"
#include "vigil/coro/stream.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/net/address.hpp"

namespace vigil {

// What shutdown() ends.
enum class Direction : std::uint8_t { read, write, both };

// A connection between two loops, or two owners: the open socket, and the bytes that a loop had
// received for it and nobody had read. Move-only; any thread. The destructor closes the socket, on
// a thread that has a loop.
class Released {
 public:
  Released() noexcept = default;
  explicit Released(NativeHandle handle, std::vector<std::byte> early = {}) noexcept
      : handle_(handle), early_(std::move(early)) {}
  Released(Released&& other) noexcept
      : handle_(std::exchange(other.handle_, kNoHandle)), early_(std::move(other.early_)) {}
  Released& operator=(Released&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(early_, other.early_);
    return *this;
  }
  ~Released() {
    if (handle_ != kNoHandle && Loop::current() != nullptr) {
      Loop::current()->syscalls().close(handle_);
    }
  }

  // The socket, which is the caller's then.
  NativeHandle take() noexcept { return std::exchange(handle_, kNoHandle); }
  NativeHandle handle() const noexcept { return handle_; }
  const std::vector<std::byte>& early() const noexcept { return early_; }

 private:
  NativeHandle handle_ = kNoHandle;
  std::vector<std::byte> early_;
};

// A connected byte stream. Move-only, one pointer; used on its loop's thread. The destructor closes
// it. One task may read while another writes; two readers (or writers) at once are a check, and so
// is destroying it under either.
//
// Cancel of any await ends it with operation_canceled: a receive or read has then taken no bytes; a
// send may have sent a part, so the stream is only good for closing.
class TcpStream {
 public:
  TcpStream() noexcept = default;
  explicit TcpStream(Descriptor* descriptor) noexcept : descriptor_(descriptor) {}
  TcpStream(TcpStream&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  TcpStream& operator=(TcpStream&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, nullptr);
    }
    return *this;
  }
  ~TcpStream() { close(); }

  // Connects to `peer`; co_await it. Errors: connection_refused, timed_out, network_unreachable,
  // EMFILE and others of connect(2).
  static Task<Result<TcpStream>> connect(
      Address peer, std::source_location where = std::source_location::current());

  // Takes over a connected stream socket that was made elsewhere. Errors: not_a_socket, EMFILE; the
  // handle then stays the caller's.
  static Result<TcpStream> adopt(
      NativeHandle handle, std::source_location where = std::source_location::current()) noexcept;

  // Takes over what release() gave, on this loop or another's: what came early is received first.
  // Errors: EMFILE, ENOMEM, no_buffer_space; the connection is then closed.
  static Result<TcpStream> adopt(
      Released&& released, std::source_location where = std::source_location::current()) noexcept;

  // co_await: Result<Lease>. The next bytes, at most Buffers::kSize, in order; an empty lease when
  // the peer has ended its side. While it waits no buffer is held. Errors: connection_reset and
  // others of recv(2), operation_canceled.
  Receive receive() noexcept { return Receive(descriptor_); }

  // What is here already, without waiting; empty if nothing is. Nobody else may be reading.
  Lease receive_now() noexcept {
    std::byte* data = nullptr;
    Loop& loop = *Loop::current();
    loop.check_home(*descriptor_);
    const std::int32_t got = loop.engine().receive_at_hand(*descriptor_, data);
    return got > 0 ? Lease(data, static_cast<std::size_t>(got)) : Lease();
  }

  // Copies the next bytes to `room`: how many, at least one unless the peer has ended (0) or `room`
  // is empty.
  Read read(std::span<std::byte> room) noexcept { return Read(descriptor_, room); }

  // co_await: Result<>. All of `bytes`, 2 GiB at most, which stay the caller's and must not change
  // until then.
  // Errors: broken_pipe, connection_reset and others of send(2), operation_canceled. No SIGPIPE.
  Send send(ByteView bytes) noexcept { return Send(descriptor_, bytes); }

  // The same for several spans in one call (writev); the spans are consumed.
  SendAll send(std::span<ByteView> parts) noexcept { return SendAll(descriptor_, parts); }

  // As send(), but more follows at once, or the end: the system may wait for it before it sends a
  // packet (MSG_MORE). shutdown() and close() let it go, in one segment with the end.
  class SendAs;
  SendAs send_more(ByteView bytes) noexcept;

  // As send(), but the kernel may send `bytes` from where they lie, without a copy
  // (io_uring_prep_send_zc(3)): for large pieces (some ten kilobytes) to a network card that takes
  // them from memory. For less, the second word that the kernel must send costs more than the copy.
  //
  // It ends when the kernel needs the bytes no more: when the peer has acknowledged them, which a
  // peer that does not read delays. Cancel takes them back at once, by resetting the connection.
  // Where the kernel says that it copied after all (connections within one machine, cards without
  // the feature), where it cannot (local streams, other engines, out of locked memory), this is
  // send(), for the rest of the connection.
  SendAs send_zero_copy(ByteView bytes) noexcept;

  // Sends `size` bytes of an open file from `offset`, without copying them through the program
  // (sendfile(2)). Errors: no_message_available (ENODATA) if the file was shorter: the peer then
  // got less than was announced, so close. Who sends a file often keeps a Residency beside it.
  Task<Result<>> send_file(NativeHandle file, std::uint64_t offset, std::uint64_t size,
                           Residency* residency = nullptr);
  // The same, and `what` tells how much is left if it ends early. It must stay until then.
  Task<Result<>> send_file(SendFile& what);

  // Ends one direction: after `write` the peer sees the end, and this side can still read. Errors:
  // not_connected.
  Result<> shutdown(Direction direction) noexcept;

  // Closes at once; what was sent and not yet acknowledged still goes out. Idempotent.
  void close() noexcept {
    if (descriptor_ != nullptr) {
      Loop::current()->detach(*std::exchange(descriptor_, nullptr));
    }
  }
  // Closes with a reset: the peer's next call fails (RFC 9293 section 3.10.5).
  void reset() noexcept;

  // Lets go of the connection, for another loop (adopt it there), process or library: the open
  // socket, and what the engine received ahead of who asks. Nobody may be waiting on it. It may
  // wait a moment for the kernel's last word.
  //
  // Errors: what the kernel told of the connection meanwhile (connection_reset), not_enough_memory;
  // the connection is then closed. function_not_supported where a system binds a socket to the
  // queue it was first used with, and cannot take it back: then it stays open, and works on.
  Result<Released> release() noexcept;

  // Sets an option; see SocketOption. Errors: those of setsockopt(2).
  Result<> set(SocketOption::Name option, int value) noexcept;

  // Errors: those of getsockname(2) and getpeername(2), not_connected.
  Result<Address> local_address() const noexcept;
  Result<Address> peer_address() const noexcept;

  // The socket, for what vigil does not do itself. It stays the stream's.
  NativeHandle native_handle() noexcept {
    descriptor_->ready |= kShared;  // who has the number may duplicate it
    return descriptor_->handle;
  }
  // Four bytes of the user's that stay with the connection, also while it hibernates (serve_turns):
  // a number, or an index into a table of his own. 0 at first.
  std::uint32_t& context() noexcept { return descriptor_->context; }
  // False once it was closed, released or moved from: then only these may be called, and the
  // destructor.
  bool is_open() const noexcept { return descriptor_ != nullptr; }
  // For the floors above: what the loop's engine knows it by; and the same, which is the caller's
  // from then on.
  Descriptor* descriptor() const noexcept { return descriptor_; }
  Descriptor* take_descriptor() noexcept { return std::exchange(descriptor_, nullptr); }

 private:
  Descriptor* descriptor_ = nullptr;
};

class [[nodiscard("co_await it")]] TcpStream::SendAs {
 public:
  SendAs(Opcode code, Descriptor* on, ByteView bytes) noexcept
      : code_(code), on_(on), bytes_(bytes) {
    check(bytes.size() <= 0x7fff'0000,
          "send_more and send_zero_copy take at most 2 GiB in one call: send the rest in another");
  }
  detail::DoneAwaiter bind(Node& node) const noexcept {
    node.on = on_;
    node.data = const_cast<std::byte*>(bytes_.data());
    node.size = static_cast<std::uint32_t>(bytes_.size());
    node.code = code_;
    return detail::DoneAwaiter(node);
  }

 private:
  Opcode code_;
  Descriptor* on_;
  ByteView bytes_;
};

inline TcpStream::SendAs TcpStream::send_more(ByteView bytes) noexcept {
  return SendAs(Opcode::send_more, descriptor_, bytes);
}

inline TcpStream::SendAs TcpStream::send_zero_copy(ByteView bytes) noexcept {
  return SendAs(Opcode::send_zero_copy, descriptor_, bytes);
}

// How a listener is opened (socket(7), listen(2)).
struct ListenOptions {
  int backlog = 4096;       // connections that wait to be accepted; the system's limit may be lower
  bool reuse_port = false;  // SO_REUSEPORT: several listeners share the port
  bool shared = false;     // several loops or processes wait on this one socket: exclusive wake-ups
  std::uint32_t mode = 0;  // permissions of a local path, set before anybody can connect; 0: umask
  bool only_ipv6 = false;  // [::] otherwise takes IPv4 too
  // SO_BUSY_POLL of the listener and of every connection that it accepts, in whole microseconds:
  // the kernel asks the network card for so long before a wait sleeps. Zero: as the system is set.
  // Connections within a machine pass no card, and show no effect.
  Nanos busy_poll{};
};

namespace detail {

class Reserve;

// What a listener of several shards has on one of them (runtime/accept.hpp).
struct ListenerShare {
  Address address;
  // Connections that another shard accepted; null: the listener has a socket of its own.
  ShardChannel<NativeHandle>* handed = nullptr;
  // Written by its loop, read by any.
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> exhausted{0};  // as in ServeFigures
  std::atomic<std::uint64_t> refused{0};
};

}  // namespace detail

// Accepts streams. Move-only; used on its loop's thread. The destructor closes it; a local path
// stays on the disk.
class TcpListener {
 public:
  TcpListener() noexcept = default;
  TcpListener(TcpListener&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, nullptr)),
        share_(std::exchange(other.share_, nullptr)),
        adopted_(other.adopted_) {}
  TcpListener& operator=(TcpListener&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, nullptr);
      share_ = std::exchange(other.share_, nullptr);
      adopted_ = other.adopted_;
    }
    return *this;
  }
  ~TcpListener() { close(); }

  // Bound and listening when it returns; port 0 takes a free one, which local_address() tells. A
  // local path on which nobody listens any more is taken over; one that is no socket stays. Errors:
  // address_in_use, permission_denied (a port below 1024), address_not_available, EMFILE,
  // operation_not_permitted (`busy_poll` is more than net.core.busy_poll, without CAP_NET_ADMIN).
  static Result<TcpListener> listen(
      const Address& at, ListenOptions options = {},
      std::source_location where = std::source_location::current()) noexcept;
  // Takes over a listening stream socket that was made elsewhere (a parent's, socket activation).
  // Errors: not_a_socket, invalid_argument, EMFILE; the handle then stays the caller's.
  static Result<TcpListener> adopt(
      NativeHandle handle, std::source_location where = std::source_location::current()) noexcept;

  // co_await: Result<TcpStream>. The next connection; `peer`, if given, is told who came. Errors:
  // too_many_files_open and others of accept4(2) (the connection stays in the backlog: wait before
  // asking again), not_enough_memory, operation_canceled; broken_pipe: the shard that accepts for
  // this one has ended that, and all that it had handed over was accepted.
  class Accept;
  Accept accept(Address* peer = nullptr) noexcept;

  // With the port that was taken. Errors: those of getsockname(2).
  Result<Address> local_address() const noexcept;
  // Takes no new connection: those in the backlog, and whose handshake has begun, can still be
  // accepted. Who asks from now on is not answered (on a local path: refused), and is refused once
  // the listener is closed. So: refuse(), accept until nothing comes, close(), and nobody who was
  // let in is left without an answer. No effect on a listener whose connections another shard
  // accepts. Errors: no_protocol_option where the system has nothing for it, and for a listener
  // that was adopted: whoever made its socket may go on with it, and would be deaf.
  Result<> refuse() noexcept;
  // A connection that was accepted ahead of who asks, as a ring does; from now on none is. Nothing
  // waits. Before close() where others accept from the same socket: what is this listener's alone
  // would be reset. Errors: resource_unavailable_try_again (there is none).
  Result<TcpStream> take_accepted(
      std::source_location where = std::source_location::current()) noexcept;
  // Closes at once: who waits in the backlog is reset. Idempotent.
  void close() noexcept {
    if (descriptor_ != nullptr) {
      Loop::current()->detach(*std::exchange(descriptor_, nullptr));
    }
    if (share_ != nullptr) {
      leave_share();
    }
  }
  // Hands the open socket over: the caller closes it. Not of a listener whose connections another
  // shard accepts, which has none.
  NativeHandle release() noexcept {
    return Loop::current()->release(*std::exchange(descriptor_, nullptr));
  }
  // Another handle of the same socket, closed on exec, which is the caller's: for a loop or process
  // that is to accept from it as well (adopt it there). Not of a listener whose connections another
  // shard accepts. Errors: EMFILE.
  Result<NativeHandle> duplicate() noexcept;
  // The socket, for what vigil does not do itself. It stays the listener's.
  NativeHandle native_handle() noexcept {
    descriptor_->ready |= kShared;
    return descriptor_->handle;
  }
  bool is_open() const noexcept { return descriptor_ != nullptr || share_ != nullptr; }
  // Whether it accepts by itself: not one whose connections another shard accepts.
  bool has_socket() const noexcept { return descriptor_ != nullptr; }

 private:
  friend class Acceptors;
  friend class detail::Reserve;
  explicit TcpListener(Descriptor* descriptor, detail::ListenerShare* share = nullptr) noexcept
      : descriptor_(descriptor), share_(share) {}
  void leave_share() noexcept;

  Descriptor* descriptor_ = nullptr;
  detail::ListenerShare* share_ = nullptr;
  bool adopted_ = false;
};

class [[nodiscard("co_await it")]] TcpListener::Accept {
 public:
  Accept(Descriptor* on, detail::ListenerShare* share, Address* peer) noexcept
      : on_(on), share_(share), args_{peer != nullptr ? &peer->name() : nullptr} {}
  class Awaiter {
   public:
    Awaiter(Node& node, Accept& accept) noexcept : node_(node), accept_(accept) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle) noexcept {
      if (accept_.on_ == nullptr && accept_.share_ != nullptr) {
        return accept_.share_->handed->suspend(node_, handed_);
      }
      return detail::OpAwaiter(node_).await_suspend(handle);
    }
    Result<TcpStream> await_resume() const noexcept {
      return accept_.accepted(handed_ ? *handed_ : node_.result, node_.where);
    }

   private:
    Node& node_;
    Accept& accept_;
    std::optional<NativeHandle> handed_;
  };
  Awaiter bind(Node& node) noexcept {
    node.on = on_;
    node.data = reinterpret_cast<std::byte*>(&args_);
    node.code = Opcode::accept;
    return Awaiter(node, *this);
  }

 private:
  friend class TcpListener;
  Result<TcpStream> accepted(std::int32_t handle, std::source_location where) const noexcept;
  Descriptor* on_;
  detail::ListenerShare* share_;
  AcceptArgs args_;
};

inline TcpListener::Accept TcpListener::accept(Address* peer) noexcept {
  return Accept(descriptor_, share_, peer);
}

}  // namespace vigil

// UdpSocket: datagrams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "vigil/base/bytes.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/stream.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/net/address.hpp"

namespace vigil {

// How a socket is bound (socket(7)).
struct UdpOptions {
  bool reuse_port =
      false;               // SO_REUSEPORT: several sockets share the port, each peer stays with one
  bool only_ipv6 = false;  // [::] otherwise takes IPv4 too
};

// A datagram as it came.
struct Received {
  std::size_t size = 0;    // bytes in the room; zero is a datagram too
  bool truncated = false;  // it was longer than the room: the rest is lost
  Address from;            // empty if the sender has no name (a local socket that is not bound)
};

// A datagram socket: UDP, or a local one. Move-only, one pointer; used on its loop's thread; the
// destructor closes it. One task may receive while another sends; two of a kind at once are a
// check.
//
// Cancel ends any await with operation_canceled: no datagram was taken or sent.
class UdpSocket {
 public:
  UdpSocket() noexcept = default;
  UdpSocket(UdpSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  UdpSocket& operator=(UdpSocket&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, nullptr);
    }
    return *this;
  }
  ~UdpSocket() { close(); }

  // Bound when it returns; port 0 takes a free one, which local_address() tells. Errors:
  // address_in_use, address_not_available, permission_denied (a port below 1024), EMFILE.
  static Result<UdpSocket> bind(const Address& at, UdpOptions options = {}) noexcept;

  // A socket that exchanges datagrams with `peer` alone, from a port of its own. A refusal by the
  // peer's machine (ICMP) becomes an error of a later call. Errors: network_unreachable, EMFILE.
  static Task<Result<UdpSocket>> connect(Address peer);

  // The same for a socket that is bound.
  // co_await: Result<>. Errors: network_unreachable, operation_canceled.
  class Connect;
  Connect connect_to(const Address& peer) noexcept;

  // co_await: Result<Received>. The next datagram, in `room`, which is borrowed until then. Errors:
  // connection_refused (of a connected socket: nobody listens there), no_memory.
  class ReceiveFrom;
  ReceiveFrom receive_from(std::span<std::byte> room) noexcept;

  // co_await: Result<>. Sends `bytes` as one datagram, whole or not at all; waits while the
  // socket's buffer is full. Errors: message_size (longer than 65,507 bytes, or than what the path
  // takes), connection_refused, network_unreachable, permission_denied (broadcast).
  class SendTo;
  SendTo send_to(ByteView bytes, const Address& peer) noexcept;
  // The same to the peer it is connected to. Errors: destination_address_required if to none.
  SendTo send(ByteView bytes) noexcept;

  // Errors: those of getsockname(2) and getpeername(2), not_connected.
  Result<Address> local_address() const noexcept;
  Result<Address> peer_address() const noexcept;
  // Sets an option; see SocketOption. Errors: those of setsockopt(2).
  Result<> set(SocketOption::Name option, int value) noexcept;

  // Closes at once. Idempotent.
  void close() noexcept {
    if (descriptor_ != nullptr) {
      Loop::current()->detach(*std::exchange(descriptor_, nullptr));
    }
  }
  // The socket, for what vigil does not do itself. It stays this object's.
  NativeHandle native_handle() noexcept {
    descriptor_->ready |= kShared;
    return descriptor_->handle;
  }
  bool is_open() const noexcept { return descriptor_ != nullptr; }

 private:
  explicit UdpSocket(Descriptor* descriptor) noexcept : descriptor_(descriptor) {}

  Descriptor* descriptor_ = nullptr;
};

class [[nodiscard("co_await it")]] UdpSocket::Connect {
 public:
  Connect(Descriptor* on, const Address& peer) noexcept : on_(on), peer_(peer) {}
  detail::DoneAwaiter bind(Node& node) noexcept {
    node.on = on_;
    node.data = reinterpret_cast<std::byte*>(&peer_.name());
    node.code = Opcode::connect;
    return detail::DoneAwaiter(node);
  }

 private:
  Descriptor* on_;
  Address peer_;
};

class [[nodiscard("co_await it")]] UdpSocket::ReceiveFrom {
 public:
  ReceiveFrom(Descriptor* on, std::span<std::byte> room) noexcept
      : on_(on), datagram_{.data = room.data(), .size = room.size(), .peer = &from_.name()} {}
  ReceiveFrom(const ReceiveFrom&) = delete;  // it points into itself
  ReceiveFrom& operator=(const ReceiveFrom&) = delete;

  class Awaiter : public detail::OpAwaiter {
   public:
    Awaiter(Node& node, const ReceiveFrom& what) noexcept : OpAwaiter(node), what_(what) {}
    Result<Received> await_resume() const noexcept {
      const std::int32_t got = OpAwaiter::await_resume();
      if (got < 0) {
        return failed(got);
      }
      return Received{.size = static_cast<std::size_t>(got),
                      .truncated = what_.datagram_.truncated,
                      .from = what_.from_};
    }

   private:
    const ReceiveFrom& what_;
  };
  Awaiter bind(Node& node) noexcept {
    node.on = on_;
    node.data = reinterpret_cast<std::byte*>(&datagram_);
    node.code = Opcode::receive_from;
    return Awaiter(node, *this);
  }

 private:
  Descriptor* on_;
  Address from_;
  Datagram datagram_;
};

class [[nodiscard("co_await it")]] UdpSocket::SendTo {
 public:
  SendTo(Descriptor* on, ByteView bytes, const Address* peer) noexcept
      : on_(on),
        to_(peer != nullptr ? *peer : Address()),
        datagram_{.data = const_cast<std::byte*>(bytes.data()),
                  .size = bytes.size(),
                  .peer = peer != nullptr ? &to_.name() : nullptr} {}
  SendTo(const SendTo&) = delete;  // it points into itself
  SendTo& operator=(const SendTo&) = delete;
  detail::DoneAwaiter bind(Node& node) noexcept {
    node.on = on_;
    node.data = reinterpret_cast<std::byte*>(&datagram_);
    node.code = Opcode::send_to;
    return detail::DoneAwaiter(node);
  }

 private:
  Descriptor* on_;
  Address to_;
  Datagram datagram_;
};

inline UdpSocket::Connect UdpSocket::connect_to(const Address& peer) noexcept {
  return {descriptor_, peer};
}
inline UdpSocket::ReceiveFrom UdpSocket::receive_from(std::span<std::byte> room) noexcept {
  return {descriptor_, room};
}
inline UdpSocket::SendTo UdpSocket::send_to(ByteView bytes, const Address& peer) noexcept {
  return {descriptor_, bytes, &peer};
}
inline UdpSocket::SendTo UdpSocket::send(ByteView bytes) noexcept {
  return {descriptor_, bytes, nullptr};
}

}  // namespace vigil

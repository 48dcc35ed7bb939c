// The awaits of the fast path: receive a lease, send bytes. Tried where they are awaited; parked if
// they would wait.
#pragma once

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "vigil/base/bytes.hpp"
#include "vigil/base/check.hpp"
#include "vigil/base/result.hpp"
#include "vigil/loop/arguments.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {

// Bytes in a buffer of the loop's pool, which its destructor gives back. Move-only, 16 bytes. On
// its loop's thread alone. A stream may lend several; all that a loop has lent together are bounded
// by LoopOptions::lease_bytes, beyond which receives wait.
class Lease {
 public:
  Lease() noexcept : data_(nullptr), size_(0) {}
  Lease(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}
  Lease(Lease&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      drop();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~Lease() { drop(); }

  // No bytes: the peer has ended its side.
  bool empty() const noexcept { return size_ == 0; }
  ByteView bytes() const noexcept { return {data_, size_}; }
  // The same bytes, to be changed in place.
  std::span<std::byte> writable() noexcept { return {data_, size_}; }
  // Makes it lend `bytes`, at most kRoom, in place of what it lends now, in the same buffer: a copy
  // of them. They may not lie in it. Not when it is empty: then it has no buffer.
  static constexpr std::size_t kRoom = Buffers::kSize;
  void refill(ByteView bytes) noexcept {
    data_ = Buffers::first_of(data_);
    size_ = bytes.size();
    std::memcpy(data_, bytes.data(), size_);
  }

 private:
  void drop() noexcept {
    if (data_ != nullptr) {
      Loop* loop = Loop::current();
      check(
          loop != nullptr,
          "a lease was dropped on a thread without a loop: give it back on the loop that lent it");
      loop->buffers().give(data_);
    }
  }

  std::byte* data_;
  std::size_t size_;
};

namespace detail {

// `co_await Operation(...)`: any operation whose outcome is its result.
class OpAwaiter {
 public:
  explicit OpAwaiter(Node& node) noexcept : node_(node) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) noexcept {
    if ((node_.flags & kCancelled) != 0) {
      node_.result = -ECANCELED;
      return false;
    }
    if (node_.on != nullptr) {
      Loop::current()->check_home(*node_.on, node_.where);
    }
    return Loop::current()->start(node_);
  }
  std::int32_t await_resume() const noexcept { return node_.result; }

 private:
  Node& node_;
};

// The same for what is only done or not.
class DoneAwaiter : public OpAwaiter {
 public:
  using OpAwaiter::OpAwaiter;
  Result<> await_resume() const noexcept {
    const std::int32_t result = OpAwaiter::await_resume();
    return result < 0 ? Result<>(failed(result)) : Result<>();
  }
};

class Operation {
 public:
  Operation(Opcode code, Descriptor* on, void* data, std::uint32_t size = 0,
            std::uint16_t detail = 0) noexcept
      : on_(on), data_(static_cast<std::byte*>(data)), size_(size), detail_(detail), code_(code) {}
  OpAwaiter bind(Node& node) const noexcept {
    node.on = on_;
    node.data = data_;
    node.size = size_;
    node.detail = detail_;
    node.code = code_;
    return OpAwaiter(node);
  }

 private:
  Descriptor* on_;
  std::byte* data_;
  std::uint32_t size_;
  std::uint16_t detail_;
  Opcode code_;
};

// The two awaits of the fast path are bases of every task's promise: an await of one keeps no
// pointer in the frame, and its fields are at fixed places. Each hides the other's functions;
// bind() picks the one that is meant.
class ReceiveAwaiter : public Node {
 public:
  ReceiveAwaiter() noexcept = default;
  ReceiveAwaiter(const ReceiveAwaiter&) = delete;  // the kernel's side holds its address
  ReceiveAwaiter& operator=(const ReceiveAwaiter&) = delete;
  bool await_ready() const noexcept { return false; }
  [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<>) noexcept {
    if ((flags & kMayBegin) != on->home) [[unlikely]] {
      return refuse();
    }
    if ((on->ready & ~std::uint32_t{kWritable}) == 0) [[likely]] {
      // Nothing is there, and an event will say when: park, without a call.
      state = OpState::in_flight;
      on->ready |= kReceiving;
      on->reader = this;
      return true;
    }
    return Loop::current()->start(*this);
  }
  [[gnu::always_inline]] Result<Lease> await_resume() noexcept {
    // Built in place: an object on the stack would cost every resumption a stack protector.
    if (result > 0) [[likely]] {
      return Result<Lease>(std::in_place, data, static_cast<std::size_t>(result));
    }
    if (result == 0) {
      return Result<Lease>(std::in_place);
    }
    return failed(result);
  }

 protected:
  // Cancelled, or on another loop than the stream's, which is a check. False, for both awaits.
  [[gnu::noinline, gnu::cold]] bool refuse() noexcept {
    Loop::current()->check_home(*on, where);
    result = -ECANCELED;
    return false;
  }
};

class SendAwaiter : public ReceiveAwaiter {
 public:
  [[gnu::always_inline]] bool await_ready() noexcept {
    if ((flags & kMayBegin) != on->home) [[unlikely]] {
      return !refuse();
    }
    if ((on->ready & (kWritable | kPlain)) != kWritable) [[unlikely]] {
      return false;
    }
    Loop& loop = *Loop::current();
    const std::int32_t sent = loop.syscalls().send(on->handle, data, size);
    if (sent != static_cast<std::int32_t>(size)) [[unlikely]] {
      return sent_in_part(sent);
    }
    result = 0;
    size = 0;
    if (!loop.may_go_on()) [[unlikely]] {
      return false;
    }
    loop.count(Opcode::send);
    return true;
  }
  bool await_suspend(std::coroutine_handle<>) noexcept {
    Loop& loop = *Loop::current();
    if (size == 0) {
      result = 0;
      loop.defer_spent(*this);  // all sent, but this resumption has had its share
      return true;
    }
    return loop.start(*this);
  }
  [[gnu::always_inline]] Result<> await_resume() const noexcept {
    if (result >= 0) [[likely]] {
      return {};
    }
    return failed(result);
  }

 private:
  // Whether it ended: with an error, which the kernel tells once, so it is not asked again.
  [[gnu::noinline, gnu::cold]] bool sent_in_part(std::int32_t sent) noexcept {
    if (sent > 0) {
      data += sent;
      size -= static_cast<std::uint32_t>(sent);
      return false;
    }
    result = sent;
    return sent != -EAGAIN && sent != -EINTR;
  }
};

// What bind() returns for them. GCC 12 copies an awaiter that it is given by reference into the
// frame, so there a pointer goes in its place.
#if defined(__clang__)
template <class A>
using InPlace = A&;
#else
template <class A>
class InPlace {
 public:
  InPlace(A& awaiter) noexcept : awaiter_(awaiter) {}  // NOLINT: implicit, as a reference is
  [[gnu::always_inline]] bool await_ready() noexcept { return awaiter_.await_ready(); }
  [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<> handle) noexcept {
    return awaiter_.await_suspend(handle);
  }
  [[gnu::always_inline]] auto await_resume() noexcept { return awaiter_.await_resume(); }

 private:
  A& awaiter_;
};
#endif

}  // namespace detail

// What `receive()` and `send()` of a stream return; await them.
class [[nodiscard("co_await it")]] Receive {
 public:
  explicit Receive(Descriptor* on) noexcept : on_(on) {}
  [[gnu::always_inline]] detail::InPlace<detail::ReceiveAwaiter> bind(Node& node) const noexcept {
    node.on = on_;
    node.code = Opcode::receive;
    return static_cast<detail::SendAwaiter&>(node);
  }

 private:
  Descriptor* on_;
};

// What `read()` of a stream returns: the count, at least one unless the peer has ended (0) or the
// room is empty.
class [[nodiscard("co_await it")]] Read {
 public:
  Read(Descriptor* on, std::span<std::byte> room) noexcept : on_(on), room_(room) {}
  class Awaiter : public detail::OpAwaiter {
   public:
    using OpAwaiter::OpAwaiter;
    Result<std::size_t> await_resume() const noexcept {
      const std::int32_t got = OpAwaiter::await_resume();
      if (got < 0) {
        return failed(got);
      }
      return static_cast<std::size_t>(got);
    }
  };
  Awaiter bind(Node& node) const noexcept {
    node.on = on_;
    node.data = room_.data();
    node.size = static_cast<std::uint32_t>(std::min<std::size_t>(room_.size(), 0x7fff'0000));
    node.code = Opcode::read;
    return Awaiter(node);
  }

 private:
  Descriptor* on_;
  std::span<std::byte> room_;
};

// What `send()` of several spans returns; they are consumed from the front.
class [[nodiscard("co_await it")]] SendAll {
 public:
  SendAll(Descriptor* on, std::span<ByteView> parts) noexcept : on_(on), parts_{parts} {}
  detail::DoneAwaiter bind(Node& node) noexcept {
    node.on = on_;
    node.data = reinterpret_cast<std::byte*>(&parts_);
    node.code = Opcode::send_many;
    return detail::DoneAwaiter(node);
  }

 private:
  Descriptor* on_;
  SendMany parts_;
};

class [[nodiscard("co_await it")]] Send {
 public:
  Send(Descriptor* on, ByteView bytes) noexcept : on_(on), bytes_(bytes) {
    check(bytes.size() <= 0x7fff'0000,
          "send takes at most 2 GiB in one call: send the rest in another");
  }
  [[gnu::always_inline]] detail::InPlace<detail::SendAwaiter> bind(Node& node) const noexcept {
    node.on = on_;
    node.data = const_cast<std::byte*>(bytes_.data());
    node.size = static_cast<std::uint32_t>(bytes_.size());
    node.code = Opcode::send;
    return static_cast<detail::SendAwaiter&>(node);
  }

 private:
  Descriptor* on_;
  ByteView bytes_;
};

}  // namespace vigil

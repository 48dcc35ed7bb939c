// Channel<T>: values from tasks to tasks of one loop, in order, with a bound.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "vigil/base/check.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/sync.hpp"

namespace vigil {

namespace detail {

// Where a waiting task keeps its end of a channel. An Opcode::wait has no descriptor, so its place
// is free for this.
inline void keep_slot(Op& op, void* slot) noexcept { op.on = static_cast<Descriptor*>(slot); }
template <class T>
T& slot_of(const Op& op) noexcept {
  return *static_cast<T*>(static_cast<void*>(op.on));
}

}  // namespace detail

// Any number of senders and receivers, each in the order in which they came. A value is handed over
// when both sides are there: to the receiver that waits longest, else into the channel, which holds
// `capacity` values; then senders wait. Capacity 0: each send waits for its receiver.
//
// Cancel loses no value: a send that ends with an error has left its value where it was, and a
// receive that was cancelled has taken none. A hand-over that came before a cancel stands.
//
// T moves without exceptions. On its loop's thread alone; destroyed when nobody waits.
template <class T>
class Channel {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>,
                "a channel's values are moved while nobody can be told of an exception");

 public:
  explicit Channel(std::size_t capacity) noexcept : capacity_(capacity) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    check(senders_.empty() && receivers_.empty(),
          "a Channel was destroyed while a task waits on it: close() it and let them end first");
  }

  // co_await: Result<>. `value` is moved from when it was accepted, and left as it was on an error;
  // it must stay until then. Errors: broken_pipe (closed), operation_canceled, not_enough_memory.
  class Send;
  Send send(T&& value) noexcept { return Send(*this, value); }
  Send send(const T& value) =
      delete;  // say what happens to it: send(T(value)) or send(move(value))

  // co_await: Result<T>. Errors: broken_pipe (closed, and everything was received),
  // operation_canceled.
  class Receive;
  Receive receive() noexcept { return Receive(*this); }

  // Sends if that needs no wait: whether it did. `value` is left as it was if not.
  bool try_send(T&& value) noexcept { return !closed_ && place(value); }
  // Receives if that needs no wait.
  std::optional<T> try_receive() noexcept {
    std::optional<T> value;
    fetch(value);
    return value;
  }

  // No value enters any more: senders that wait end with broken_pipe, and so do receivers once what
  // is inside was received. Idempotent; runs nobody.
  void close() noexcept {
    closed_ = true;
    for (WaitList* line : {&senders_, &receivers_}) {
      while (Op* op = line->pop()) {
        Loop::current()->finish(*op, -EPIPE);
      }
    }
  }
  bool is_closed() const noexcept { return closed_; }
  std::size_t size() const noexcept { return values_ ? values_->size() : 0; }  // values inside
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  // Hands `value` to a receiver, or keeps it. False: no room, or no memory for it.
  bool place(T& value) noexcept {
    if (Op* receiver = receivers_.pop()) {
      detail::slot_of<std::optional<T>>(*receiver).emplace(std::move(value));
      Loop::current()->finish(*receiver, 0);
      return true;
    }
    return size() < capacity_ && keep(value);
  }

  bool keep(T& value) noexcept {
    try {
      if (!values_) {
        values_.emplace();
      }
      values_->push_back(std::move(value));
      return true;
    } catch (const std::bad_alloc&) {
      return false;  // the deque grows before it moves: `value` is whole
    }
  }

  // Takes the oldest value, and lets the sender that waits longest fill its place.
  bool fetch(std::optional<T>& into) noexcept {
    Op* sender = senders_.first;
    if (size() != 0) {
      into.emplace(std::move(values_->front()));
      values_->pop_front();
      if (sender != nullptr && keep(detail::slot_of<T>(*sender))) {
        detail::grant(senders_);
      }
      return true;
    }
    if (sender != nullptr) {
      into.emplace(std::move(detail::slot_of<T>(*sender)));
      detail::grant(senders_);
      return true;
    }
    return false;
  }

  std::size_t capacity_;
  bool closed_ = false;
  std::optional<std::deque<T>> values_;  // from the first that is kept on: an empty one has memory
  WaitList senders_;                     // slots: T, in the sender's hands
  WaitList receivers_;                   // slots: std::optional<T>, in the awaiting frame
};

template <class T>
class [[nodiscard("co_await it")]] Channel<T>::Send {
 public:
  Send(Channel& to, T& value) noexcept : to_(to), value_(value) {}
  class Awaiter {
   public:
    Awaiter(Node& node, Channel& to, T& value) noexcept : node_(node), to_(to), value_(value) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) noexcept {
      if ((node_.flags & kCancelled) != 0 || to_.closed_) {
        node_.result = (node_.flags & kCancelled) != 0 ? -ECANCELED : -EPIPE;
        return false;
      }
      if (to_.senders_.empty() && to_.place(value_)) {
        node_.result = 0;
        return !Loop::current()->spend(node_);
      }
      if (to_.size() == 0 && to_.capacity_ != 0) {
        node_.result = -ENOMEM;  // nobody would make room
        return false;
      }
      detail::keep_slot(node_, &value_);
      node_.code = Opcode::wait;
      node_.data = reinterpret_cast<std::byte*>(&to_.senders_);
      node_.state = OpState::in_flight;
      to_.senders_.push(node_);
      return true;
    }
    Result<> await_resume() const noexcept {
      return node_.result < 0 ? Result<>(failed(node_.result)) : Result<>();
    }

   private:
    Node& node_;
    Channel& to_;
    T& value_;
  };
  Awaiter bind(Node& node) const noexcept { return Awaiter(node, to_, value_); }

 private:
  Channel& to_;
  T& value_;
};

template <class T>
class [[nodiscard("co_await it")]] Channel<T>::Receive {
 public:
  explicit Receive(Channel& from) noexcept : from_(from) {}
  class Awaiter {
   public:
    Awaiter(Node& node, Channel& from) noexcept : node_(node), from_(from) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) noexcept {
      if ((node_.flags & kCancelled) != 0) {
        node_.result = -ECANCELED;
        return false;
      }
      if (from_.receivers_.empty() && from_.fetch(value_)) {
        node_.result = 0;
        return !Loop::current()->spend(node_);
      }
      if (from_.closed_) {
        node_.result = -EPIPE;
        return false;
      }
      detail::keep_slot(node_, &value_);
      node_.code = Opcode::wait;
      node_.data = reinterpret_cast<std::byte*>(&from_.receivers_);
      node_.state = OpState::in_flight;
      from_.receivers_.push(node_);
      return true;
    }
    Result<T> await_resume() noexcept {
      if (!value_) {
        return failed(node_.result);
      }
      return std::move(*value_);
    }

   private:
    Node& node_;
    Channel& from_;
    std::optional<T> value_;
  };
  Awaiter bind(Node& node) const noexcept { return Awaiter(node, from_); }

 private:
  Channel& from_;
};

}  // namespace vigil

// ShardChannel<T>: values from tasks of one loop to tasks of another, in order, with a bound. One
// wake for many.
#pragma once

#include <atomic>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "vigil/base/check.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/channel.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/loop/op.hpp"

namespace vigil {

namespace detail {

// The tasks of one loop that wait for what another loop does, and the letter by which that one
// wakes them all. The letter is under way once at most; what is done meanwhile is seen when it
// comes.
class FarWaiters : public Op {
 public:
  FarWaiters() noexcept { code = Opcode::letter; }
  FarWaiters(const FarWaiters&) = delete;
  FarWaiters& operator=(const FarWaiters&) = delete;

  // On the loop of those who wait. True: look once more at what is waited for, which may have come
  // before anybody could know of the wait; and then take_back().
  bool arm() noexcept {
    Loop* here = Loop::current();
    check(
        loop_ == nullptr || loop_ == here,
        "one end of a ShardChannel was used on two loops: it has one loop that sends and one that "
        "receives");
    if (loop_ == nullptr) {
      loop_ = here;  // once: a letter that is under way reads it
    }
    State seen = State::idle;
    return state_.compare_exchange_strong(seen, State::waiting);
  }
  // Nobody need be woken after all. False: a letter is under way, and does what is left.
  bool take_back() noexcept {
    State seen = State::waiting;
    return state_.compare_exchange_strong(seen, State::idle);
  }
  // The letter came.
  void opened() noexcept { state_.store(State::idle); }
  // On any loop, after what is waited for was done. Whether the letter goes out: then send() it.
  bool wanted() noexcept {
    State seen = State::waiting;
    return state_.load() == State::waiting && state_.compare_exchange_strong(seen, State::posted);
  }
  void send() noexcept { loop_->post(*this); }

  WaitList line;

 private:
  enum class State : std::uint8_t { idle, waiting, posted };

  std::atomic<State> state_{State::idle};
  Loop* loop_ = nullptr;  // read by others once they saw `waiting`
};

}  // namespace detail

// Any number of tasks of one loop send, any number of another's (or the same one's) receive, each
// in the order in which they came. It holds `capacity` values; then senders wait, under their
// deadlines. Which loops these are, their first wait says.
//
// Cancel loses no value: a send that ends with an error has left its value where it was, and a
// receive that was cancelled has taken none.
//
// T moves without exceptions, and what it owns must not care on which thread it is used: no stream,
// lease or task (release() a stream first). It is destroyed when nobody waits on it, on any thread;
// both loops must live until then.
template <class T>
class ShardChannel {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "a channel's values are moved while nobody can be told of an exception");

 public:
  explicit ShardChannel(std::size_t capacity) : core_(new Core(capacity == 0 ? 1 : capacity)) {}
  ShardChannel(const ShardChannel&) = delete;
  ShardChannel& operator=(const ShardChannel&) = delete;
  ~ShardChannel() { core_->drop(); }

  // co_await: Result<>. `value` is moved from when there was room for it, and left as it was on an
  // error; it must stay until then. Errors: broken_pipe (closed), operation_canceled,
  // not_enough_memory.
  class Send;
  Send send(T&& value) noexcept { return Send(*core_, value); }

  // co_await: Result<T>. Errors: broken_pipe (closed, and everything was received),
  // operation_canceled.
  class Receive;
  Receive receive() noexcept { return Receive(*core_); }

  // Sends if that needs no wait: whether it did. The sending loop.
  bool try_send(T&& value) noexcept {
    return core_->senders.line.empty() && !core_->closed.load() && core_->push(value) == 0;
  }
  // Receives if that needs no wait. The receiving loop.
  std::optional<T> try_receive() noexcept {
    std::optional<T> value;
    core_->pop(value);
    return value;
  }

  // Any thread. No value enters any more: senders that wait end with broken_pipe, and so do
  // receivers once what is inside was received. Idempotent.
  void close() noexcept {
    core_->closed.store(true);
    core_->wake(core_->receivers);
    core_->wake(core_->senders);
  }
  // For an awaiter of another kind: receives into `value`, which stays, or puts `node` among those
  // who wait; whether it suspends.
  bool suspend(Node& node, std::optional<T>& value) noexcept { return core_->suspend(node, value); }
  bool is_closed() const noexcept { return core_->closed.load(); }
  // Any thread: values inside, a moment ago.
  std::size_t size() const noexcept { return core_->size(); }
  std::size_t capacity() const noexcept { return core_->capacity; }

 private:
  // What letters under way keep alive, too.
  struct Core {
    struct Side : detail::FarWaiters {
      Core* core = nullptr;
    };
    union Slot {
      Slot() noexcept {}
      ~Slot() {}
      T value;
    };

    explicit Core(std::size_t room) noexcept : capacity(room) {
      senders.core = receivers.core = this;
      senders.complete = [](Op& op) { opened(static_cast<Side&>(op), &Core::serve_senders); };
      receivers.complete = [](Op& op) { opened(static_cast<Side&>(op), &Core::serve_receivers); };
    }
    ~Core() {
      for (std::optional<T> left; pop(left); left.reset()) {
      }
    }

    // A letter of a loop that was abandoned comes with an error.
    static void opened(Side& side, void (Core::*serve)() noexcept) noexcept {
      Core* core = side.core;
      if (side.result >= 0) {
        side.opened();
        (core->*serve)();
      }
      core->drop();
    }
    void drop() noexcept {
      if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete this;
      }
    }
    void wake(Side& side) noexcept {
      if (side.wanted()) {
        references.fetch_add(1, std::memory_order_relaxed);
        side.send();
      }
    }
    std::size_t size() const noexcept {
      const std::size_t taken = head.load();
      return tail.load() - taken;
    }

    // The sending loop: 0, -EAGAIN (no room), -ENOMEM. Wakes a receiver.
    std::int32_t push(T& value) noexcept {
      if (!slots) {
        slots.reset(new (std::nothrow) Slot[capacity]);
        if (!slots) {
          return -ENOMEM;
        }
      }
      const std::size_t at = tail.load(std::memory_order_relaxed);
      if (at - head.load() == capacity) {
        return -EAGAIN;
      }
      ::new (static_cast<void*>(&slots[at % capacity].value)) T(std::move(value));
      tail.store(at + 1);
      wake(receivers);
      return 0;
    }
    // The receiving loop. Wakes a sender.
    bool pop(std::optional<T>& into) noexcept {
      const std::size_t at = head.load(std::memory_order_relaxed);
      if (at == tail.load()) {
        return false;
      }
      T& value = slots[at % capacity].value;
      into.emplace(std::move(value));
      value.~T();
      head.store(at + 1);
      wake(senders);
      return true;
    }

    // Receives into `value`, or waits for it. Whether the task suspends.
    bool suspend(Node& node, std::optional<T>& value) noexcept {
      if ((node.flags & kCancelled) != 0) {
        node.result = -ECANCELED;
        return false;
      }
      if (receivers.line.empty() && pop(value)) {
        node.result = 0;
        return !Loop::current()->spend(node);
      }
      detail::keep_slot(node, &value);
      node.code = Opcode::wait;
      node.data = reinterpret_cast<std::byte*>(&receivers.line);
      node.state = OpState::in_flight;
      receivers.line.push(node);
      serve_receivers();
      return true;
    }

    void serve_senders() noexcept {
      do {
        while (Op* first = senders.line.first) {
          const std::int32_t pushed = closed.load() ? -EPIPE : push(detail::slot_of<T>(*first));
          if (pushed == -EAGAIN) {
            break;
          }
          Loop::current()->finish(*senders.line.pop(), pushed);
        }
      } while (!senders.line.empty() && senders.arm() && may_send() && senders.take_back());
    }
    void serve_receivers() noexcept {
      do {
        while (Op* first = receivers.line.first) {
          const bool last = closed.load();
          if (pop(detail::slot_of<std::optional<T>>(*first))) {
            Loop::current()->finish(*receivers.line.pop(), 0);
          } else if (last) {
            Loop::current()->finish(*receivers.line.pop(), -EPIPE);
          } else {
            break;
          }
        }
      } while (!receivers.line.empty() && receivers.arm() && may_receive() &&
               receivers.take_back());
    }
    bool may_send() const noexcept { return closed.load() || size() != capacity; }
    bool may_receive() const noexcept { return closed.load() || size() != 0; }

    const std::size_t capacity;
    std::atomic<std::uint32_t> references{1};
    std::atomic<bool> closed{false};
    std::unique_ptr<Slot[]> slots;  // from the first value on: an empty channel has none
    std::atomic<std::size_t> head{0};
    Side receivers;
    std::atomic<std::size_t> tail{0};
    Side senders;
  };

  Core* core_;
};

template <class T>
class [[nodiscard("co_await it")]] ShardChannel<T>::Send {
 public:
  Send(Core& to, T& value) noexcept : to_(to), value_(value) {}
  class Awaiter {
   public:
    Awaiter(Node& node, Core& to, T& value) noexcept : node_(node), to_(to), value_(value) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) noexcept {
      if ((node_.flags & kCancelled) != 0 || to_.closed.load()) {
        node_.result = (node_.flags & kCancelled) != 0 ? -ECANCELED : -EPIPE;
        return false;
      }
      if (to_.senders.line.empty()) {
        node_.result = to_.push(value_);
        if (node_.result != -EAGAIN) {
          return node_.result == 0 && !Loop::current()->spend(node_);
        }
      }
      detail::keep_slot(node_, &value_);
      node_.code = Opcode::wait;
      node_.data = reinterpret_cast<std::byte*>(&to_.senders.line);
      node_.state = OpState::in_flight;
      to_.senders.line.push(node_);
      to_.serve_senders();
      return true;
    }
    Result<> await_resume() const noexcept {
      return node_.result < 0 ? Result<>(failed(node_.result)) : Result<>();
    }

   private:
    Node& node_;
    Core& to_;
    T& value_;
  };
  Awaiter bind(Node& node) const noexcept { return Awaiter(node, to_, value_); }

 private:
  Core& to_;
  T& value_;
};

template <class T>
class [[nodiscard("co_await it")]] ShardChannel<T>::Receive {
 public:
  explicit Receive(Core& from) noexcept : from_(from) {}
  class Awaiter {
   public:
    Awaiter(Node& node, Core& from) noexcept : node_(node), from_(from) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) noexcept { return from_.suspend(node_, value_); }
    Result<T> await_resume() noexcept {
      if (!value_) {
        return failed(node_.result);
      }
      return std::move(*value_);
    }

   private:
    Node& node_;
    Core& from_;
    std::optional<T> value_;
  };
  Awaiter bind(Node& node) const noexcept { return Awaiter(node, from_); }

 private:
  Core& from_;
};

}  // namespace vigil

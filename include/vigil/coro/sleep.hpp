// Sleeping, and letting others go first.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>

#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/loop/timer.hpp"

namespace vigil {

namespace detail {

// The timer lives in the awaiting frame: a sleep allocates nothing.
class SleepAwaiter {
 public:
  SleepAwaiter(Node& node, Instant deadline) noexcept : node_(node), deadline_(deadline) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) noexcept {
    if ((node_.flags & kCancelled) != 0) {
      node_.result = -ECANCELED;
      return false;
    }
    timer_.sleeper = &node_;
    timer_.fire = [](Timer& timer) noexcept {
      Loop::current()->finish(*static_cast<Alarm&>(timer).sleeper, 0);
    };
    node_.code = Opcode::sleep;
    node_.data = reinterpret_cast<std::byte*>(static_cast<Timer*>(&timer_));
    node_.state = OpState::in_flight;
    Loop::current()->timers().arm(timer_, deadline_);
    return true;
  }
  Result<> await_resume() const noexcept {
    return node_.result < 0 ? Result<>(failed(node_.result)) : Result<>();
  }

 private:
  struct Alarm : Timer {
    Node* sleeper = nullptr;
  };

  Node& node_;
  Instant deadline_;
  Alarm timer_;
};

class YieldAwaiter {
 public:
  explicit YieldAwaiter(Node& node) noexcept : node_(node) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) noexcept { Loop::current()->finish(node_, 0); }
  void await_resume() const noexcept {}

 private:
  Node& node_;
};

}  // namespace detail

// What the sleeps return; await it.
class [[nodiscard("co_await it")]] Sleep {
 public:
  explicit Sleep(Instant deadline) noexcept : deadline_(deadline) {}
  detail::SleepAwaiter bind(Node& node) const noexcept {
    return detail::SleepAwaiter(node, deadline_);
  }

 private:
  Instant deadline_;
};

// co_await: Result<>. Goes on at `deadline` of the monotonic clock (steady_clock), never before it,
// some two milliseconds after it on an idle loop; at the next turn if it has passed; kNever waits
// for a cancel. Errors: operation_canceled.
inline Sleep sleep_until(Instant deadline) noexcept { return Sleep(deadline); }

// The same, `span` from this call; zero and negative spans go on at the next turn.
inline Sleep sleep_for(Nanos span) noexcept {
  // Not the loop's own clock: that stands still during a turn, and the sleep would be short by the
  // time that this turn took so far.
  return Sleep(after(Loop::current()->engine().now(), span));
}

// What yield() returns; await it.
class [[nodiscard("co_await it")]] Yield {
 public:
  detail::YieldAwaiter bind(Node& node) const noexcept { return detail::YieldAwaiter(node); }
};

// co_await: goes on in the next turn, after everything that is ready now: for long computations
// that share the loop (but see offload). Cancel changes nothing; the next wait tells of it.
inline Yield yield() noexcept { return {}; }

}  // namespace vigil

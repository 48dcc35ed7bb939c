// offload: work for the processor leaves the loop's thread, which serves everybody else meanwhile.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/loop/lane.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {

namespace detail {

// A call, its arguments, and what came of it: in the frame of offload(), which outlives the call.
template <class F, class... A>
class Call : public Work {
 public:
  using Value = std::invoke_result_t<F, A...>;

  Call(F function, A... args)
      : Work{&Call::invoke}, function_(std::move(function)), args_(std::move(args)...) {}

  // What the function returned or threw.
  Value take() {
    if (failure_) {
      std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    if constexpr (!std::is_void_v<Value>) {
      return std::move(*value_);
    }
  }

 private:
  static void invoke(Work& work) noexcept {
    auto& self = static_cast<Call&>(work);
    try {
      if constexpr (std::is_void_v<Value>) {
        std::apply(std::move(self.function_), std::move(self.args_));
      } else {
        self.value_.emplace(std::apply(std::move(self.function_), std::move(self.args_)));
      }
    } catch (...) {
      self.failure_ = std::current_exception();
    }
  }

  F function_;
  std::tuple<A...> args_;
  std::optional<std::conditional_t<std::is_void_v<Value>, std::monostate, Value>> value_;
  std::exception_ptr failure_;
};

class LaneAwaiter {
 public:
  LaneAwaiter(Node& node, Lane& lane) noexcept : node_(node), lane_(lane) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) noexcept {
    if ((node_.flags & kCancelled) != 0) {
      node_.result = -ECANCELED;
      return false;
    }
    node_.state = OpState::in_flight;
    if (lane_.submit(node_)) {
      return true;
    }
    node_.state = OpState::finished;
    return false;
  }
  std::int32_t await_resume() const noexcept { return node_.result; }

 private:
  Node& node_;
  Lane& lane_;
};

class InLane {
 public:
  explicit InLane(Work& work) noexcept : work_(work) {}
  LaneAwaiter bind(Node& node) const noexcept {
    node.code = Opcode::call;
    node.on = nullptr;
    node.data = reinterpret_cast<std::byte*>(&work_);
    return LaneAwaiter(node, Loop::current()->call_lane());
  }

 private:
  Work& work_;
};

template <class T>
using OffloadValue = std::conditional_t<is_result<T>, T, Result<T>>;

}  // namespace detail

// Runs `function(args...)` in the loop's call lane (LoopOptions::call_lane) and returns what it
// returned; an exception comes back and leaves here. A function that returns a Result gives that
// Result. The function and its arguments are moved to a thread of the lane and back to be
// destroyed: it must not touch streams, tasks or anything else of the loop.
//
// If the lane is full, the caller waits for a place, under its deadline. Cancel takes the call back
// if no thread has begun it (operation_canceled); one that was begun runs to its end, and its
// result stands. Errors: operation_canceled, resource_unavailable_try_again (no thread could be
// started), not_enough_memory.
//
// How long calls wait for a thread: Loop::current()->call_lane().figures().
template <class F, class... A>
Task<detail::OffloadValue<std::invoke_result_t<F, A...>>> offload(F function, A... args) {
  static_assert(std::is_trivially_destructible_v<F>,
                "offload takes a function or a lambda with trivial captures: pass what it needs as "
                "arguments, since GCC 12 destroys captures twice");
  static_assert(!std::is_reference_v<std::invoke_result_t<F, A...>>,
                "what an offloaded function returns crosses threads: return a value");
  using Call = detail::Call<F, A...>;
  Call call(std::move(function), std::move(args)...);
  const std::int32_t result = co_await detail::InLane(call);
  if (result < 0) {
    co_return failed(result);
  }
  if constexpr (std::is_void_v<typename Call::Value>) {
    call.take();
    co_return Result<>{};
  } else {
    co_return call.take();
  }
}

}  // namespace vigil

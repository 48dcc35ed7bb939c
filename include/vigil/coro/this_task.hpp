// What a task can ask about itself, without waiting: is it cancelled, and when will it be?
#pragma once

#include <coroutine>
#include <cstdint>

#include "vigil/base/instruments.hpp"
#include "vigil/base/time.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/loop/scope.hpp"

namespace vigil {

namespace detail {

// Awaits nothing: reads `Ask` from the awaiting task, which is all that a node is needed for.
template <class Ask>
class AskAwaiter {
 public:
  explicit AskAwaiter(Node& node) noexcept : node_(node) {}
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  auto await_resume() const noexcept { return Ask::of(node_); }

 private:
  Node& node_;
};

template <class Ask>
class [[nodiscard("co_await it")]] AskTask {
 public:
  AskAwaiter<Ask> bind(Node& node) const noexcept { return AskAwaiter<Ask>(node); }
};

struct AskCancelled {
  static bool of(const Node& node) noexcept { return (node.flags & kCancelled) != 0; }
};
struct AskDeadline {
  static Instant of(const Node& node) noexcept {
    return node.scope != nullptr ? node.scope->deadline() : kNever;
  }
};

struct AskNothing {
  static void of(const Node&) noexcept {}
};
class [[nodiscard("co_await it")]] SetTag {
 public:
  explicit SetTag(std::uint32_t tag) noexcept : tag_(tag) {}
  AskAwaiter<AskNothing> bind(Node& node) const noexcept {
    if constexpr (kInstruments) {
      node.tag = tag_;
    }
    return AskAwaiter<AskNothing>(node);
  }

 private:
  std::uint32_t tag_;
};

}  // namespace detail

namespace this_task {

// co_await: bool. Whether every later wait of this task ends at once with operation_canceled: for
// loops that compute without waiting.
inline detail::AskTask<detail::AskCancelled> cancelled() noexcept { return {}; }

// co_await: Instant. The earliest deadline around this task, kNever if there is none: what a
// request to another server may take.
inline detail::AskTask<detail::AskDeadline> deadline() noexcept { return {}; }

// co_await: says which piece of work this task is at, a request's number say (0: none): dumps and
// the stall watcher show it for this task and for those that it awaits. One store.
inline detail::SetTag set_tag(std::uint32_t tag) noexcept { return detail::SetTag(tag); }

}  // namespace this_task

}  // namespace vigil

// Scopes as tasks use them: scoped, timeout, shielded, spawn. Concurrency has a beginning and an
// end in the text.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "vigil/coro/task.hpp"
#include "vigil/loop/scope.hpp"

namespace vigil {

// What can be started as a task: a function or a lambda without captures. Captures would die before
// the task does; pass what it needs as arguments, which the task's frame keeps.
template <class F>
concept TaskBody = std::is_empty_v<F> || std::is_pointer_v<F>;

namespace detail {

template <class T>
struct TaskTraits {
  static constexpr bool is_task = false;
};
template <class T>
struct TaskTraits<Task<T>> {
  static constexpr bool is_task = true;
  using value = T;
};
template <class F, class... A>
using TaskValue = typename TaskTraits<std::invoke_result_t<F, A...>>::value;

// co_await ThisScope(): the scope that the awaiting task is in.
class ThisScope {
 public:
  class Awaiter {
   public:
    explicit Awaiter(Scope* scope) noexcept : scope_(scope) {}
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    Scope* await_resume() const noexcept { return scope_; }

   private:
    Scope* scope_;
  };
  Awaiter bind(Node& node) const noexcept { return Awaiter(node.scope); }
};

// Awaits `task` as the first child of `scope`, which the awaiting task owns.
template <class T>
class Inside {
 public:
  Inside(Scope& scope, Task<T>& task) noexcept : scope_(scope), task_(task) {}
  bool await_ready() const noexcept { return !task_; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> up) noexcept {
    ScopeAccess::body(scope_) = &task_.promise();
    return task_.start_in(up.promise(), &scope_,
                          scope_.cancelled() ? std::uint32_t{kCancelled} : 0u);
  }
  T await_resume() {
    ScopeAccess::body(scope_) = nullptr;
    return task_.await_resume();
  }

 private:
  Scope& scope_;
  Task<T>& task_;
};

// Waits until all that was spawned in `scope` has ended. It cannot be cancelled: cancel the scope.
class Join {
 public:
  explicit Join(Scope& scope) noexcept : scope_(scope) {}
  bool await_ready() const noexcept { return scope_.live() == 0; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) noexcept {
    Node& node = handle.promise();
    node.code = Opcode::join;
    node.state = OpState::in_flight;
    ScopeAccess::joiner(scope_) = &node;
  }
  void await_resume() const noexcept {}

 private:
  Scope& scope_;
};

inline void rethrow_first(std::exception_ptr own, Scope& scope) {
  std::exception_ptr spawned = ScopeAccess::take_failure(scope);
  if (own) {
    std::rethrow_exception(std::move(own));
  }
  if (spawned) {
    std::rethrow_exception(std::move(spawned));
  }
}

// Runs `task` as the body of `scope`, then joins; the first exception, the body's or a child's,
// comes out.
template <class T>
Task<T> run_scope(Scope& scope, Task<T> task) {
  std::exception_ptr failure;
  if constexpr (std::is_void_v<T>) {
    try {
      co_await Inside<void>(scope, task);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      scope.cancel();
    }
    co_await Join(scope);
    rethrow_first(std::move(failure), scope);
  } else {
    std::optional<T> value;
    try {
      value.emplace(co_await Inside<T>(scope, task));
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      scope.cancel();
    }
    co_await Join(scope);
    rethrow_first(std::move(failure), scope);
    co_return std::move(*value);
  }
}

template <class T>
using TimeoutValue = std::conditional_t<is_result<T>, T, Result<T>>;

}  // namespace detail

// Opens a scope, runs `body(scope, args...)` as its first child, waits until everything spawned in
// it has ended, and returns what the body returned. An exception that leaves the body or a spawned
// task cancels the others and comes out here, after all have ended. Cancel of the surrounding scope
// cancels this one.
//
// The body is a child like the others, and may end before them: what it lends to them must be its
// caller's (an argument, which lives until all have ended), never a variable of its own.
template <TaskBody F, class... A>
auto scoped(F body, A... args) -> Task<detail::TaskValue<F, Scope&, A...>> {
  Scope* around = co_await detail::ThisScope();
  Scope scope(around);
  auto task = body(scope, std::move(args)...);
  auto whole = detail::run_scope(scope, std::move(task));
  co_return co_await std::move(whole);
}

// Runs `task` with a deadline `at_most` from now, inherited by everything inside. If that deadline
// ended it, the error is timed_out; a value that it returned all the same wins. A Task<Result<T>>
// stays one; others become one. Errors of the task pass through.
template <class T>
Task<detail::TimeoutValue<T>> timeout(Nanos at_most, Task<T> task) {
  Scope* around = co_await detail::ThisScope();
  Scope scope(around);
  // Not the loop's own clock: see sleep_for().
  scope.set_deadline(after(Loop::current()->engine().now(), at_most));
  if constexpr (std::is_void_v<T>) {
    co_await detail::Inside<T>(scope, task);
    if (scope.timed_out()) {
      co_return error(std::errc::timed_out);
    }
    co_return Result<>{};
  } else if constexpr (detail::is_result<T>) {
    T result = co_await detail::Inside<T>(scope, task);
    if (!result && scope.timed_out() && result.error() == std::errc::operation_canceled) {
      co_return error(std::errc::timed_out);
    }
    co_return std::move(result);
  } else {
    co_return co_await detail::Inside<T>(scope, task);
  }
}

// Runs `task` out of reach of a cancel from outside, for `at_most` after it comes: for a clean-up
// that must say goodbye.
template <class T>
Task<T> shielded(Nanos at_most, Task<T> task) {
  Scope* around = co_await detail::ThisScope();
  Scope scope(around);
  ScopeAccess::shield(scope, at_most);
  co_return co_await detail::Inside<T>(scope, task);
}

namespace detail {

template <class F, class... A>
Result<> spawn_in(Scope& scope, std::uint32_t flags, F body, A... args) {
  static_assert(TaskBody<F>,
                "spawn takes a function or a lambda without captures: captures die before the task "
                "does, so pass them as arguments");
  using Made = std::invoke_result_t<F, A...>;
  static_assert(std::is_same_v<Made, Task<void>>,
                "a spawned task returns Task<>: nobody awaits a value of it");
  Task<void> task = body(std::move(args)...);
  if (!task) {
    return error(std::errc::not_enough_memory);
  }
  task.promise().flags |= flags;
  ScopeAccess::add(scope, task.promise());
  Loop& loop = *Loop::current();
  Node* const before = loop.set_running(&task.promise());
  task.detach().resume();
  loop.set_running(before);
  return {};
}

}  // namespace detail

template <class F, class... A>
Result<> Scope::spawn(F body, A... args) {
  return detail::spawn_in(*this, 0, body, std::move(args)...);
}

template <class F, class... A>
Result<> Scope::spawn_isolated(F body, A... args) {
  return detail::spawn_in(*this, kIsolated, body, std::move(args)...);
}

}  // namespace vigil

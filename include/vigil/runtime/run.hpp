// run: a program's main, as a task.
#pragma once

#include <exception>
#include <memory>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "vigil/coro/scoped.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {

namespace detail {

// Turns the loop until nothing lives in `root`.
void turn_until_empty(Loop& loop, Scope& root) noexcept;
// Says why the program fails, as `name`; returns the exit status 1.
int report_failure(Loop& loop, std::string_view name, const std::exception_ptr& failure);
int report_error(Loop& loop, std::string_view name, const std::error_code& failure);
// Makes the loop that `options` and the environment ask for; says why not.
std::unique_ptr<Loop> make_loop(std::string_view name, LoopOptions options, int& status);
// Says what busy-polling cost.
void report_spin(Loop& loop, std::string_view name);
// Checks that nothing is left behind.
void check_ledger(const Loop& loop);

template <class F, class... A>
Task<> main_task(F body, int* status, std::error_code* failure, A... args) {
  using Value = TaskValue<F, A...>;
  auto task = body(std::move(args)...);
  if constexpr (std::is_void_v<Value>) {
    co_await std::move(task);
  } else if constexpr (is_result<Value>) {
    auto result = co_await std::move(task);
    if (!result) {
      *failure = result.error();
    }
  } else {
    static_assert(std::is_same_v<Value, int>,
                  "what run() runs returns Task<>, Task<int> or Task<Result<>>");
    *status = co_await std::move(task);
  }
}

// run(), for a program that says its own name in its sentences.
template <TaskBody F, class... A>
int run_named(std::string_view name, LoopOptions options, F body, A... args) {
  int status = 0;
  const bool spins = options.spin.most > Nanos::zero();
  std::unique_ptr<Loop> loop = make_loop(name, std::move(options), status);
  if (!loop) {
    return status;
  }
  std::exception_ptr thrown;
  std::error_code failure;
  {
    Scope root(nullptr);
    if (auto spawned = root.spawn(&main_task<F, A...>, body, &status, &failure, std::move(args)...);
        !spawned) {
      return report_error(*loop, name, spawned.error());
    }
    turn_until_empty(*loop, root);
    thrown = ScopeAccess::take_failure(root);
  }
  if (spins) {
    report_spin(*loop, name);
  }
  if (thrown) {
    return report_failure(*loop, name, thrown);
  }
  if (failure) {
    return report_error(*loop, name, failure);
  }
  check_ledger(*loop);
  return status;
}

}  // namespace detail

// Runs `body(args...)` on a loop of this thread until it and all it started have ended; returns the
// exit status for main: what the body returned (Task<int>), 0, or 1 after printing why (an error of
// a Task<Result<>>, an exception that left it). `options.engine` "auto" takes VIGIL_ENGINE from the
// environment; a wrong name prints the right ones and returns 2. An engine that is passed over for
// the next of several is named, with the reason; so is what busy-polling cost, at the end. Installs
// no signal handlers.
template <TaskBody F, class... A>
int run(LoopOptions options, F body, A... args) {
  return detail::run_named("vigil", std::move(options), body, std::move(args)...);
}

template <TaskBody F, class... A>
int run(F body, A... args) {
  return run(LoopOptions{}, body, std::move(args)...);
}

}  // namespace vigil

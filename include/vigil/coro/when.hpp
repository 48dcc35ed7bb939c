// Several tasks at once: all of them, or the first that ends. Both wait until every task has ended,
// so nothing runs on behind them.
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "vigil/coro/scoped.hpp"
#include "vigil/coro/task.hpp"

namespace vigil {

// What any() of several tasks of one kind says: which was first, and what it returned.
template <class T>
class First {
 public:
  First(std::size_t which, T result) : index(which), value(std::move(result)) {}
  std::size_t index;
  T value;
};

namespace detail {

template <class T>
using Collected = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
template <class T>
using Slot = std::optional<Collected<T>>;
template <class T>
using AllOf = std::conditional_t<std::is_void_v<T>, void, std::vector<Collected<T>>>;
template <class T>
using AnyOf = std::conditional_t<std::is_void_v<T>, std::size_t, First<Collected<T>>>;

// Runs one of the tasks as a child of the scope, and keeps what it returns.
template <class T>
Task<> collect(Task<T> task, Slot<T>* into) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(task);
    into->emplace();
  } else {
    T value = co_await std::move(task);
    into->emplace(std::move(value));
  }
}

struct Race {
  static constexpr std::size_t kNobody = ~std::size_t{0};
  Scope* scope;
  std::size_t winner = kNobody;

  bool win(std::size_t index) noexcept {
    if (winner != kNobody) {
      return false;
    }
    winner = index;
    scope->cancel();
    return true;
  }
};

template <class T>
Task<> compete(Task<T> task, Race* race, std::size_t index, Slot<T>* into) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(task);
    if (race->win(index)) {
      into->emplace();
    }
  } else {
    T value = co_await std::move(task);
    if (race->win(index)) {
      into->emplace(std::move(value));
    }
  }
}

// False: no memory for a frame; those that run were cancelled.
template <class T>
bool start_one(Scope& scope, Task<T>& task, Slot<T>& slot) {
  if (scope.spawn(&collect<T>, std::move(task), &slot)) {
    return true;
  }
  scope.cancel();
  return false;
}

// Who comes after the end of the race never starts.
template <class T>
bool enter_race(Race& race, Task<T>& task, std::size_t index, Slot<T>& slot) {
  if (race.winner != Race::kNobody ||
      race.scope->spawn(&compete<T>, std::move(task), &race, index, &slot)) {
    return true;
  }
  race.scope->cancel();
  return false;
}

template <class... T, std::size_t... I>
bool start_each(Scope& scope, std::tuple<Slot<T>...>& slots, std::index_sequence<I...>,
                Task<T>&... tasks) {
  return (start_one(scope, tasks, std::get<I>(slots)) && ...);
}

template <class... T, std::size_t... I>
bool enter_each(Race& race, std::tuple<Slot<T>...>& slots, std::index_sequence<I...>,
                Task<T>&... tasks) {
  return (enter_race(race, tasks, I, std::get<I>(slots)) && ...);
}

template <class... T>
std::variant<Collected<T>...> winner_of(std::size_t winner, std::tuple<Slot<T>...>& slots) {
  using Variant = std::variant<Collected<T>...>;
  std::optional<Variant> out;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    static_cast<void>(
        ((winner == I ? (out.emplace(std::in_place_index<I>, std::move(*std::get<I>(slots))), true)
                      : false) ||
         ...));
  }(std::index_sequence_for<T...>{});
  return std::move(*out);
}

// What a scope says after its join: the first exception, or that memory was short.
inline void rethrow(Scope& scope, bool started) {
  rethrow_first(nullptr, scope);
  if (!started) {
    throw std::bad_alloc();
  }
}

}  // namespace detail

// Runs all tasks at once, and returns what each returned, in their order (std::monostate for a
// Task<>), when all have ended. An exception of one cancels the others and comes out when they have
// ended; an error in a Result is a value like any other. Cancel reaches all of them.
template <class... T>
Task<std::tuple<detail::Collected<T>...>> all(Task<T>... tasks) {
  Scope* around = co_await detail::ThisScope();
  Scope scope(around);
  std::tuple<detail::Slot<T>...> slots;
  const bool started =
      detail::start_each<T...>(scope, slots, std::index_sequence_for<T...>{}, tasks...);
  co_await detail::Join(scope);
  detail::rethrow(scope, started);
  co_return std::apply(
      [](auto&... slot) { return std::tuple<detail::Collected<T>...>(std::move(*slot)...); },
      slots);
}

// The same for any number of tasks of one kind, which are moved from: a vector of their results, or
// nothing for Task<>.
template <class T>
Task<detail::AllOf<T>> all(std::span<Task<T>> tasks) {
  Scope* around = co_await detail::ThisScope();
  Scope scope(around);
  std::vector<detail::Slot<T>> slots(tasks.size());
  bool started = true;
  for (std::size_t i = 0; i < tasks.size() && started; ++i) {
    started = detail::start_one(scope, tasks[i], slots[i]);
  }
  co_await detail::Join(scope);
  detail::rethrow(scope, started);
  if constexpr (!std::is_void_v<T>) {
    std::vector<T> values;
    values.reserve(slots.size());
    for (auto& slot : slots) {
      values.push_back(std::move(*slot));
    }
    co_return values;
  }
}

template <class T>
Task<detail::AllOf<T>> all(std::vector<Task<T>> tasks) {
  auto whole = all(std::span<Task<T>>(tasks));
  co_return co_await std::move(whole);
}

// Runs all tasks at once until the first ends, cancels the others, waits until they have ended too,
// and returns what the first returned; its place in the variant is its place among the tasks. What
// the others still return is dropped; an exception of any, also of one that was cancelled, comes
// out. A task behind one that ends without waiting is not started.
template <class... T>
  requires(sizeof...(T) != 0)
Task<std::variant<detail::Collected<T>...>> any(Task<T>... tasks) {
  Scope* around = co_await detail::ThisScope();
  Scope scope(around);
  std::tuple<detail::Slot<T>...> slots;
  detail::Race race{.scope = &scope};
  const bool started =
      detail::enter_each<T...>(race, slots, std::index_sequence_for<T...>{}, tasks...);
  co_await detail::Join(scope);
  detail::rethrow(scope, started);
  co_return detail::winner_of<T...>(race.winner, slots);
}

// The same for any number of tasks of one kind, at least one, which are moved from: the index of
// the first, and its value unless it is a Task<>.
template <class T>
Task<detail::AnyOf<T>> any(std::span<Task<T>> tasks) {
  check(!tasks.empty(), "any() was given no task, so none would ever be the first: give it one");
  Scope* around = co_await detail::ThisScope();
  Scope scope(around);
  std::vector<detail::Slot<T>> slots(tasks.size());
  detail::Race race{.scope = &scope};
  bool started = true;
  for (std::size_t i = 0; i < tasks.size() && started; ++i) {
    started = detail::enter_race(race, tasks[i], i, slots[i]);
  }
  co_await detail::Join(scope);
  detail::rethrow(scope, started);
  if constexpr (std::is_void_v<T>) {
    co_return race.winner;
  } else {
    co_return First<T>(race.winner, std::move(*slots[race.winner]));
  }
}

template <class T>
Task<detail::AnyOf<T>> any(std::vector<Task<T>> tasks) {
  auto whole = any(std::span<Task<T>>(tasks));
  co_return co_await std::move(whole);
}

}  // namespace vigil

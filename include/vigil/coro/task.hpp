// Task<T>: a coroutine that runs on a loop. Lazy: it starts when it is awaited, or spawned in a
// scope.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

#include "vigil/base/check.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/stream.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/loop/node.hpp"
#include "vigil/loop/scope.hpp"

namespace vigil {

template <class T>
class Task;

namespace detail {

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<std::expected<T, std::error_code>> = true;

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

// The memory of frames: the loop's slab, so a task is made and ended on a loop's thread.
struct FrameMemory {
  static void* operator new(std::size_t size) noexcept {
    Loop* loop = Loop::current();
    check(loop != nullptr,
          "a task was made on a thread without a loop: make it inside vigil::run, or after "
          "Loop::create");
    return loop->frames().take(size);
  }
  static void operator delete(void* frame, std::size_t size) noexcept {
    Loop* loop = Loop::current();
    check(loop != nullptr,
          "a task was destroyed on a thread without a loop: let it end inside vigil::run");
    loop->frames().give(frame, size);
  }
};

// What every task has in its frame. The awaits write straight into the Op that it is.
struct Promise : SendAwaiter, FrameMemory {
  Promise() noexcept {
    complete = &resume_task;
    flags = Loop::current()->home();
  }
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;

  std::suspend_always initial_suspend() noexcept { return {}; }

  // The end: the awaiter goes on, through the loop's one slot, so that a long chain of ends uses no
  // stack.
  struct Final {
    Final() noexcept = default;
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> handle) const noexcept {
      Promise& promise = handle.promise();
      promise.state = OpState::finished;
      if ((promise.flags & kSpawned) != 0) {
        ScopeAccess::ended(*promise.scope, promise, std::move(promise.failure));
        handle.destroy();
      } else if ((promise.flags & kStarting) == 0) {
        Loop::current()->continue_with(*promise.up);
      }
    }
    void await_resume() const noexcept {}
  };
  Final final_suspend() const noexcept { return {}; }

  void unhandled_exception() noexcept { failure = std::current_exception(); }

  // Every await tells where it is, and binds to this promise's Op.
  template <class A>
  [[gnu::always_inline]] decltype(auto) await_transform(
      A&& awaitable, std::source_location at = std::source_location::current()) noexcept {
    where = at;
    if constexpr (requires { awaitable.bind(static_cast<Node&>(*this)); }) {
      using Awaiter = std::remove_cvref_t<decltype(awaitable.bind(static_cast<Node&>(*this)))>;
      static_assert(!std::is_aggregate_v<Awaiter> || std::is_trivially_destructible_v<Awaiter>,
                    "an awaiter with a non-trivial member needs a constructor: GCC 12 destroys an "
                    "aggregate twice");
      return awaitable.bind(static_cast<Node&>(*this));
    } else if constexpr (is_task<std::remove_cvref_t<A>>) {
      // By value: the frame of what was awaited ends with the expression, on every compiler, and
      // what it held with it.
      static_assert(!std::is_lvalue_reference_v<A>,
                    "a task is awaited once: co_await std::move(task)");
      return std::remove_cvref_t<A>(std::move(awaitable));
    } else {
      static_assert(!std::is_lvalue_reference_v<A>,
                    "what is awaited and stays where it is needs a bind() that makes an awaiter: "
                    "GCC 12 copies an awaiter that it is given by reference into the frame");
      static_assert(!std::is_aggregate_v<std::remove_cvref_t<A>> ||
                        std::is_trivially_destructible_v<std::remove_cvref_t<A>>,
                    "an awaitable with a non-trivial member needs a constructor: GCC 12 destroys "
                    "an aggregate twice");
      return static_cast<A&&>(awaitable);
    }
  }

  std::exception_ptr failure;
};

template <class T>
struct PromiseOf final : Promise {
  static_assert(alignof(T) <= 16,
                "a task's result is not over-aligned: GCC 12 misplaces it in the frame");
  union {
    T value;
  };
  bool has_value = false;

  PromiseOf() noexcept {}
  ~PromiseOf() {
    if (has_value) {
      value.~T();
    }
  }
  Task<T> get_return_object() noexcept {
    return Task<T>(std::coroutine_handle<PromiseOf>::from_promise(*this));
  }
  static Task<T> get_return_object_on_allocation_failure() noexcept { return Task<T>(nullptr); }
  template <class U = T>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& returned) {
    ::new (static_cast<void*>(std::addressof(value))) T(std::forward<U>(returned));
    has_value = true;
  }
};

template <>
struct PromiseOf<void> final : Promise {
  Task<void> get_return_object() noexcept;
  static Task<void> get_return_object_on_allocation_failure() noexcept;
  void return_void() const noexcept {}
};

}  // namespace detail

// The result of calling a coroutine; `co_await` it once, or hand the function to Scope::spawn.
//
// An exception that leaves the task comes out of the await. If there was no memory for its frame, a
// Task<Result<...>> gives not_enough_memory and others throw std::bad_alloc when awaited.
// Destroying a task that never started is free; destroying one that is suspended is a check, since
// the kernel may hold its buffers. One thread: its loop's.
template <class T = void>
class [[nodiscard("a task is lazy: co_await it, or spawn it in a scope")]] Task {
 public:
  using promise_type = detail::PromiseOf<T>;
  using value_type = T;

  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  explicit Task(std::nullptr_t) noexcept : handle_(nullptr) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  // Into a task that is empty: moved from, or made of nullptr.
  Task& operator=(Task&& other) noexcept {
    check(!handle_, "a task was assigned over another that is still there: let it end first");
    handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  ~Task() {
    if (handle_) {
      check(handle_.done() || handle_.promise().scope == nullptr,
            "a task was destroyed while suspended: cancel its scope and let it end");
      handle_.destroy();
    }
  }

  // Whether there was memory for it.
  explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  // For the scopes: the node, and the start of a task that its scope owns from now on.
  detail::Promise& promise() const noexcept { return handle_.promise(); }
  std::coroutine_handle<promise_type> detach() noexcept { return std::exchange(handle_, nullptr); }

  bool await_ready() const noexcept { return !handle_; }

  // Starts the child nested: it may end at once, and then the awaiter never suspends.
  template <class P>
  bool await_suspend(std::coroutine_handle<P> up) noexcept {
    detail::Promise& parent = up.promise();
    return start_in(parent, parent.scope, parent.flags & kCancelled);
  }

  bool start_in(detail::Promise& parent, Scope* scope, std::uint32_t cancelled) noexcept {
    detail::Promise& child = handle_.promise();
    child.up = &parent;
    child.scope = scope;
    child.flags |= kStarting | cancelled;
    parent.data = reinterpret_cast<std::byte*>(static_cast<Node*>(&child));
    // The state last: a signal handler that finds it goes down to the child.
    std::atomic_signal_fence(std::memory_order_release);
    parent.code = Opcode::task;
    std::atomic_signal_fence(std::memory_order_release);
    parent.state = OpState::task;
    handle_.resume();
    if (handle_.done()) {
      parent.state = OpState::idle;
      std::atomic_signal_fence(std::memory_order_release);
      return false;
    }
    child.flags &= ~std::uint32_t{kStarting};
    return true;
  }

  T await_resume() {
    if (!handle_) {
      if constexpr (detail::is_result<T>) {
        return error(std::errc::not_enough_memory);
      } else {
        throw std::bad_alloc();
      }
    }
    auto& promise = handle_.promise();
    if (promise.failure) [[unlikely]] {
      std::rethrow_exception(std::exchange(promise.failure, nullptr));
    }
    if constexpr (!std::is_void_v<T>) {
      return std::move(promise.value);
    }
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

inline Task<void> detail::PromiseOf<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<PromiseOf>::from_promise(*this));
}
inline Task<void> detail::PromiseOf<void>::get_return_object_on_allocation_failure() noexcept {
  return Task<void>(nullptr);
}

}  // namespace vigil

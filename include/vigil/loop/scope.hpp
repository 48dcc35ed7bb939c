// Scope: a group of tasks that ends as one. What is spawned in it is over before it is; cancel and
// deadlines go down.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/node.hpp"
#include "vigil/loop/timer.hpp"

namespace vigil {

// Lives in the frame of the task that opened it (see coro/scoped.hpp); used on its loop's thread.
class Scope {
 public:
  // A scope inside `parent` (null: a root, of this thread's loop). It inherits the parent's cancel.
  explicit Scope(Scope* parent) noexcept;
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Asks everything inside to end: tasks in it, scopes inside it, what they wait for. Idempotent;
  // resumes nobody, so the caller goes on first. Operations end with operation_canceled; a result
  // that exists already stands.
  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_; }

  // Cancels the scope at `deadline`, unless it has ended; a later call moves it. Never early.
  // kNever takes it back.
  void set_deadline(Instant deadline) noexcept;
  // The earliest deadline of this scope and of those around it.
  Instant deadline() const noexcept;
  // Whether this scope's own deadline cancelled it.
  bool timed_out() const noexcept { return timed_out_; }

  // Tasks inside that have not ended.
  std::size_t live() const noexcept { return live_; }

  // Exceptions that isolated tasks let go, which were logged and dropped.
  std::uint64_t failures() const noexcept { return failures_; }

  // Starts `body(args...)`, a Task<>, in this scope, and runs it to its first wait before
  // returning. The arguments are moved into the task's frame. An exception that leaves it cancels
  // the scope and comes out of its join. Errors: not_enough_memory, and then nothing ran. (Defined
  // in coro/scoped.hpp.)
  template <class F, class... A>
  Result<> spawn(F body, A... args);

  // The same, but an exception that leaves it is logged and counted, and nobody else ends: a
  // server's connections.
  template <class F, class... A>
  Result<> spawn_isolated(F body, A... args);

 private:
  friend class ScopeAccess;

  void add(Node& task) noexcept;
  // One store takes it out of the list: a signal handler may walk that between any two (see
  // loop/dump.hpp).
  void leave(Node& task) noexcept {
    *task.place = task.up;
    std::atomic_signal_fence(std::memory_order_release);
    if (task.up != nullptr) {
      task.up->place = task.place;
    }
  }
  void ended(Node& task, std::exception_ptr&& failure) noexcept;
  void cancel_now() noexcept;
  void cancel_task(Node& task) noexcept;
  void arm_shield() noexcept;
  static void expire(Timer& timer) noexcept;

  Scope* parent_;
  Scope* sibling_ = nullptr;
  Scope** place_ = nullptr;
  Scope* inner_ = nullptr;
  Node* body_ = nullptr;   // the task that the scope's owner awaits: its first child
  Node* tasks_ = nullptr;  // spawned
  Node* joiner_ = nullptr;
  struct Deadline : Timer {
    Scope* scope = nullptr;
  };
  Deadline timer_;
  Nanos shield_{};  // how long a cancel from outside is held back
  std::exception_ptr failure_;
  std::uint64_t failures_ = 0;
  std::uint32_t live_ = 0;
  bool cancelled_ = false;
  bool timed_out_ = false;
  bool shielded_ = false;
};

// The coroutine floor's way in: users have no business with nodes.
class ScopeAccess {
 public:
  static void add(Scope& scope, Node& task) noexcept { scope.add(task); }
  static void ended(Scope& scope, Node& task, std::exception_ptr&& failure) noexcept {
    scope.ended(task, static_cast<std::exception_ptr&&>(failure));
  }
  static void shield(Scope& scope, Nanos at_most) noexcept;
  static Node*& body(Scope& scope) noexcept { return scope.body_; }
  static Node*& joiner(Scope& scope) noexcept { return scope.joiner_; }
  static std::exception_ptr take_failure(Scope& scope) noexcept {
    return std::exchange(scope.failure_, nullptr);
  }
  // Its newest spawned task, taken out without an end; null: there is none. For abandon().
  static Node* take_newest(Scope& scope) noexcept {
    Node* task = scope.tasks_;
    if (task != nullptr) {
      scope.leave(*task);
      --scope.live_;
    }
    return task;
  }
  // A loop ends before these roots do: they are nobody's from then on.
  static void forget(Scope* roots) noexcept;
  // Its own, whatever those around it say; kNever if there is none.
  static Instant own_deadline(const Scope& scope) noexcept {
    return scope.timer_.armed() ? scope.timer_.deadline : kNever;
  }
  // The task in whose frame it lives, while that awaits its body or its end; null: nobody does.
  static const Node* owner(const Scope& scope) noexcept {
    const Node* body = scope.body_;
    return body != nullptr ? body->up : scope.joiner_;
  }
  static Scope* parent(const Scope& scope) noexcept { return scope.parent_; }
  static Node* tasks(const Scope& scope) noexcept { return scope.tasks_; }
  static Scope* inner(const Scope& scope) noexcept { return scope.inner_; }
  static Scope* sibling(const Scope& scope) noexcept { return scope.sibling_; }
};

}  // namespace vigil

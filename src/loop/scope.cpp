// How tasks join and leave a scope, and how cancel goes down.
#include "vigil/loop/scope.hpp"

#include <cstdio>
#include <string>

#include "vigil/base/check.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {
namespace {

// A sentence about an exception that nobody awaits.
std::string describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

}  // namespace

Scope::Scope(Scope* parent) noexcept : parent_(parent) {
  timer_.fire = &Scope::expire;
  timer_.scope = this;
  Loop* loop = Loop::current();
  if (parent != nullptr) {
    place_ = &parent->inner_;
    cancelled_ = parent->cancelled_;
  } else if (loop != nullptr) {
    place_ = &loop->roots();
  } else {
    return;
  }
  sibling_ = *place_;
  if (sibling_ != nullptr) {
    sibling_->place_ = &sibling_;
  }
  std::atomic_signal_fence(std::memory_order_release);
  *place_ = this;
}

Scope::~Scope() {
  check(live_ == 0,
        "a scope was destroyed while tasks run in it: await it to its end, do not destroy the task "
        "that owns it");
  if (timer_.armed()) {
    Loop::current()->timers().stop(timer_);
  }
  if (place_ != nullptr) {
    *place_ = sibling_;
    std::atomic_signal_fence(std::memory_order_release);
    if (sibling_ != nullptr) {
      sibling_->place_ = place_;
    }
  }
}

void ScopeAccess::forget(Scope* roots) noexcept {
  for (Scope* root = roots; root != nullptr; root = root->sibling_) {
    root->place_ = nullptr;
  }
}

void Scope::add(Node& task) noexcept {
  task.flags |= kSpawned | (cancelled_ ? std::uint32_t{kCancelled} : 0u);
  task.scope = this;
  task.since = Loop::current()->hand();
  task.up = tasks_;
  task.place = &tasks_;
  if (tasks_ != nullptr) {
    tasks_->place = &task.up;
  }
  std::atomic_signal_fence(std::memory_order_release);
  tasks_ = &task;
  ++live_;
}

void Scope::ended(Node& task, std::exception_ptr&& failure) noexcept {
  leave(task);
  if (Loop* loop = Loop::current(); loop->running() == &task) {
    loop->set_running(nullptr);
  }
  if (failure) {
    if ((task.flags & kIsolated) != 0) {
      ++failures_;
      Loop::current()->host().log("vigil: a connection's handler ended with an exception: " +
                                  describe(failure));
    } else {
      if (!failure_) {
        failure_ = std::move(failure);
      }
      cancel_now();
    }
  }
  if (--live_ == 0 && joiner_ != nullptr) {
    Loop::current()->continue_with(*std::exchange(joiner_, nullptr));
  }
}

// The chain of awaits from a task down to its operation, as far as it stays in this scope: scopes
// inside cancel their own.
void Scope::cancel_task(Node& task) noexcept {
  Node* node = &task;
  for (;;) {
    node->flags |= kCancelled;
    if (node->state == OpState::task && node->code == Opcode::task) {
      Node* awaited = reinterpret_cast<Node*>(node->data);
      if (awaited->scope != this) {
        return;
      }
      node = awaited;
      continue;
    }
    if (node->state == OpState::in_flight) {
      Loop::current()->cancel(*node);
    }
    return;
  }
}

void Scope::cancel_now() noexcept {
  if (cancelled_) {
    return;
  }
  cancelled_ = true;
  if (body_ != nullptr) {
    cancel_task(*body_);
  }
  for (Node* task = tasks_; task != nullptr; task = task->up) {
    cancel_task(*task);
  }
  for (Scope* scope = inner_; scope != nullptr; scope = scope->sibling_) {
    scope->cancel();
  }
}

void Scope::cancel() noexcept {
  if (!shielded_) {
    cancel_now();
  } else if (!cancelled_ && !timer_.armed()) {
    arm_shield();
  }
}

void Scope::arm_shield() noexcept {
  Loop& loop = *Loop::current();
  // Not the loop's own clock, which stands still during a turn: the shield would be short by that.
  loop.timers().arm(timer_, after(loop.engine().now(), shield_));
}

void ScopeAccess::shield(Scope& scope, Nanos at_most) noexcept {
  scope.shielded_ = true;
  scope.shield_ = at_most;
  if (scope.cancelled_) {
    scope.cancelled_ = false;
    scope.arm_shield();
  }
}

void Scope::set_deadline(Instant deadline) noexcept {
  Loop& loop = *Loop::current();
  if (deadline == kNever) {
    loop.timers().stop(timer_);
    timer_.deadline = kNever;
  } else {
    loop.timers().arm(timer_, deadline);
  }
}

Instant Scope::deadline() const noexcept {
  Instant earliest = kNever;
  Nanos held_back{};  // by the shields between that scope and this one
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent_) {
    if (scope->timer_.armed()) {
      earliest = std::min(earliest, after(scope->timer_.deadline, held_back));
    }
    if (scope->shielded_) {
      held_back = after(Instant(held_back), scope->shield_).time_since_epoch();
    }
  }
  return earliest;
}

void Scope::expire(Timer& timer) noexcept {
  Scope& scope = *static_cast<Deadline&>(timer).scope;
  scope.timed_out_ |= !scope.cancelled_ && !scope.shielded_;
  scope.cancel_now();
}

}  // namespace vigil

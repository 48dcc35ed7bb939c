// Two walks: first every task forgets what it waits for, so that nothing is checked or called in
// the second, which destroys them.
#include "coro/abandon.hpp"

#include <coroutine>

#include "vigil/coro/task.hpp"

namespace vigil {
namespace {

// A task, and those that it awaits, down to the one that waits for something else.
void forget(Node* node) noexcept {
  while (node != nullptr) {
    node->scope = nullptr;  // as if it had never started: it may be destroyed
    Node* awaited = nullptr;
    if (node->state == OpState::task && node->code == Opcode::task) {
      awaited = reinterpret_cast<Node*>(node->data);
    } else if (node->state == OpState::in_flight && node->code == Opcode::wait) {
      reinterpret_cast<WaitList*>(node->data)->remove(*node);
    }
    node->state = OpState::idle;
    node = awaited;
  }
}

void forget(const Scope& scope) noexcept {
  for (Node* task = ScopeAccess::tasks(scope); task != nullptr; task = task->up) {
    forget(task);
  }
  for (const Scope* inner = ScopeAccess::inner(scope); inner != nullptr;
       inner = ScopeAccess::sibling(*inner)) {
    forget(*inner);
  }
}

// A scope inside is part of some task's frame, and goes with it, when it is empty.
void destroy(Scope& scope) noexcept {
  for (Scope* inner = ScopeAccess::inner(scope); inner != nullptr;
       inner = ScopeAccess::sibling(*inner)) {
    destroy(*inner);
  }
  while (Node* task = ScopeAccess::take_newest(scope)) {
    auto& promise = static_cast<detail::Promise&>(*task);
    std::coroutine_handle<detail::Promise>::from_promise(promise).destroy();
  }
}

}  // namespace

void abandon(Loop& loop, Scope& root) noexcept {
  check(Loop::current() == &loop, "a loop was abandoned on a thread that it is not the loop of");
  loop.abandon();
  forget(root);
  destroy(root);
}

}  // namespace vigil

// The walk. Whoever changes it: it runs in a signal handler, at any instruction of the loop's
// thread, so it reads and never trusts what a running task is about to change.
#include "vigil/loop/dump.hpp"

#include <memory>
#include <new>
#include <utility>

#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/loop/scope.hpp"

namespace vigil {

Result<DumpRoom> DumpRoom::make(std::size_t records) noexcept {
  // Not a vector: pages that no dump needs are never touched.
  void* memory = ::operator new(records * sizeof(DumpRecord), std::nothrow);
  if (memory == nullptr) {
    return error(std::errc::not_enough_memory);
  }
  return DumpRoom(static_cast<DumpRecord*>(memory), records);
}

DumpRoom::DumpRoom(DumpRoom&& other) noexcept
    : first_(std::exchange(other.first_, nullptr)),
      room_(std::exchange(other.room_, 0)),
      size_(std::exchange(other.size_, 0)),
      left_out_(other.left_out_),
      pulse_(other.pulse_),
      hand_(other.hand_) {}

DumpRoom::~DumpRoom() { ::operator delete(first_); }

class DumpWalk {
 public:
  DumpWalk(const Loop& loop, DumpRoom& into) noexcept : into_(into), leaf_(nullptr) {
    into_.size_ = 0;
    into_.left_out_ = 0;
    into_.hand_ = loop.hand();
    into_.pulse_ = loop.pulse();
    leaf_ = leaf_of(loop);
  }

  // The scopes inside are reached without a stack of our own: up again by their parents.
  void tree(const Scope& root) noexcept {
    const Scope* scope = &root;
    for (;;) {
      add(*scope);
      for (const Node* task = ScopeAccess::tasks(*scope); task != nullptr && may_go_on();
           task = task->up) {
        chain(*task, true);
      }
      if (!may_go_on()) {
        return;
      }
      if (const Scope* inner = ScopeAccess::inner(*scope)) {
        scope = inner;
        continue;
      }
      while (scope != &root && ScopeAccess::sibling(*scope) == nullptr) {
        scope = ScopeAccess::parent(*scope);
      }
      if (scope == &root) {
        return;
      }
      scope = ScopeAccess::sibling(*scope);
    }
  }

  void running() noexcept {
    const Node* top = leaf_;
    while (top != nullptr && (top->flags & kSpawned) == 0 && top->up != nullptr && may_go_on()) {
      top = top->up;
      ++visited_;
    }
    if (top != nullptr) {
      chain(*top, true);
    }
  }

  bool may_go_on() const noexcept { return visited_ < DumpRoom::kMost; }

 private:
  static const Node* awaited(const Node& node) noexcept {
    if (node.state != OpState::task || node.code != Opcode::task) {
      return nullptr;
    }
    return reinterpret_cast<const Node*>(node.data);
  }

  // Of the task that was resumed: what it awaits and started nested, and which is not back.
  const Node* leaf_of(const Loop& loop) noexcept {
    const Node* node = loop.running();
    if (node == nullptr || !is_task(*node)) {
      return nullptr;
    }
    while (const Node* next = awaited(*node)) {
      node = next;
      if (++visited_ == DumpRoom::kMost) {
        break;
      }
    }
    visited_ = 0;
    return node;
  }

  void chain(const Node& task, bool spawned) noexcept {
    const Node* node = &task;
    while (node != nullptr && may_go_on()) {
      const Node* next = node == leaf_ ? nullptr : awaited(*node);
      add(*node, spawned, next != nullptr);
      spawned = false;
      node = next;
    }
  }

  DumpRecord* place() noexcept {
    ++visited_;
    if (into_.size_ == into_.room_) {
      ++into_.left_out_;
      return nullptr;
    }
    return std::construct_at(into_.first_ + into_.size_++);
  }

  void add(const Scope& scope) noexcept {
    if (DumpRecord* record = place()) {
      record->is_scope = true;
      record->cancelled = scope.cancelled();
      record->self = &scope;
      record->scope = ScopeAccess::parent(scope);
      record->owner = ScopeAccess::owner(scope);
      record->deadline = ScopeAccess::own_deadline(scope);
    }
  }

  void add(const Node& node, bool spawned, bool awaits) noexcept {
    DumpRecord* record = place();
    if (record == nullptr) {
      return;
    }
    record->spawned = spawned;
    record->cancelled = (node.flags & kCancelled) != 0;
    record->self = &node;
    record->scope = node.scope;
    record->where = node.where;
    record->since = node.since;
    record->tag = node.tag;
    if (&node == leaf_) {
      record->state = TaskState::running;  // its operation is over, and what it says is old
    } else if (awaits) {
      record->state = TaskState::awaiting;
    } else if (node.state == OpState::in_flight) {
      record->state = TaskState::waiting;
      record->code = node.code;
      if (node.code == Opcode::sleep) {
        record->deadline = reinterpret_cast<const Timer*>(node.data)->deadline;
      } else if (node.code >= Opcode::receive && node.on != nullptr) {
        record->handle = node.on->handle;
      }
    }
  }

  DumpRoom& into_;
  const Node* leaf_;
  std::uint64_t visited_ = 0;
};

void take_dump(const Loop& loop, DumpRoom& into) noexcept {
  DumpWalk walk(loop, into);
  for (const Scope* root = loop.roots(); root != nullptr && walk.may_go_on();
       root = ScopeAccess::sibling(*root)) {
    walk.tree(*root);
  }
}

void take_dump(const Loop& loop, const Scope& root, DumpRoom& into) noexcept {
  DumpWalk(loop, into).tree(root);
}

void take_running(const Loop& loop, DumpRoom& into) noexcept { DumpWalk(loop, into).running(); }

}  // namespace vigil

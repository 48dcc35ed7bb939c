// Node: what a task is to the loop, which cancels and dumps tasks without knowing coroutines.
#pragma once

#include <cstdint>
#include <exception>
#include <source_location>

#include "vigil/loop/op.hpp"

namespace vigil {

class Scope;

// Bits of Node::flags; those from kHomeShift on are its loop's: see Loop::home().
enum NodeFlag : std::uint32_t {
  kStarting = 1,   // runs nested in its starter's await_suspend
  kCancelled = 2,  // every later await ends at once
  kSpawned = 4,    // belongs to its scope's list, not to an awaiter
  kIsolated = 8  // its exception is counted and logged, and cancels nobody (a server's connections)
};
inline constexpr unsigned kHomeShift = 8;
inline constexpr std::uint32_t kHomeBits = ~std::uint32_t{0} << kHomeShift;
// In one comparison with Descriptor::home: the task is not cancelled, and on the handle's own loop.
inline constexpr std::uint32_t kMayBegin = kHomeBits | kCancelled;

// Part of the promise of every task. The Op describes what the task awaits: one thing at a time.
struct Node : Op {
  Node* up = nullptr;      // awaited: who awaits it. Spawned: the next sibling
  Node** place = nullptr;  // spawned: what points at it
  Scope* scope = nullptr;
  std::source_location where;  // of the await it is in
  std::uint32_t flags = 0;
  // Which piece of work this is, as who works it off counts them (0: nobody said): a dump and the
  // stall watcher show it. See this_task::set_tag.
  std::uint32_t tag = 0;
};

// What Op::complete of every task is: goes on with it. The coroutine floor's.
void resume_task(Op& op);
// Whether `op` is a task's, and so a Node.
inline bool is_task(const Op& op) noexcept { return op.complete == &resume_task; }

}  // namespace vigil

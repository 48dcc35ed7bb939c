// abandon: what a crash does to a program, on a machine that is simulated.
#pragma once

#include "vigil/loop/loop.hpp"
#include "vigil/loop/scope.hpp"

namespace vigil {

// Destroys every task in `root`, the root scope of `loop`, where it waits: children before who
// spawned them, the newest first. Their destructors run, so that memory and whatever else is the
// real program's comes back; nobody is resumed, and what they would say to peers is lost with the
// engine and the system calls, which whoever simulates has made deaf before. Then `root` and the
// loop can be destroyed. With `loop` as the thread's, and not from inside a turn.
void abandon(Loop& loop, Scope& root) noexcept;

}  // namespace vigil

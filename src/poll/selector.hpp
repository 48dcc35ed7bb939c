// Seam 1: how one system waits for readiness. One file per backend implements it, and adds a row to
// the registry.
//
// A Selector watches handles under a Slot that it hands back in each Event; it knows no sockets, no
// operations and no policy. It is used by one thread at a time, but for notify().
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/poll/event.hpp"

namespace vigil {

// What a backend does natively; its users emulate the rest or refuse.
struct SelectorTraits {
  std::string_view name;
  bool edge;             // Trigger::edge and edge_oneshot
  bool oneshot;          // Trigger::oneshot
  bool exclusive;        // wakes one of several waiters
  bool pollable;         // handle() is readable when events wait: it can live inside a foreign loop
  std::int64_t handles;  // handles must be below this number (select: FD_SETSIZE)
};

struct Change {
  enum class Action : std::uint8_t { add, modify, remove };
  Action action;
  Trigger trigger;  // one that traits() has
  bool exclusive;
  NativeHandle handle;
  std::uint32_t interest;  // Ready bits; 0 watches nothing and reports nothing, not even errors,
                           // where the system can
  Slot slot;
};

class Selector {
 public:
  virtual ~Selector() = default;
  virtual const SelectorTraits& traits() const noexcept = 0;

  // Carries the changes out in order and stops at the first error, which it returns. Errors: EPERM
  // (a regular file), EEXIST (a double add), ENOENT (not added), EBADF, EMFILE (above
  // traits().handles), ENOMEM, ENOSPC.
  virtual Result<> apply(std::span<const Change> changes) noexcept = 0;

  // Waits at most `at_most` (rounded up to what the system can; kForever: no limit; zero: does not
  // block) and returns the filled front of `room`. A signal (EINTR) or a notify() ends the wait
  // with what is there, maybe nothing.
  virtual Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept = 0;

  // Ends the current or the next wait. Any thread; several before the wait returns count as one.
  virtual void notify() noexcept = 0;

  // The handle that a foreign loop can poll for readability, or kNoHandle (see traits().pollable).
  virtual NativeHandle handle() const noexcept = 0;
};

// A row of the registry: the backends in order of preference. `why_not` says in words why make()
// would fail here, or is empty. Backends of the library are there from the start; a simulated one
// is added by its owner.
struct SelectorRow {
  std::string_view name;
  Result<std::unique_ptr<Selector>> (*make)();
  SelectorRow* next = nullptr;
};

SelectorRow* first_selector() noexcept;        // walk by `next`
void add_selector(SelectorRow& row) noexcept;  // appends; the row lives as long as the program
const SelectorRow* find_selector(std::string_view name) noexcept;

}  // namespace vigil

// What became ready: the one event type of every selector.
#pragma once

#include <cstdint>

namespace vigil {

// What an event tells, and what an interest asks for. The values are those of poll(2) on Linux, so
// that the common backends translate nothing; other backends translate.
enum Ready : std::uint32_t {
  kReadable = 0x001,    // bytes, a connection or the end of the stream can be read without blocking
  kPriority = 0x002,    // exceptional data (TCP urgent)
  kWritable = 0x004,    // bytes can be written without blocking
  kError = 0x008,       // an error is pending; always reported, never asked for
  kHungUp = 0x010,      // both directions are closed; always reported, never asked for
  kPeerClosed = 0x2000  // the peer will write no more (half-close); bytes before it may still wait
};

// What kind of source an event came from. Every kind exists on every system.
enum class Kind : std::uint8_t { descriptor, timer, signal, process, vnode, user };

// How often a source reports.
enum class Trigger : std::uint8_t {
  level,        // at every wait, as long as the condition holds
  edge,         // once a change; read or write until would-block before the next wait
  oneshot,      // level, once; disarmed until modified
  edge_oneshot  // edge, once; disarmed until modified
};

// A place in a table and the number of its tenants so far: an event for an old tenant is recognised
// and dropped.
struct Slot {
  std::uint32_t index;
  std::uint32_t generation;
  friend bool operator==(const Slot&, const Slot&) = default;
};

struct Event {
  Slot slot;            // whose
  std::uint32_t ready;  // Ready bits; kReadable for the kinds that are not descriptors
  Kind kind;
  std::int64_t data;  // timer: expirations; signal: number; process: exit status as wait(2); vnode:
                      // flags; user: posts
  std::uint64_t
      cookie;  // what the source was added with; filled in by Poller, not by the selectors
};

}  // namespace vigil

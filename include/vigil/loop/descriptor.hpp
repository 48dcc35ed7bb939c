// Descriptor: what an engine knows of one handle. One cache line, in a table that never moves.
#pragma once

#include <cstdint>
#include <source_location>

#include "vigil/base/handle.hpp"
#include "vigil/loop/op.hpp"
#include "vigil/poll/event.hpp"

namespace vigil {

// How a handle is watched, and who closes it.
enum class Attach : std::uint8_t {
  stream,           // a connected socket: registered once, edge-triggered, both directions
  datagram,         // the same; a short read says nothing
  pipe,             // the same for what is not a socket: read(2) and write(2)
  listener,         // edge-triggered, for reading
  shared_listener,  // held by several processes or loops: level, exclusive, only while an accept
                    // waits
  foreign,          // somebody else's: watched once per operation, never closed
  unwatched  // cannot be watched (a regular file): every operation goes through the file lane
};

// An engine's hints: bits of Descriptor::ready beside kReadable and kWritable of Ready. A clear
// kReadable or kWritable means that the last call would have blocked and no event came since: park,
// without a call.
inline constexpr std::uint32_t kReceiving = 1u << 16;  // the reader is a `receive`, the common case
inline constexpr std::uint32_t kReading = 1u << 27;    // the reader is another operation
inline constexpr std::uint32_t kOver = 1u << 17;   // an event told of half-close, hang-up or error:
                                                   // no further edge comes, so read to the end
inline constexpr std::uint32_t kPlain = 1u << 18;  // not a stream socket: a short read says nothing
inline constexpr std::uint32_t kOnDemand = 1u << 19;  // registered only while an operation waits
inline constexpr std::uint32_t kForeign = 1u << 20;   // not ours to close
inline constexpr std::uint32_t kShared =
    1u << 21;  // a duplicate may be open elsewhere: leave the selector before closing
inline constexpr std::uint32_t kUnwatched = 1u << 22;   // see Attach::unwatched
inline constexpr std::uint32_t kExclusive = 1u << 23;   // registered with `exclusive`
inline constexpr std::uint32_t kRegistered = 1u << 24;  // kOnDemand: is registered now
inline constexpr std::uint32_t kStarved = 1u << 25;     // the reader waits for a receive buffer
inline constexpr std::uint32_t kPipe = 1u << 26;        // no socket at all: read(2) and write(2)
// It hibernates: `reader` is its Sleepers, which all its like share (loop/sleepers.hpp). Beside
// kReading.
inline constexpr std::uint32_t kAsleep = 1u << 28;
inline constexpr std::uint32_t kWoken = 1u << 29;  // it did, and its task is about to start:
                                                   // `writer` links those that are

struct alignas(64) Descriptor {
  Op* reader = nullptr;  // at most one each: a second reader is a check
  Op* writer = nullptr;
  std::uint32_t generation = 0;
  NativeHandle handle = kNoHandle;
  std::uint32_t index = 0;
  std::uint32_t home = 0;   // Loop::home() of its loop
  std::uint32_t ready = 0;  // hints
  // An engine's own: the interest that a level-triggered selector was last told; what a ring holds.
  std::uint32_t told = 0;
  // A count that belongs to whoever attached the handle. foreign: waits beside the first; a file:
  // its operations in the lane; a standard stream that cannot be watched: 1 if it is borrowed; a
  // connection: TcpStream::context().
  std::uint32_t context = 0;
  // A ring's own: what came before anybody asked for it, how many pieces, the first and the last.
  std::uint16_t early = 0;
  std::uint16_t place = 0;  // the number of made_at() in the table that it stands in
  union {
    void* early_first = nullptr;
    std::uint32_t next_free;    // of one that is free, or foreign
    std::int64_t asleep_since;  // asleep, when nothing is early: nanoseconds of the loop's clock
  };
  struct Order {  // indices; its own where there is none
    std::uint32_t older;
    std::uint32_t newer;
  };
  union {
    void* early_last = nullptr;
    Order order;  // asleep: its place in the order of falling asleep
  };
};
static_assert(sizeof(Descriptor) == 64);

// Where the handle of a descriptor was made, as far as its maker told; line 0: that is not known.
// On its loop's thread, or when all is over.
std::source_location made_at(const Descriptor& descriptor) noexcept;

}  // namespace vigil

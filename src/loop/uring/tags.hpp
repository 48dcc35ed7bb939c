// How the engine on io_uring names what comes back, and what it knows of a descriptor.
#pragma once

#include <cstdint>

#include "vigil/loop/descriptor.hpp"

namespace vigil::uring {

// What a completion belongs to: the low bits of its user data. Operations are aligned, so a bare
// pointer to one has none of them.
enum class Tag : std::uint64_t {
  send = 0,     // the pointer of an Op that sends
  receive = 1,  // the multishot receive of a descriptor
  accept = 2,   // the multishot accept of a descriptor
  ignored = 3,  // answers to requests of the engine's own: nobody waits for them
  woken = 4,    // another thread wrote the eventfd
  polled = 5,   // the pointer of an Op that waits for readiness: the result is no count
  file = 6,     // the pointer of an Op on files
  lent = 7,     // the pointer of an Op that sends without a copy: two words, the second of which
                // gives its bytes back
};
inline constexpr std::uint64_t kTagBits = 7;

// What the user data of an operation is.
inline std::uint64_t name_of(const Op& op, Tag tag) noexcept {
  return reinterpret_cast<std::uint64_t>(&op) | static_cast<std::uint64_t>(tag);
}

// What the user data of a descriptor's multishot is: its generation tells an end that comes after
// the descriptor's from one of its successor; the index stands where it need not be shifted.
constexpr std::uint64_t cookie(const Descriptor& descriptor, Tag tag) noexcept {
  return std::uint64_t{descriptor.generation} << 32 | std::uint64_t{descriptor.index} << 6 |
         static_cast<std::uint64_t>(tag);
}
constexpr std::uint32_t index_of(std::uint64_t cookie) noexcept {
  return static_cast<std::uint32_t>(cookie) >> 6;
}
constexpr std::uint32_t generation_of(std::uint64_t cookie) noexcept {
  return static_cast<std::uint32_t>(cookie >> 32);
}

// What the engine knows of a descriptor: bits of Descriptor::told.
inline constexpr std::uint32_t kArmed = 1u << 0;        // the kernel holds its multishot
inline constexpr std::uint32_t kStopping = 1u << 1;     // which was asked to end
inline constexpr std::uint32_t kEnded = 1u << 2;        // the peer has ended its side
inline constexpr std::uint32_t kReaderHeld = 1u << 3;   // the kernel holds the reader, an operation
inline constexpr std::uint32_t kReaderStops = 1u << 4;  // the reader was asked to end
inline constexpr std::uint32_t kWriterStops = 1u << 5;
inline constexpr std::uint32_t kListens = 1u << 6;   // its multishot accepts
inline constexpr std::uint32_t kVanished = 1u << 7;  // foreign, and its number is another file's
inline constexpr std::uint32_t kReceived = 1u << 8;  // it received once: the next is a multishot
inline constexpr std::uint32_t kCopies = 1u << 9;    // what it is to send without a copy is copied
inline constexpr std::uint32_t kBytesLent = 1u << 10;  // the kernel has the writer's bytes, though
                                                       // it told how many it took
// An error that came before anybody asked: an errno in the high bits.
inline constexpr std::uint32_t kFailureShift = 16;

}  // namespace vigil::uring

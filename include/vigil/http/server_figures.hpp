// What an HTTP server tells of itself: how much it did, what it holds, where a connection stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace vigil::http {

// What holds memory, and what its limit (Limits::memory) did. `beside` and `counted` are of the
// last look, which is a second old at most while there are connections.
struct MemoryFigures {
  std::uint64_t held = 0;     // bytes, now: requests under way, and what handlers charged
  std::uint64_t beside = 0;   // bytes that the owner has
  std::uint64_t counted = 0;  // bytes, all that the limit is for
  std::uint64_t limit = 0;    // bytes; 0: none
  std::uint64_t refused = 0;  // connections answered 503, at the limit
  std::uint64_t reset = 0;    // connections whose client moved nothing
  std::uint64_t closed = 0;   // connections that rested
};

// Figures since the server was made.
struct ServerFigures {
  std::uint64_t requests = 0;     // answered, with whatever status
  std::uint64_t refused = 0;      // of these, heads and bodies that were malformed or above a limit
  std::uint64_t timed_out = 0;    // connections ended by a time limit
  std::uint64_t failures = 0;     // handlers that ended with an exception, or without an answer
  std::uint64_t turned_away = 0;  // connections above a limit, answered 503
  std::size_t connections = 0;    // now
  std::size_t asleep = 0;         // now: of these, those that hibernate
  std::size_t active = 0;         // now: with a request under way
  MemoryFigures memory;
};

// Where a connection of a server stands, and how many of its bytes the server has: for who looks
// for bytes that do not move.
struct ConnectionView {
  enum class Stage : std::uint8_t {
    idle,     // between requests, or before the first
    head,     // part of a request's head is here
    handler,  // the handler has the connection
    body,     // the handler reads, and waits for more of the request's body
    writing,  // the handler writes, and waits until that is taken
    sending,  // all is answered, and the last of it is not taken yet
    ending    // all is said, and what still comes is not wanted
  };
  Stage stage = Stage::idle;
  std::string method;           // of the request; empty where no handler has one
  std::uint64_t early = 0;      // bytes that its loop received, and nobody asked for yet
  std::uint64_t received = 0;   // bytes that the server has, and nobody read yet
  std::uint64_t body_read = 0;  // bytes of the request's body that came so far
  std::uint64_t collected = 0;  // bytes of answers that wait to be sent together
  // Of the write that goes on, bytes that the kernel has not taken; and all that was to be written
  // since the handler began.
  std::uint64_t unsent = 0;
  std::uint64_t to_send = 0;
  // Bytes of memory that the connection holds, beside the frames of its tasks.
  std::uint64_t memory = 0;
  // A place in the frame of the connection's task, see Dump::Task::frames; 0: it hibernates.
  std::uintptr_t frame = 0;
};

}  // namespace vigil::http

// Operation: one step of a history, the same for the model and for the real kernel, and what came
// of it. Descriptors are variables: steps of a shrunk history keep their meaning, and it prints as
// a program that a person can read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::differential {

enum class Call : std::uint8_t {
  // These fill one or two variables, from `out` on.
  pipe,
  socketpair,   // n: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
  listen_tcp,   // n: backlog
  connect_tcp,  // a: listener
  accept,       // a: listener
  udp_pair,     // connected with each other
  eventfd,      // n: first count, data: flags
  timerfd,      // n: clock
  epoll,
  directory,  // something that cannot be watched
  dup,        // a
  dup_above,  // a, n: lowest number, data: fcntl command
  // These work on variables.
  dup3,         // a onto b, data: flags
  close,        // a
  ctl,          // a: epoll, b: descriptor, data: action, n: events, tag
  wait,         // a: epoll, n: room
  poll,         // a, n: events
  read,         // a, n: size
  write,        // a, n: size
  readv,        // a, n: size, in two parts
  writev,       // a, n: size, in two parts
  recv,         // a, n: size, data: flags
  send,         // a, n: size, data: flags
  write_word,   // a, tag: eight bytes, for an eventfd
  shutdown,     // a, n: how
  linger,       // a: closing it sends a reset
  get_option,   // a, n: option of SOL_SOCKET
  get_flags,    // a, n: F_GETFL or F_GETFD
  set_cloexec,  // a, n: 0 or 1
  set_timer,    // a, n: Setting
  get_timer,    // a
  // A process that inherits all, does steps of its own (`actor`), and ends.
  fork,  // a: number of the child, from 1
  exit,  // a: number of the child
};
inline constexpr std::size_t kCalls = static_cast<std::size_t>(Call::exit) + 1;

// What a timer is set to. Time does not pass in a history, but for what expires at once.
enum class Setting : std::uint8_t {
  off,
  at_once,
  in_the_past,  // absolute
  far,
  far_periodic,
  at_once_far_periodic,  // expires once, its next time is far away
  invalid
};

inline constexpr std::size_t kVariables = 32;
inline constexpr std::size_t kActors = 4;  // the program and at most three children
inline constexpr std::size_t kRoom = 8;    // events of one wait

struct Operation {
  Call call{};
  std::uint8_t actor = 0;
  std::uint8_t out = 0;
  std::uint8_t a = 0;
  std::uint8_t b = 0;
  std::uint32_t n = 0;
  std::uint32_t data = 0;
  std::uint64_t tag = 0;
};

// What a call gave. Numbers of descriptors count from the first free one of the process.
struct Outcome {
  struct Told {
    std::uint32_t events = 0;
    std::uint64_t tag = 0;
    friend bool operator==(const Told&, const Told&) = default;
  };
  std::int64_t result = 0;   // or -errno
  std::uint64_t detail = 0;  // what else it gave; of bytes: their hash
  std::uint32_t told = 0;
  std::array<Told, kRoom> events{};

  friend bool operator==(const Outcome& a, const Outcome& b) {
    if (a.result != b.result || a.detail != b.detail || a.told != b.told) {
      return false;
    }
    for (std::uint32_t i = 0; i < a.told; ++i) {
      if (!(a.events[i] == b.events[i])) {
        return false;
      }
    }
    return true;
  }
};

// What a history is mostly about.
enum class Theme : std::uint8_t { pipes, local_sockets, tcp, udp, events, timers, nesting, mixed };
inline constexpr std::size_t kThemes = static_cast<std::size_t>(Theme::mixed) + 1;
std::string_view name_of(Theme theme) noexcept;

struct History {
  std::uint64_t seed = 0;
  Theme theme{};
  int limit = 0;  // numbers of descriptors that it may use: enough, or few
  std::vector<Operation> operations;
};

// A history of `theme`, as the seed says.
History generate(std::uint64_t seed, Theme theme);

// One line of C: "p3 = epoll_create1(0)".
std::string to_text(const Operation& operation);
// "-1 EBADF", "2 events: IN 0x7, IN|HUP 0x9".
std::string to_text(const Operation& operation, const Outcome& outcome);

}  // namespace vigil::differential

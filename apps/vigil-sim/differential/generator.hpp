// Generator: makes histories. It knows of each variable what kind of thing it should hold, so that
// most calls meet what they are meant for; one in a few meets anything.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "differential/operation.hpp"
#include "kernel/random.hpp"

namespace vigil::differential {

enum class Thing : std::uint8_t {
  none,
  pipe_out,  // is read from
  pipe_in,
  local_stream,
  local_packet,
  listener,
  tcp,
  udp,
  event,
  timer,
  epoll,
  directory
};

struct Variable {
  Thing thing = Thing::none;
  bool open = false;
  std::uint16_t socket = 0;  // index into what was sent
};

struct Weight {
  Call call;
  unsigned weight;
};

// More than these leave a socket's buffers small: what fits is exact only of pipes.
inline constexpr unsigned kMostSends = 40;
inline constexpr unsigned kMostPackets = 8;
inline constexpr std::size_t kMostOpen = 26;

class Generator {
 public:
  Generator(std::uint64_t seed, Theme theme) noexcept
      : random_(seed, name_of(theme)), theme_(theme) {}

  History run(std::uint64_t seed);

 private:
  bool one_in(std::uint64_t n) noexcept { return random_.below(n) == 0; }
  std::uint32_t below(std::uint64_t n) noexcept {
    return static_cast<std::uint32_t>(random_.below(n));
  }
  template <class T>
  T any_of(std::initializer_list<T> list) noexcept {
    return list.begin()[random_.below(list.size())];
  }

  Call pick(std::initializer_list<Weight> weights) noexcept;
  Call next_call() noexcept;
  Call creation() noexcept;
  Call input_output(Thing thing) noexcept;
  // A variable that should hold `thing`, mostly; any at all if there is none.
  std::uint8_t variable(Thing thing) noexcept;
  std::uint8_t any_variable() noexcept;
  std::uint8_t target() noexcept;
  std::uint32_t interest(Thing thing) noexcept;
  std::uint32_t size(Thing thing) noexcept;
  void hold(std::uint8_t variable, Thing thing, std::uint16_t socket) noexcept;
  bool may_send(const Variable& from) noexcept;
  void close(std::uint8_t variable) noexcept;
  void forget(std::uint8_t variable) noexcept;

  Operation step() noexcept;
  void create(Operation& op) noexcept;
  void control(Operation& op) noexcept;
  void transfer(Operation& op) noexcept;
  void other(Operation& op) noexcept;

  sim::Random random_;
  Theme theme_;
  std::array<Variable, kVariables> variables_{};
  std::array<bool, kActors> lives_{};
  std::uint8_t children_ = 0;
  std::size_t next_ = 0;  // the variable that is filled next
  std::array<unsigned, 256> sent_{};
  std::uint16_t sockets_ = 0;
  std::uint64_t tags_ = 0;
  std::array<std::array<bool, kVariables>, kVariables> watched_{};  // by an epoll: what
  std::optional<std::uint8_t> called_;  // a listener that has just been connected to
};

}  // namespace vigil::differential

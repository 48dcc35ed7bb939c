// A program on a simulated host: its process, its seat, its loop and its root scope, and what was
// made of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "faces/seat.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/loop/scope.hpp"
#include "vigil/sim/world.hpp"

namespace vigil::sim {

struct Program::State {
  using Start = std::function<Result<>(Scope& root, int* status, std::error_code* failure)>;

  State(WorldCore& of, Host::State& on, std::uint32_t number, std::string called, bool again,
        Start begin)
      : core(of),
        host(on),
        index(number),
        name(std::move(called)),
        always(again),
        start(std::move(begin)) {}

  WorldCore& core;
  Host::State& host;
  const std::uint32_t index;  // in the world, in the order of their making
  const std::string name;
  const bool always;  // started anew after a crash of the host
  const Start start;

  // While it runs.
  Process* process = nullptr;
  std::unique_ptr<Seat> seat;
  std::unique_ptr<Loop> loop;
  std::unique_ptr<Scope> root;
  bool queued = false;           // among what can run
  std::optional<int> killed_by;  // a wait status: it dies when its turn is over

  // What it said.
  int returned = 0;
  std::error_code failure;
  std::optional<int> status;
  std::uint32_t starts = 0;

  // A loop that turns and turns while nothing moves.
  Instant turned_at{};
  std::uint64_t notes_then = 0;
  std::uint32_t idle_turns = 0;
  std::uint32_t turns_at_once = 0;

  bool running() const noexcept { return process != nullptr; }
};

struct Host::State {
  State(WorldCore& of, std::string called, HostId number)
      : core(of), name(std::move(called)), id(number) {}

  WorldCore& core;
  const std::string name;
  const HostId id;
  std::unique_ptr<Kernel> kernel;
  std::vector<std::unique_ptr<Program::State>> programs;
  bool up = true;

  struct Restart : Alarm {
    State* host = nullptr;
  };
  Restart restart;  // after a crash by the weather
};

}  // namespace vigil::sim

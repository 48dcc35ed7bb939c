// What a loop did since it was made, and what it has now.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vigil/base/counters.hpp"
#include "vigil/loop/lane.hpp"
#include "vigil/loop/op.hpp"

namespace vigil {

inline constexpr std::size_t kOpcodes = static_cast<std::size_t>(Opcode::resolve) + 1;

// A copy, each number of a moment ago: they need not agree with each other to the last one.
struct LoopFigures {
  std::uint64_t turns = 0;
  std::uint64_t events = 0;  // that the kernel told: what was ready, or had ended
  std::uint64_t wakes = 0;   // by letters of other threads
  // Operations that ended, by Opcode: what tasks awaited.
  std::array<std::uint64_t, kOpcodes> operations{};
  // How long a turn ran, from the end of its wait to its own: so long may what became ready have
  // waited. Of one turn in sixteen.
  Durations turn_times;

  std::size_t registered = 0;       // descriptors, now
  std::uint64_t empty_accepts = 0;  // wake-ups of listeners that found nobody
  std::size_t timers = 0;           // armed now
  std::size_t frames = 0;           // of tasks, now
  std::uint64_t frame_bytes = 0;    // got from the system for frames up to 2 KiB
  std::uint64_t buffer_bytes = 0;   // receive buffers that were ever in use: what the pool holds
  std::uint64_t buffer_limit = 0;   // bytes
  LaneFigures file_lane;
  LaneFigures call_lane;
  LaneFigures resolver;
};

}  // namespace vigil

// Scenario: hosts and programs in a world, and what must hold of them. One row of a table each;
// the files beside this one bring the rows.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace vigil::sim {
class World;
}

namespace vigil::scenarios {

// How large a run is.
enum class Size : std::uint8_t {
  full,  // at least 1,000 requests, and hours of simulated time
  small  // some, for the fault points, which run a scenario thousands of times
};

// One run of a scenario, and what it counts. It is all that outlives the world but for the world.
struct Run {
  sim::World& world;
  Size size = Size::full;
  bool strict = false;         // nothing in this weather excuses a request that fails
  std::uint64_t requests = 0;  // answered, or failed with an error that was told
  std::uint64_t answered = 0;  // of these
  // Called once when the world has made `interrupt_at` steps: for the fault points.
  std::uint64_t interrupt_at = ~std::uint64_t{0};
  std::function<void()> interrupt = {};
  bool memory_fails = false;  // for once: a task that has none cancels those beside it
  bool cancelled = false;     // a program was told to end before its time: not all need be done
};

struct Scenario {
  std::string_view name;
  std::string_view summary;  // a phrase without a full stop
  void (*play)(Run& run);
};

// All of them, in the order of `vigil-sim list`.
std::span<const Scenario> all() noexcept;
const Scenario* find(std::string_view name) noexcept;

}  // namespace vigil::scenarios

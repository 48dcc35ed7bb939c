// The rows that each file of scenarios brings to the table.
#pragma once

#include <span>

#include "scenarios/scenario.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::scenarios {

std::span<const Scenario> echo_rows() noexcept;
std::span<const Scenario> chat_rows() noexcept;
std::span<const Scenario> serve_rows() noexcept;
std::span<const Scenario> http_rows() noexcept;
// Found by their names, and not listed.
std::span<const Scenario> escape_rows() noexcept;
std::span<const Scenario> datagram_rows() noexcept;
std::span<const Scenario> time_rows() noexcept;
std::span<const Scenario> task_rows() noexcept;
std::span<const Scenario> system_rows() noexcept;
std::span<const Scenario> shard_rows() noexcept;
std::span<const Scenario> ending_rows() noexcept;

// Clients of an echo on port 7000, and `server`, which is one.
void play_echo(Run& run, Task<int> (*server)());

}  // namespace vigil::scenarios

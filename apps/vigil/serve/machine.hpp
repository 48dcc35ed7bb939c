// What the program asks of its process, before any loop: the limit of descriptors, the terminal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cli/help.hpp"

namespace vigil::app {

// Raises the descriptor limit as far as this process may, and returns it; kNoLimit if there is
// none.
inline constexpr std::uint64_t kNoLimit = 1'000'000'000;
std::uint64_t raise_descriptor_limit() noexcept;

// Bytes that this process can have: what the machine has, or its control groups allow if that is
// less; 0: nobody says.
std::uint64_t usable_memory();

// How standard output shows text: in colour only on a terminal, and not if NO_COLOR is set.
cli::Screen screen() noexcept;

// A peer that is gone is told by the send, not by SIGPIPE. SIGHUP and SIGUSR1 ask for what is not
// there yet, or not any more, while nobody waits for them: they do not end the program.
void ignore_signals() noexcept;

}  // namespace vigil::app

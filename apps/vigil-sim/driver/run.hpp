// `vigil-sim run`: seeds of a scenario on several processors.
#pragma once

#include <string>
#include <string_view>

#include "driver/commands.hpp"

namespace vigil::driver {

int run(const Settings& settings);

// This very program, for its workers.
std::string own_path();
// A string of JSON.
std::string quoted(std::string_view text);
// A first seed, from the machine's entropy.
std::uint64_t drawn_seed();
std::uint64_t jobs_or_all(std::uint64_t asked);
// The reading of a fault file: a sentence if it cannot be read or understood.
std::string check_faults_file(const std::string& path);
// The sentence about a scenario that does not exist; empty if it does.
std::string check_scenario(const std::string& command, const std::string& name);

}  // namespace vigil::driver

// One run kept whole: as text, and as a page with a lane a host.
#pragma once

#include <cstdint>

#include "driver/commands.hpp"

namespace vigil::driver {

// `vigil-sim run SCENARIO --seed S --trace FILE`: writes FILE and FILE.html. The exit status.
int run_traced(const Settings& settings, std::uint64_t seed);

}  // namespace vigil::driver

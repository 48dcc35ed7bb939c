// `vigil-sim list`: the scenarios, and the faults.
#pragma once

#include "driver/commands.hpp"

namespace vigil::driver {

int list(const Settings& settings);

}  // namespace vigil::driver

// `vigil-sim differential`: the words of the command line for the differential test.
#pragma once

#include "driver/commands.hpp"

namespace vigil::driver {

int differential(const Settings& settings);

}  // namespace vigil::driver

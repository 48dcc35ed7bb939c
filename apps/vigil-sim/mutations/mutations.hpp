// Mutations: programs with one planted fault each, and how soon the simulation reports it.
#pragma once

#include "driver/commands.hpp"

namespace vigil::mutations {

// `vigil-sim mutations [NAME]`. The exit status.
int run(const driver::Settings& settings);

}  // namespace vigil::mutations

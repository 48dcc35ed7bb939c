// `vigil check` and `vigil config`, and how `vigil serve` gets its configuration.
#pragma once

#include <expected>

#include "config/load.hpp"

namespace vigil::config {

// Tells what is wrong with the file: exit status 0 nothing, 1 something or it cannot be read.
int check(const cli::Settings& settings);

// Prints what is in effect, or the example: 0, or 1 and 2 as `begin` says.
int print(const cli::Invocation& asked);

// The configuration that a command line asks for, read on a loop of its own. Warnings are said on
// standard error; so is what is wrong, and then it is an exit status: 1 the file cannot be read, 2
// it is wrong.
std::expected<Configuration, int> begin(const Source& source);

}  // namespace vigil::config

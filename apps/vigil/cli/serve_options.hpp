// The options of `vigil serve`, and the keys that only its configuration file has.
#pragma once

#include <span>

#include "cli/option.hpp"

namespace vigil::cli {

std::span<const Option> serve_options() noexcept;
// Those of `vigil config`: the same, and how it prints.
std::span<const Option> config_options() noexcept;
std::span<const Option> serve_keys() noexcept;

}  // namespace vigil::cli

// Reading the configuration again, while something serves by the old one.
#pragma once

#include <optional>
#include <string>

#include "config/load.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::app {

// What `source` says now; its warnings are told. The failure is told, too.
Task<std::optional<config::Reading>> read_again(const config::Source* source);

// "vigil serve: not reloaded: WHY The old configuration stays."
void refuse_reload(const std::string& why);

}  // namespace vigil::app

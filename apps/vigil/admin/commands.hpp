// `vigil list`, `vigil top` and `vigil dump`: what runs here, what it does, what it waits for.
#pragma once

#include "cli/help.hpp"
#include "cli/settings.hpp"

namespace vigil::app {

// Each returns the program's exit status.
int list_servers(const cli::Settings& settings, const cli::Screen& screen);
int watch_servers(const cli::Settings& settings, const cli::Screen& screen);
int dump_server(const cli::Settings& settings);

}  // namespace vigil::app

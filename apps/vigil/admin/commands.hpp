// `vigil list`, `vigil top`, `vigil dump` and `vigil explain`: what runs here, what it does, what
// it waits for, and where one connection's bytes are.
#pragma once

#include "cli/help.hpp"
#include "cli/settings.hpp"

namespace vigil::app {

// Each returns the program's exit status.
int list_servers(const cli::Settings& settings, const cli::Screen& screen);
int watch_servers(const cli::Settings& settings, const cli::Screen& screen);
int dump_server(const cli::Settings& settings);
int explain_connection(const cli::Settings& settings);
int restart_server(const cli::Settings& settings);

}  // namespace vigil::app

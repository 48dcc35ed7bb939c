// Servers as lines on a screen.
#pragma once

#include <string>
#include <vector>

#include "admin/client.hpp"
#include "cli/help.hpp"

namespace vigil::app {

// A line a server.
std::string server_table(const std::vector<Running>& all, const cli::Screen& screen);
// A line a server and one for each of its shards, with what they did between two looks. One that
// was not there before has no rates.
std::string rate_table(const std::vector<Running>& before, const std::vector<Running>& now,
                       const cli::Screen& screen);

}  // namespace vigil::app

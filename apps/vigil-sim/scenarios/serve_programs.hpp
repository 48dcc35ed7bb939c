// `vigil serve` as a program of a simulated machine, which serves /site.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vigil/coro/task.hpp"

namespace vigil::scenarios {

inline constexpr std::uint16_t kSitePort = 8080;

// By its command line alone.
Task<int> site();
// By a configuration file, which changes every few seconds, now and then for a wrong one; it is
// told to read that again, and to open its log again.
Task<int> site_that_is_reloaded();
// The same on three shards: each has a socket, or the first one hands out.
Task<int> site_on_shards();
Task<int> site_handed_out();
// By these words, the program's path first: what is installed there takes its place at SIGUSR2.
Task<int> site_by_words(std::vector<std::string> words);

}  // namespace vigil::scenarios

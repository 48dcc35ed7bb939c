// `vigil serve` as a program of a simulated machine, which serves /site.
#pragma once

#include <cstdint>

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

}  // namespace vigil::scenarios

// `vigil serve`: the program around the sites.
#pragma once

#include <cstdint>

#include "config/load.hpp"
#include "serve/handed.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::app {

// Serves as the command line and its file say until a signal ends it; the exit status. Says on
// standard output where it listens, and on standard error, in one sentence, what went wrong.
int serve(const cli::Invocation& asked);

// The same as the main task of a loop that is there: all the program does but for what it asks of
// its process before. `source`: what a reload reads; `first`: what that says now. `descriptors`:
// how many this process may open. `handed`: what a service manager gave it. All outlive the task.
Task<int> serve_sites(const config::Source* source, const config::Configuration* first,
                      std::uint64_t descriptors, const HandedDown* handed);

}  // namespace vigil::app

// `vigil serve`: the program around the sites.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "serve/handed.hpp"
#include "serve/share.hpp"
#include "serve/succession.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::app {

// Serves as the command line and its file say until a signal ends it; the exit status. Says on
// standard output where it listens, and on standard error, in one sentence, what went wrong.
// `command`: all words that the program was started with, for the process that takes its place.
int serve(const cli::Invocation& asked, std::vector<std::string> command);

// What the program has when its loop begins. All of it outlives the task.
struct Beginning {
  const config::Source* source;        // what a reload reads
  const config::Configuration* first;  // what that says now
  Means means;
  const HandedDown* handed;
  const Origin* origin;
};

// The same as the main task of a loop that is there: all the program does but for what it asks of
// its process before.
Task<int> serve_sites(const Beginning* beginning);

}  // namespace vigil::app

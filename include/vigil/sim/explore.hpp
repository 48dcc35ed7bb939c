// Explore: runs a scenario under many seeds, and makes of a failing one something to work with: the
// command that replays it, the fewest faults that still make it fail, and a timeline.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vigil/sim/world.hpp"

namespace vigil::sim {

// Builds hosts and programs in the world, runs it, and calls World::fail for what must not be. It
// is called anew for each seed, and again for replays: it keeps nothing of its own between calls.
using Scenario = std::function<void(World&)>;

struct ExploreOptions {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 100;  // first_seed, first_seed + 1, ...
  WorldOptions world = {};
  // Called after each seed with its world, as the scenario left it; false ends the exploring.
  std::function<bool(std::uint64_t seed, World& world)> after_each = {};
  Nanos shrink_at_most = std::chrono::seconds(60);  // real time; zero: a failing run is not shrunk
  std::string replay_command = "";  // how a failing seed is run again; "%" stands for the seed
  std::size_t timeline_lines = 12;  // of each host, in a report
};

struct FailedSeed {
  std::uint64_t seed = 0;
  Failure failure;
  std::uint64_t trace_hash = 0;
  bool same_again = true;      // false: the seed's second run differed, so something escapes us
  std::vector<Strike> faults;  // what is left: without any one of them the failure disappears
  bool minimal = false;        // false: the time for shrinking was over first
  std::string report;          // all of it in lines, for a terminal
};

struct Explored {
  std::uint64_t seeds = 0;  // that were run; replays and shrinking are not counted
  std::uint64_t steps = 0;
  Nanos simulated{};
  std::uint64_t trace_hash = 0;    // of all seeds' traces, in their order
  std::vector<FailedSeed> failed;  // the first; more only where `after_each` said to go on
};

// Runs the scenario under `options.seeds` seeds, or until one fails.
//
// A check that fails meanwhile ends the process with status 1, after its sentence, the seed and the
// timeline were printed to standard error: nothing is sound after it. One thread, without a world.
Explored explore(const Scenario& scenario, const ExploreOptions& options = {});

// A whole test program's main: `[--seeds N] [--seed S] [--faults FILE] [--trace FILE] [--json]
// [--help]`. Prints what explore() found; with --trace the failing seed's whole run, or the last
// one's, as text to FILE and as a page to FILE.html. Exit status 0 clean, 1 a seed failed, 2 wrong
// use. `options.replay_command` is made up from the words, if it is empty.
//
// What a program of the world does behind its back (a system call, a real clock, a thread) fails
// the run with the place it was called from: it would make a run another one the next time. This
// takes SIGSYS, and needs Linux 5.11 on x86-64 for the system calls; sanitizers make calls of their
// own, so there nothing is caught but by a replay that differs (FailedSeed::same_again).
int explore_main(int count, char** words, const Scenario& scenario, ExploreOptions options = {});

// The kept notes of a world with WorldOptions::trace as a page of HTML that needs nothing else:
// a lane a host, time from left to right. `title` stands above it.
std::string trace_page(World& world, std::string_view title);

}  // namespace vigil::sim

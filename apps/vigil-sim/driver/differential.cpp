// The differential test from the command line.
#include "differential/differential.hpp"

#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>

#include "driver/differential.hpp"
#include "driver/run.hpp"

namespace vigil::driver {
namespace {

volatile std::sig_atomic_t told_to_end = 0;

}  // namespace

int differential(const Settings& settings) {
  if (settings.accepted) {
    std::fputs(differential::describe_accepted(false).c_str(), stdout);
    return 0;
  }
  differential::DifferentialOptions options;
  if (settings.operations != 0) {
    options.operations = settings.operations;
  }
  options.seed = settings.seed ? *settings.seed : drawn_seed();
  options.json = settings.json;
  struct sigaction action{};
  action.sa_handler = [](int) { told_to_end = 1; };
  ::sigaction(SIGINT, &action, nullptr);
  options.stop = [] { return told_to_end != 0; };
  const bool progress = !settings.json && ::isatty(STDOUT_FILENO) == 1;
  const auto began = std::chrono::steady_clock::now();
  if (progress) {
    options.progress = [began](std::uint64_t done) {
      const std::chrono::duration<double> so_far = std::chrono::steady_clock::now() - began;
      std::printf("\r\x1b[K%" PRIu64 " operations, %.0f a second\r", done,
                  static_cast<double>(done) / so_far.count());
      std::fflush(stdout);
    };
  }
  return differential::differential(options);
}

}  // namespace vigil::driver

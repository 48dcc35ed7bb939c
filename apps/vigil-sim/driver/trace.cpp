// One run, written down.
#include "driver/trace.hpp"

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "driver/run.hpp"
#include "driver/worker.hpp"
#include "vigil/sim/explore.hpp"
#include "vigil/sim/world.hpp"

namespace vigil::driver {
namespace {

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.flush();
  if (!file) {
    std::fprintf(stderr, "vigil-sim run: cannot write %s: %s. Name another file with --trace.\n",
                 path.c_str(), std::strerror(errno));
    return false;
  }
  return true;
}

}  // namespace

int run_traced(const Settings& settings, std::uint64_t seed) {
  std::optional<sim::Faults> from_file;
  if (!settings.faults_file.empty()) {
    std::ifstream file(settings.faults_file);
    std::stringstream text;
    text << file.rdbuf();
    from_file = *sim::Faults::parse(text.str(), sim::Faults::ordinary());  // was read before
  }
  const SeedWeather weather = weather_of(seed, from_file ? &*from_file : nullptr);
  sim::World world(seed, {.faults = weather.faults, .trace = true});
  scenarios::Run run{.world = world, .strict = weather.strict};
  scenarios::find(settings.scenario)->play(run);
  if (!write_file(settings.trace_file, world.trace()) ||
      !write_file(settings.trace_file + ".html", sim::trace_page(world, settings.scenario))) {
    return 1;
  }
  std::printf("%s: seed %" PRIu64 ", %.1f simulated seconds, %" PRIu64
              " requests, trace hash %016" PRIx64 "\nwritten to %s and %s.html\n",
              settings.scenario.c_str(), seed, static_cast<double>(world.now().count()) / 1e9,
              run.requests, world.trace_hash(), settings.trace_file.c_str(),
              settings.trace_file.c_str());
  if (world.failure()) {
    std::printf("failed: %s\n%s", world.failure()->what.c_str(), world.timeline(40).c_str());
    return 1;
  }
  return 0;
}

}  // namespace vigil::driver

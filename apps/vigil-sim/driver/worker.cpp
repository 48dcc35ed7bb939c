// Runs seeds, one after the other, and tells of each.
#include "driver/worker.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "driver/record.hpp"
#include "guard/guard.hpp"
#include "points/allocation.hpp"
#include "points/points.hpp"
#include "vigil/sim/explore.hpp"

namespace vigil::driver {
namespace {

using sim::Fault;

// Faults that a program never hears of when it does its part.
constexpr Fault kHarmless[] = {
    Fault::short_read,      Fault::short_write,        Fault::interrupted,
    Fault::spurious_event,  Fault::late_event,         Fault::delayed_segment,
    Fault::lost_segment,    Fault::disk_slow,          Fault::late_lane,
    Fault::late_completion, Fault::lost_cancel,        Fault::wall_step,
    Fault::lost_datagram,   Fault::reordered_datagram, Fault::duplicated_datagram,
};

bool harmless(Fault fault) noexcept {
  for (const Fault each : kHarmless) {
    if (each == fault) {
      return true;
    }
  }
  return false;
}

sim::Faults harmless_only(sim::Faults faults) {
  for (std::size_t i = 0; i < sim::kFaults; ++i) {
    if (!harmless(static_cast<Fault>(i))) {
      faults[static_cast<Fault>(i)].rate = 0;
    }
  }
  return faults;
}

void say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') {
      c = ' ';
    }
  }
  return text;
}

std::string command_for(const Job& job, const scenarios::Scenario& scenario) {
  return "vigil-sim run " + std::string(scenario.name) + " --seed %" +
         (job.faults_file.empty() ? "" : " --faults " + job.faults_file);
}

int run_seeds(const Job& job, const std::vector<const scenarios::Scenario*>& plays,
              const sim::Faults* weather) {
  bool shrunk = false;
  bool failed = false;
  for (std::uint64_t i = 0; i < job.count; ++i) {
    const std::uint64_t seed = job.first + i * job.stride;
    say("@begin " + std::to_string(seed) + "\n");
    const scenarios::Scenario& scenario = *plays[i % plays.size()];
    const SeedWeather here = weather_of(seed, weather);
    Record record{.seed = seed};
    sim::ExploreOptions options;
    options.first_seed = seed;
    options.seeds = 1;
    options.world.faults = here.faults;
    options.replay_command = command_for(job, scenario);
    options.shrink_at_most = std::chrono::seconds(shrunk ? 0 : job.shrink_seconds);
    std::uint64_t requests = 0;
    std::uint64_t answered = 0;
    options.after_each = [&](std::uint64_t, sim::World& world) {
      record.trace_hash = world.trace_hash();
      record.steps = world.steps();
      record.simulated = static_cast<std::uint64_t>(world.now().count());
      record.requests = requests;
      record.answered = answered;
      for (const sim::Strike& strike : world.struck()) {
        ++record.strikes[static_cast<std::size_t>(strike.fault)];
      }
      return false;
    };
    const auto explored = sim::explore(
        [&](sim::World& world) {
          scenarios::Run run{.world = world, .strict = here.strict};
          scenario.play(run);
          requests = run.requests;
          answered = run.answered;
        },
        options);
    for (const sim::FailedSeed& failure : explored.failed) {
      shrunk = true;
      failed = true;
      say("@fail " + std::to_string(seed) + " " + one_line(failure.failure.what) + "\n" +
          failure.report + "\n");
    }
    say(written(record));
    if (failed && job.first_only) {
      break;
    }
  }
  return failed ? 1 : 0;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

bool excuses_nothing(const sim::Faults& faults) noexcept {
  for (std::size_t i = 0; i < sim::kFaults; ++i) {
    const auto fault = static_cast<Fault>(i);
    if (faults[fault].rate != 0 && !harmless(fault)) {
      return false;
    }
  }
  return true;
}

SeedWeather weather_of(std::uint64_t seed, const sim::Faults* from_file) {
  SeedWeather weather;
  if (from_file != nullptr) {
    weather.faults = *from_file;
  } else if (seed % 8 == 0) {
    weather.faults = sim::Faults::none();
  } else if (seed % 2 == 0) {
    weather.faults = harmless_only(sim::Faults::ordinary());
  } else {
    weather.faults = sim::Faults::ordinary();
  }
  weather.strict = excuses_nothing(weather.faults);
  return weather;
}

std::vector<std::string> words_of(const Job& job) {
  return {std::string(kWorkerWord),
          job.what,
          job.scenario,
          std::to_string(job.first),
          std::to_string(job.stride),
          std::to_string(job.count),
          std::to_string(job.shrink_seconds),
          job.first_only ? "1" : "0",
          std::to_string(job.scatter),
          job.faults_file};
}

int work(std::span<const std::string_view> words) {
  if (words.size() != 10) {
    return 2;
  }
  const Job job{.scenario = std::string(words[2]),
                .first = number(words[3]),
                .stride = number(words[4]),
                .count = number(words[5]),
                .faults_file = std::string(words[9]),
                .shrink_seconds = number(words[6]),
                .scatter = number(words[8]),
                .first_only = words[7] == "1",
                .what = std::string(words[1])};
  std::vector<const scenarios::Scenario*> plays;
  for (std::string_view rest = job.scenario; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    plays.push_back(scenarios::find(name));
    if (plays.back() == nullptr) {
      return 2;
    }
  }
  if (plays.empty()) {
    return 2;
  }
  std::optional<sim::Faults> weather;
  if (!job.faults_file.empty()) {
    std::ifstream file(job.faults_file);
    std::stringstream text;
    text << file.rdbuf();
    const auto parsed = sim::Faults::parse(text.str(), sim::Faults::ordinary());
    if (!file || !parsed) {
      return 2;
    }
    weather = *parsed;
  }
  if (job.scatter != 0) {
    points::scatter_allocations(job.scatter);
  }
  if (!guard::begin()) {
    say("@unguarded 0\n");
  }
  if (job.what != "seeds") {
    return points::work(job, *plays[0]);
  }
  return run_seeds(job, plays, weather ? &*weather : nullptr);
}

}  // namespace vigil::driver

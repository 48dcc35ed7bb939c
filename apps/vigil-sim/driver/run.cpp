// Runs seeds, shows how far it is, and says what was covered.
#include "driver/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "driver/pool.hpp"
#include "driver/trace.hpp"

namespace vigil::driver {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMostFailures = 10;

// All that was covered.
struct Totals {
  std::map<std::uint64_t, std::uint64_t> hashes;  // by seed
  std::uint64_t steps = 0;
  double simulated = 0;  // seconds
  std::uint64_t requests = 0;
  std::uint64_t answered = 0;
  std::array<std::uint64_t, sim::kFaults> strikes{};
  std::vector<WorkerFailure> failures;
  Clock::time_point began = Clock::now();

  void add(const Record& record) {
    hashes[record.seed] = record.trace_hash;
    steps += record.steps;
    simulated += static_cast<double>(record.simulated) / 1e9;
    requests += record.requests;
    answered += record.answered;
    for (std::size_t i = 0; i < strikes.size(); ++i) {
      strikes[i] += record.strikes[i];
    }
  }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - began).count(); }
  // Of one seed its own; of several all together, in the order of the seeds.
  std::uint64_t hash() const {
    if (hashes.size() == 1) {
      return hashes.begin()->second;
    }
    std::uint64_t all = 0xcbf29ce484222325ULL;
    for (const auto& [seed, hash] : hashes) {
      all = (all ^ hash) * 0x100000001b3ULL;
    }
    return all;
  }
  std::string line() const {
    const double real = std::max(seconds(), 0.001);
    std::array<char, 256> text{};
    std::snprintf(text.data(), text.size(),
                  "%zu seeds, %.1f a second; %.2f simulated hours, %.0f s a second; "
                  "%" PRIu64 " requests, %.0f a second; %zu failing",
                  hashes.size(), static_cast<double>(hashes.size()) / real, simulated / 3600,
                  simulated / real, requests, static_cast<double>(requests) / real,
                  failures.size());
    return text.data();
  }
};

std::string hex(std::uint64_t value) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, value);
  return text.data();
}

std::string json(const Settings& settings, std::uint64_t first, const Totals& totals,
                 bool interrupted) {
  std::string out = "{\"scenario\": " + quoted(settings.scenario) +
                    ", \"first_seed\": " + std::to_string(first) +
                    ", \"seeds\": " + std::to_string(totals.hashes.size()) +
                    ", \"trace_hash\": " + quoted(hex(totals.hash())) +
                    ", \"steps\": " + std::to_string(totals.steps) +
                    ", \"requests\": " + std::to_string(totals.requests) +
                    ", \"answered\": " + std::to_string(totals.answered);
  std::array<char, 96> numbers{};
  std::snprintf(numbers.data(), numbers.size(),
                ", \"simulated_seconds\": %.3f, \"real_seconds\": %.3f", totals.simulated,
                totals.seconds());
  out += numbers.data();
  out += interrupted ? ", \"interrupted\": true" : "";
  out += ", \"strikes\": {";
  bool first_one = true;
  for (std::size_t i = 0; i < totals.strikes.size(); ++i) {
    if (totals.strikes[i] != 0) {
      out += (first_one ? "" : ", ") + quoted(sim::describe(static_cast<sim::Fault>(i)).name) +
             ": " + std::to_string(totals.strikes[i]);
      first_one = false;
    }
  }
  out += "}, \"failed\": [";
  for (std::size_t i = 0; i < totals.failures.size(); ++i) {
    const WorkerFailure& failure = totals.failures[i];
    out += (i == 0 ? "" : ", ") + std::string("{\"seed\": ") + std::to_string(failure.seed) +
           ", \"what\": " + quoted(failure.what) + ", \"report\": " + quoted(failure.report) + "}";
  }
  return out + "]}\n";
}

int wrong(const std::string& sentence) {
  std::fprintf(stderr, "%s\n", sentence.c_str());
  return 2;
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(c));
      out += code.data();
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::uint64_t drawn_seed() {
  std::random_device entropy;
  return 1 + ((std::uint64_t{entropy()} << 8) ^ entropy()) % 1'000'000'000;
}

std::string own_path() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "vigil-sim";
}

std::uint64_t jobs_or_all(std::uint64_t asked) {
  return asked != 0 ? asked : std::max(1u, std::thread::hardware_concurrency());
}

std::string check_scenario(const std::string& command, const std::string& name) {
  if (scenarios::find(name) != nullptr) {
    return {};
  }
  std::vector<std::string_view> names;
  for (const scenarios::Scenario& each : scenarios::all()) {
    names.push_back(each.name);
  }
  return "vigil-sim " + command + ": there is no scenario '" + name.substr(0, 60) + "'. " +
         nearest_sentence(names, name, "", "vigil-sim list shows them.");
}

std::string check_faults_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return "vigil-sim run: cannot read " + path + ": " + std::strerror(errno) +
           ". Name a file of faults; vigil-sim list --faults shows what it can hold.";
  }
  std::stringstream text;
  text << file.rdbuf();
  const auto parsed = sim::Faults::parse(text.str(), sim::Faults::ordinary());
  return parsed ? "" : "vigil-sim run: " + path + ": " + parsed.error();
}

int run(const Settings& settings) {
  if (const std::string fault = check_scenario("run", settings.scenario); !fault.empty()) {
    return wrong(fault);
  }
  if (!settings.faults_file.empty()) {
    if (const std::string fault = check_faults_file(settings.faults_file); !fault.empty()) {
      return wrong(fault);
    }
  }
  const std::uint64_t seeds = settings.seeds != 0 ? settings.seeds : settings.seed ? 1 : 100;
  const std::uint64_t first = settings.seed ? *settings.seed : drawn_seed();
  if (!settings.trace_file.empty()) {
    if (seeds != 1) {
      return wrong("vigil-sim run: --trace keeps one run. Name its seed with --seed.");
    }
    return run_traced(settings, first);
  }
  Totals totals;
  const bool progress = !settings.json && ::isatty(STDOUT_FILENO) == 1;
  auto shown = Clock::now();
  const auto clear = [progress] {
    if (progress) {
      std::fputs("\r\x1b[K", stdout);
    }
  };
  Pool* running = nullptr;
  Pool pool(own_path(),
            {.done = [&](const Record& record) { totals.add(record); },
             .failed =
                 [&](const WorkerFailure& failure) {
                   totals.failures.push_back(failure);
                   if (!settings.json) {
                     clear();
                     std::printf("seed %" PRIu64 " failed: %s\n%s", failure.seed,
                                 failure.what.c_str(), failure.report.c_str());
                     std::printf("again: vigil-sim run %s --seed %" PRIu64 "%s%s\n",
                                 settings.scenario.c_str(), failure.seed,
                                 settings.faults_file.empty() ? "" : " --faults ",
                                 settings.faults_file.c_str());
                     std::fflush(stdout);
                   }
                   if (totals.failures.size() >= kMostFailures) {
                     running->stop();
                   }
                 },
             .mark =
                 [told = false, &settings](const Job&, const Mark& mark) mutable {
                   if (mark.word == "unguarded" && !std::exchange(told, true) && !settings.json) {
                     std::fputs(
                         "vigil-sim run: this machine does not show system calls that escape "
                         "the simulation; clocks and threads are caught.\n",
                         stderr);
                   }
                 },
             .tick =
                 [&] {
                   if (progress && Clock::now() - shown > std::chrono::milliseconds(250)) {
                     shown = Clock::now();
                     clear();
                     std::fputs(totals.line().c_str(), stdout);
                     std::fflush(stdout);
                   }
                 }});
  running = &pool;
  const std::uint64_t jobs = std::min(jobs_or_all(settings.jobs), seeds);
  for (std::uint64_t job = 0; job < jobs; ++job) {
    pool.add({.scenario = settings.scenario,
              .first = first + job,
              .stride = jobs,
              .count = seeds / jobs + (job < seeds % jobs ? 1 : 0),
              .faults_file = settings.faults_file,
              .scatter = settings.scatter});
  }
  pool.run(jobs);
  clear();
  if (settings.json) {
    std::fputs(json(settings, first, totals, pool.interrupted()).c_str(), stdout);
  } else {
    std::printf("%s: seeds %" PRIu64 " to %" PRIu64 "%s\n%s\ntrace hash %s\n",
                settings.scenario.c_str(), first, first + seeds - 1,
                pool.interrupted() ? ", interrupted: what follows was covered" : "",
                totals.line().c_str(), hex(totals.hash()).c_str());
  }
  std::fflush(stdout);
  return totals.failures.empty() ? 0 : 1;
}

}  // namespace vigil::driver

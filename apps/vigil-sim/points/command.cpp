// `vigil-sim points`: all of them, in worker processes.
#include <array>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <optional>

#include "driver/pool.hpp"
#include "driver/run.hpp"
#include "points/points.hpp"

namespace vigil::points {
namespace {

std::optional<Kind> kind_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (name_of(static_cast<Kind>(i)) == name) {
      return static_cast<Kind>(i);
    }
  }
  return std::nullopt;
}

void say(const std::string& line) {
  std::fputs(line.c_str(), stdout);
  std::fflush(stdout);
}

using Counts = std::map<std::string, std::array<std::uint64_t, kKinds>>;

std::uint64_t sum(const std::array<std::uint64_t, kKinds>& counts) {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts) {
    all += count;
  }
  return all;
}

std::array<std::uint64_t, kKinds> totals(const Counts& counts) {
  std::array<std::uint64_t, kKinds> all{};
  for (const auto& [scenario, of] : counts) {
    for (std::size_t i = 0; i < kKinds; ++i) {
      all[i] += of[i];
    }
  }
  return all;
}

void print(const Counts& counts, std::size_t failures, bool json) {
  const auto all = totals(counts);
  if (json) {
    std::printf("{\"points\": %" PRIu64 ", \"scenarios\": %zu", sum(all), counts.size());
    for (std::size_t i = 0; i < kKinds; ++i) {
      std::printf(", \"%s\": %" PRIu64, name_of(static_cast<Kind>(i)).data(), all[i]);
    }
    std::printf(", \"failed\": %zu}\n", failures);
    return;
  }
  std::printf("%-18s %10s %10s %10s %10s %10s\n", "scenario", "allocation", "call", "cancel",
              "scope", "crash");
  for (const auto& [scenario, of] : counts) {
    std::printf("%-18s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n",
                scenario.c_str(), of[0], of[1], of[2], of[3], of[4]);
  }
  std::printf("%-18s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n",
              "all", all[0], all[1], all[2], all[3], all[4]);
  std::printf("%" PRIu64 " points in %zu scenarios, %zu failed\n", sum(all), counts.size(),
              failures);
}

// "KIND:N" of `--point`.
int run_one(const scenarios::Scenario& scenario, const std::string& point) {
  const std::size_t colon = point.find(':');
  const auto kind = kind_named(point.substr(0, colon));
  const std::uint64_t number =
      colon == std::string::npos ? 0 : std::strtoull(point.c_str() + colon + 1, nullptr, 10);
  if (!kind) {
    std::fprintf(stderr,
                 "vigil-sim points: --point %s is none. Write allocation:N, call:N, cancel:N, "
                 "scope:N or crash:N.\n",
                 point.c_str());
    return 2;
  }
  const Points points(scenario, *kind);
  if (number >= points.count()) {
    std::fprintf(stderr, "vigil-sim points: %s has %" PRIu64 " points of this kind, from 0 on.\n",
                 std::string(scenario.name).c_str(), points.count());
    return 2;
  }
  const std::string wrong = points.fail(number, true);
  std::printf("%s\n", wrong.empty() ? "nothing wrong" : wrong.c_str());
  return wrong.empty() ? 0 : 1;
}

}  // namespace

int work(const driver::Job& job, const scenarios::Scenario& scenario) {
  const auto kind = kind_named(job.what);
  if (!kind) {
    return 2;
  }
  const Points points(scenario, *kind);
  std::uint64_t done = 0;
  bool failed = false;
  for (std::uint64_t point = job.first; point < points.count(); ++point) {
    say("@begin " + std::to_string(point) + "\n");
    if (const std::string wrong = points.fail(point, false); !wrong.empty()) {
      failed = true;
      say("@wrong " + std::to_string(point) + " " + wrong + "\n");
    }
    ++done;
  }
  say("@points " + std::to_string(done) + "\n");
  say(driver::written({.seed = points.count()}));
  return failed ? 1 : 0;
}

int run(const driver::Settings& settings) {
  if (!settings.scenario.empty()) {
    if (const std::string fault = driver::check_scenario("points", settings.scenario);
        !fault.empty()) {
      std::fprintf(stderr, "%s\n", fault.c_str());
      return 2;
    }
    if (!settings.point.empty()) {
      return run_one(*scenarios::find(settings.scenario), settings.point);
    }
  }
  Counts counts;
  std::size_t failures = 0;
  driver::Pool pool(driver::own_path(),
                    {.done = [](const driver::Record&) {},
                     .failed =
                         [&](const driver::WorkerFailure& failure) {
                           ++failures;
                           std::printf("%s, %s %" PRIu64 ": %s\n%s", failure.job.scenario.c_str(),
                                       failure.job.what.c_str(), failure.seed, failure.what.c_str(),
                                       failure.report.c_str());
                         },
                     .mark =
                         [&](const driver::Job& job, const driver::Mark& mark) {
                           const auto kind = kind_named(job.what);
                           if (mark.word == "points" && kind) {
                             counts[job.scenario][static_cast<std::size_t>(*kind)] += mark.number;
                           } else if (mark.word == "wrong") {
                             ++failures;
                             std::printf("%s, %s %" PRIu64
                                         ": %s\n  again: vigil-sim points %s --point %s:%" PRIu64
                                         "\n",
                                         job.scenario.c_str(), job.what.c_str(), mark.number,
                                         std::string(mark.rest).c_str(), job.scenario.c_str(),
                                         job.what.c_str(), mark.number);
                             std::fflush(stdout);
                           }
                         },
                     .tick = {}});
  for (const scenarios::Scenario& scenario : scenarios::all()) {
    if (!settings.scenario.empty() && scenario.name != settings.scenario) {
      continue;
    }
    for (std::size_t i = 0; i < kKinds; ++i) {
      pool.add({.scenario = std::string(scenario.name),
                .first = 0,
                .count = ~std::uint64_t{0},
                .what = std::string(name_of(static_cast<Kind>(i)))});
    }
  }
  pool.run(driver::jobs_or_all(settings.jobs));
  print(counts, failures, settings.json);
  return failures == 0 ? 0 : 1;
}

}  // namespace vigil::points

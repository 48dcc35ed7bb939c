// Seeds, one after the other; and the report of one that failed.
#include "vigil/sim/explore.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <source_location>

#include "explore/shrink.hpp"
#include "vigil/base/check.hpp"
#include "world/core.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kFaultsShown = 40;  // where there are more than it takes

struct Run {
  std::uint64_t trace_hash = 0;
  std::optional<Failure> failure;
  std::vector<Strike> struck;
  std::vector<std::string> hosts;
  std::string timeline;
};

// The command that runs the current seed again, for a check that fails.
thread_local std::string current_replay;

std::string replay_command(const ExploreOptions& options, std::uint64_t seed) {
  std::string text = options.replay_command;
  if (const std::size_t place = text.find('%'); place != std::string::npos) {
    text.replace(place, 1, std::to_string(seed));
  }
  return text;
}

[[noreturn]] void end_at_check(std::string_view sentence, std::source_location where) {
  set_check_handler(nullptr);  // one that fails on the way is told plainly
  std::fprintf(stderr, "check failed at %s:%u: %.*s\n", where.file_name(),
               static_cast<unsigned>(where.line()), static_cast<int>(sentence.size()),
               sentence.data());
  if (World* world = this_world()) {
    std::fprintf(stderr, "seed %llu, at %s s\n", static_cast<unsigned long long>(world->seed()),
                 seconds_text(world->now()).c_str());
    if (!current_replay.empty()) {
      std::fprintf(stderr, "again: %s\n", current_replay.c_str());
    }
    std::fprintf(stderr, "what happened last:\n%s", world->timeline(12).c_str());
  }
  std::_Exit(1);
}

// While one lives, a check that fails names the seed.
class ChecksNameTheSeed {
 public:
  ChecksNameTheSeed() noexcept
      : before_(set_check_handler([](std::string_view sentence, std::source_location where) {
          end_at_check(sentence, where);
        })) {}
  ~ChecksNameTheSeed() { set_check_handler(before_); }
  ChecksNameTheSeed(const ChecksNameTheSeed&) = delete;
  ChecksNameTheSeed& operator=(const ChecksNameTheSeed&) = delete;

 private:
  CheckHandler before_;
};

Run run_again(const Scenario& scenario, const ExploreOptions& options, std::uint64_t seed,
              std::optional<std::vector<Strike>> only, bool timeline) {
  WorldOptions with = options.world;
  if (only) {
    with.only = std::move(only);
  }
  World world(seed, std::move(with));
  scenario(world);
  Run run{world.trace_hash(), world.failure(), world.struck(), {}, {}};
  for (const auto& host : world.core().hosts()) {
    run.hosts.push_back(host->name);
  }
  if (timeline) {
    run.timeline = world.timeline(options.timeline_lines);
  }
  return run;
}

// The sentence without its numbers, which a run with fewer faults says differently.
std::string kind_of(const Failure& failure) {
  std::string kind;
  for (const char c : failure.what) {
    if (c < '0' || c > '9') {
      kind.push_back(c);
    }
  }
  return kind;
}

std::string describe_faults(const Run& least, std::size_t of, const Shrunk& shrunk, bool tried) {
  std::string text;
  if (shrunk.left.empty()) {
    return tried ? "  it takes no fault to make it fail\n" : "  no fault had struck\n";
  }
  const std::string count = std::to_string(shrunk.left.size());
  if (shrunk.minimal) {
    text = "  without any one of these faults it does not fail (" + count + " of the " +
           std::to_string(of) + " that struck, found in " + std::to_string(shrunk.runs) +
           " runs):\n";
  } else if (tried) {
    text = "  the time for shrinking was over with " + count + " faults left of the " +
           std::to_string(of) + " that struck, after " + std::to_string(shrunk.runs) + " runs:\n";
  } else {
    text = "  the faults that struck:\n";
  }
  const std::size_t shown =
      shrunk.minimal ? shrunk.left.size() : std::min(shrunk.left.size(), kFaultsShown);
  for (std::size_t i = 0; i != shown; ++i) {
    const Strike& strike = shrunk.left[i];
    text.append("    at ").append(seconds_text(strike.at)).append(" s, ");
    text.append(least.hosts[strike.host]).append(": ").append(describe(strike.fault).name);
    text.append(" (draw ").append(std::to_string(strike.draw)).append(")\n");
  }
  if (shown != shrunk.left.size()) {
    text.append("    and " + std::to_string(shrunk.left.size() - shown) + " more\n");
  }
  return text;
}

FailedSeed examine(const Scenario& scenario, const ExploreOptions& options, std::uint64_t seed,
                   Run first) {
  const auto began = std::chrono::steady_clock::now();
  const auto over = [&] {
    return std::chrono::steady_clock::now() - began >= options.shrink_at_most;
  };
  FailedSeed failed;
  failed.seed = seed;
  failed.failure = *first.failure;
  failed.trace_hash = first.trace_hash;
  Run least = run_again(scenario, options, seed, std::nullopt, true);
  failed.same_again = least.trace_hash == first.trace_hash && least.failure.has_value();
  const bool shrinks = failed.same_again && options.shrink_at_most > Nanos::zero();
  Shrunk shrunk{.left = first.struck};
  if (shrinks) {
    const std::string kind = kind_of(failed.failure);
    const auto fails = [&](const std::vector<Strike>& strikes) {
      Run run = run_again(scenario, options, seed, strikes, true);
      const bool same = run.failure && kind_of(*run.failure) == kind;
      if (same) {
        least = std::move(run);
      }
      return same;
    };
    shrunk = shrink(first.struck, fails, over);
  }
  failed.faults = shrunk.left;
  failed.minimal = shrunk.minimal;

  std::string& report = failed.report;
  report = "seed " + std::to_string(seed) + " failed at " + seconds_text(failed.failure.at) +
           " s: " + failed.failure.what + "\n";
  if (const std::string again = replay_command(options, seed); !again.empty()) {
    report.append("  again: ").append(again).append("\n");
  }
  if (!failed.same_again) {
    report.append(
        "  The same seed ran differently a second time, so something is not simulated: a real "
        "clock, a thread, a random number, an order by addresses, or what the scenario keeps "
        "between runs.\n");
  }
  if (options.shrink_at_most > Nanos::zero() || failed.same_again) {
    report.append(describe_faults(least, first.struck.size(), shrunk, shrinks));
  }
  report.append("  what each host did last, with only those faults:\n").append(least.timeline);
  return failed;
}

}  // namespace

Explored explore(const Scenario& scenario, const ExploreOptions& options) {
  const ChecksNameTheSeed naming;
  Explored explored;
  for (std::uint64_t i = 0; i != options.seeds; ++i) {
    const std::uint64_t seed = options.first_seed + i;
    current_replay = replay_command(options, seed);
    Run run;
    bool goes_on = true;
    {
      World world(seed, options.world);
      scenario(world);
      run.trace_hash = world.trace_hash();
      run.failure = world.failure();
      run.struck = world.struck();
      ++explored.seeds;
      explored.steps += world.steps();
      explored.simulated += world.now();
      explored.trace_hash = mix(explored.trace_hash, run.trace_hash);
      goes_on = options.after_each ? options.after_each(seed, world) : !run.failure;
    }
    if (run.failure) {
      explored.failed.push_back(examine(scenario, options, seed, std::move(run)));
    }
    if (!goes_on) {
      break;
    }
  }
  return explored;
}

}  // namespace vigil::sim

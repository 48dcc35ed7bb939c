// Re-arming one of 100,000 timers on vigil's wheel, the counterpart of floor/wheel.c with the same
// order and delays. `bench_timers [--later | --sooner] [--pick-only] COUNT`: all deadlines move
// later (an idle timeout), all sooner, or both; --pick-only does all but the re-arming, so that its
// cost can be subtracted.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "floor/rearm.h"
#include "vigil/loop/timer.hpp"

namespace {

enum class Move { both, later, sooner };

vigil::Nanos delay_of(Move move, std::uint32_t round) {
  constexpr std::uint64_t kSooner = 3'600'000;
  std::uint64_t ms = rearm_delay_ms(round);
  if (move == Move::later) {
    ms = 100'000 + round;
  } else if (move == Move::sooner) {
    ms = kSooner - round;
  }
  return std::chrono::milliseconds(ms);
}

struct Wanted {
  Move move = Move::both;
  bool pick_only = false;
  std::uint32_t count = 0;
};

Wanted parse(int argc, char** argv) {
  Wanted wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--later") {
      wanted.move = Move::later;
    } else if (word == "--sooner") {
      wanted.move = Move::sooner;
    } else if (word == "--pick-only") {
      wanted.pick_only = true;
    } else {
      wanted.count = static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10));
    }
  }
  return wanted;
}

}  // namespace

int main(int argc, char** argv) {
  const Wanted wanted = parse(argc, argv);
  if (wanted.count == 0) {
    std::fprintf(stderr, "usage: %s [--later | --sooner] [--pick-only] COUNT\n", argv[0]);
    return 2;
  }
  const vigil::Instant now{std::chrono::hours(1)};
  const auto wheel = std::make_unique<vigil::TimerWheel>(now);
  std::vector<vigil::Timer> timers(kTimers);
  const vigil::Nanos last = std::chrono::hours(2);
  for (std::uint32_t i = 0; i < kTimers; ++i) {
    const bool far = wanted.move == Move::sooner;
    wheel->arm(timers[i], now + (far ? last : delay_of(Move::both, i)));
  }

  std::uint32_t timer = 0;
  std::int64_t kept = 0;
  for (std::uint32_t round = 0; round < wanted.count; ++round) {
    timer = rearm_next(timer);
    const vigil::Instant deadline = now + delay_of(wanted.move, round);
    if (wanted.pick_only) {
      kept += (deadline - timers[timer].deadline).count();
    } else {
      wheel->arm(timers[timer], deadline);
    }
  }
  std::printf("re-armed %u of %d timers (%lld)\n", wanted.pick_only ? 0 : wanted.count, kTimers,
              static_cast<long long>(kept));
  for (vigil::Timer& each : timers) {
    wheel->stop(each);
  }
  return 0;
}

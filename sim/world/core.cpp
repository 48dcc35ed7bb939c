// What runs next, and when time passes.
#include "world/core.hpp"

#include <algorithm>

namespace vigil::sim {
namespace {

// A loop that turned so often while no time passed and nothing moved will turn forever.
constexpr std::uint32_t kIdleTurns = 10'000;
// And one that moves things, but never lets time pass, so often.
constexpr std::uint32_t kTurnsAtOnce = 1'000'000;

}  // namespace

WorldCore::WorldCore(World& world, std::uint64_t seed, WorldOptions options)
    : world_(world),
      seed_(seed),
      options_(std::move(options)),
      weather_(clock_, seed, options_.faults, options_.only),
      trace_(clock_, options_.trace),
      network_(clock_, weather_, trace_, seed),
      order_(seed, "order") {
  static const bool registered = (register_faces(), true);
  static_cast<void>(registered);
  network_.set_default({.latency = options_.latency,
                        .jitter = options_.jitter,
                        .bytes_per_second = options_.bytes_per_second});
  second_.core = this;
  second_.fire = [](Alarm& alarm) noexcept { static_cast<Second&>(alarm).core->storms(); };
  start_storms();
}

WorldCore::~WorldCore() {
  for (const auto& host : hosts_) {
    crash_now(*host);
  }
  clock_.stop(second_);
  for (const auto& late : late_) {
    clock_.stop(*late);
  }
  for (const auto& outage : outages_) {
    clock_.stop(*outage);
  }
}

// Nothing is on its way, and nobody waits for a time.
bool WorldCore::quiet() const noexcept { return clock_.alarms() == (second_.set() ? 1U : 0U); }

WorldCore::Moved WorldCore::step(Instant limit, bool weather_counts) {
  const bool due = clock_.next() <= clock_.now();
  const std::size_t choices = ready_.size() + (due ? 1 : 0);
  if (choices == 0) {
    if (clock_.next() == kNever || (!weather_counts && quiet())) {
      return Moved::never;
    }
    if (clock_.next() > limit) {
      return Moved::later;
    }
    clock_.fire_next();
  } else {
    const std::size_t pick = choices == 1 ? 0 : order_.below(choices);
    if (pick == ready_.size()) {
      clock_.fire_next();
    } else {
      const Ready chosen = ready_[pick];
      ready_[pick] = ready_.back();
      ready_.pop_back();
      run(chosen);
    }
  }
  ++steps_;
  settle();
  return Moved::yes;
}

void WorldCore::jump(Instant to) noexcept {
  if (to != kNever && to > clock_.now()) {
    clock_.jump(to);
  }
}

void WorldCore::run(Ready ready) {
  running_ = ready.program;
  trace_.stir(2 * std::uint64_t{ready.program->index} + (ready.crew != nullptr ? 1 : 0));
  trace_.set_turn(ready.program->host.id, ready.program->index);
  if (ready.crew != nullptr) {
    ready.crew->step();
    if (ready.program->running() && !ready.program->killed_by && spins(*ready.program)) {
      fail_spinning(*ready.program);
    }
  } else {
    turn(*ready.program);
  }
  trace_.set_turn(Trace::kWorld, Trace::kNobody);
  running_ = nullptr;
}

void WorldCore::turn(Program::State& program) {
  program.queued = false;
  bool again = false;
  bool ended = false;
  {
    const Seat::Turn turn(*program.seat);
    program.seat->turns();
    program.loop->turn();
    again = !program.seat->waiting() || program.loop->next() <= clock_.now();
    ended = over(program);
  }
  if (program.killed_by) {
    return;  // settle() buries it
  }
  if (ended) {
    end(program);
  } else if (spins(program)) {
    fail_spinning(program);
  } else if (again) {
    runnable(*program.seat);
  }
}

void WorldCore::fail_spinning(const Program::State& program) {
  fail(full_name(program) + " spins: its loop turned " + std::to_string(program.turns_at_once) +
       " times while no time passed, the last " + std::to_string(program.idle_turns) +
       " of them without any effect");
}

bool WorldCore::spins(Program::State& program) {
  if (program.turned_at != clock_.now()) {
    program.turned_at = clock_.now();
    program.idle_turns = 0;
    program.turns_at_once = 0;
  }
  program.idle_turns = program.notes_then == trace_.notes() ? program.idle_turns + 1 : 0;
  program.notes_then = trace_.notes();
  return ++program.turns_at_once > kTurnsAtOnce || program.idle_turns > kIdleTurns;
}

// Deaths and crashes that came during a turn wait for its end.
void WorldCore::settle() {
  if (running_ != nullptr || (dying_.empty() && switches_.empty())) {
    return;
  }
  while (!dying_.empty()) {
    Program::State& program = *dying_.back();
    dying_.pop_back();
    if (program.running()) {
      die(program, *program.killed_by);
    }
  }
  const std::vector<Switch> switches = std::exchange(switches_, {});
  for (const Switch& each : switches) {
    if (each.crash) {
      crash_now(*each.host);
    } else {
      restart_now(*each.host);
    }
  }
}

void WorldCore::runnable(Seat& seat) noexcept {
  auto& program = *static_cast<Program::State*>(seat.process().owner);
  if (!program.queued) {
    program.queued = true;
    ready_.push_back({&program, nullptr});
  }
}

void WorldCore::work(Crew& crew) noexcept {
  auto& program = *static_cast<Program::State*>(crew.seat().process().owner);
  const Nanos delay = weather_.lasts(Fault::late_lane, program.host.id);
  if (delay == Nanos::zero()) {
    ready_.push_back({&program, &crew});
    return;
  }
  Late& waiting = late();
  waiting.crew = &crew;
  clock_.set(waiting, clock_.now() + delay);
}

// One that is free, or a new one.
WorldCore::Late& WorldCore::late() {
  const auto free =
      std::find_if(late_.begin(), late_.end(), [](const auto& each) { return !each->set(); });
  if (free != late_.end()) {
    return **free;
  }
  auto made = std::make_unique<Late>();
  made->core = this;
  made->fire = [](Alarm& alarm) noexcept {
    auto& self = static_cast<Late&>(alarm);
    auto* program = static_cast<Program::State*>(self.crew->seat().process().owner);
    self.core->ready_.push_back({program, self.crew});
  };
  late_.push_back(std::move(made));
  return *late_.back();
}

void WorldCore::forget(Crew& crew) noexcept {
  std::erase_if(ready_, [&crew](const Ready& each) { return each.crew == &crew; });
  for (const auto& each : late_) {
    if (each->set() && each->crew == &crew) {
      clock_.stop(*each);
    }
  }
}

void WorldCore::fail(std::string what) {
  if (!failure_) {
    failure_ = Failure{std::move(what), now()};
    trace_.note(Trace::kWorld, "failure", 0, 0);
  }
}

}  // namespace vigil::sim

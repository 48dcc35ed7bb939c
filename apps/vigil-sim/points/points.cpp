// Counting the points of a scenario, and failing one.
#include "points/points.hpp"

#include <functional>
#include <vector>

#include "points/allocation.hpp"
#include "vigil/sim/world.hpp"
#include "world/core.hpp"

namespace vigil::points {
namespace {

using sim::Fault;

constexpr std::uint64_t kSeed = 1;

// Those that are drawn at a call or at what it hands over. The others come with time.
constexpr Fault kOfCalls[] = {
    Fault::short_read,      Fault::short_write,   Fault::interrupted,   Fault::spurious_event,
    Fault::late_event,      Fault::no_descriptor, Fault::no_memory,     Fault::aborted_accept,
    Fault::lost_segment,    Fault::reset_stream,  Fault::lost_datagram, Fault::duplicated_datagram,
    Fault::disk_slow,       Fault::disk_error,    Fault::disk_full,     Fault::late_lane,
    Fault::late_completion, Fault::lost_cancel,
};

sim::Faults always() {
  sim::Faults faults = sim::Faults::none();
  for (const Fault fault : kOfCalls) {
    faults[fault].rate = 1'000'000;  // of which only the chosen strike happens
  }
  return faults;
}

// What became of a run; empty: nothing wrong. A program that ends because memory is short has told
// why.
std::string verdict(sim::World& world, bool memory_is_short, bool timeline) {
  if (!world.failure()) {
    return {};
  }
  const std::string& what = world.failure()->what;
  if (memory_is_short && what.find("std::bad_alloc") != std::string::npos) {
    return {};
  }
  return timeline ? what + "\n" + world.timeline(40) : what;
}

struct Played {
  std::string wrong;
  std::uint64_t steps = 0;
};

sim::WorldOptions calm() { return {.faults = sim::Faults::none()}; }

// All scopes below `scope`, itself first.
void collect(const Scope& scope, std::vector<Scope*>& into) {
  into.push_back(const_cast<Scope*>(&scope));
  for (const Scope* inner = ScopeAccess::inner(scope); inner != nullptr;
       inner = ScopeAccess::sibling(*inner)) {
    collect(*inner, into);
  }
}

std::vector<sim::Program::State*> programs_of(sim::World& world) {
  std::vector<sim::Program::State*> programs;
  for (const auto& host : world.core().hosts()) {
    for (const auto& program : host->programs) {
      programs.push_back(program.get());
    }
  }
  return programs;
}

void cancel(scenarios::Run& run, std::uint64_t which, bool inner, std::uint64_t turn) {
  const auto programs = programs_of(run.world);
  if (which >= programs.size() || !programs[which]->loop) {
    return;
  }
  sim::Program::State& program = *programs[which];
  run.cancelled = true;
  const sim::Seat::Turn here(*program.seat);
  std::vector<Scope*> scopes;
  collect(*program.root, scopes);
  scopes[inner ? turn % scopes.size() : 0]->cancel();
  run.world.core().runnable(*program.seat);
}

void crash(scenarios::Run& run, std::uint64_t which) {
  auto& hosts = run.world.core().hosts();
  if (which >= hosts.size()) {
    return;
  }
  for (const auto& program : hosts[which]->programs) {
    run.cancelled = run.cancelled || !program->always;
  }
  run.world.core().crash(*hosts[which]);
  run.world.run_for(std::chrono::seconds(1));
  run.world.core().restart(*hosts[which]);
}

}  // namespace

std::string_view name_of(Kind kind) noexcept {
  constexpr std::string_view kNames[kKinds] = {"allocation", "call", "cancel", "scope", "crash"};
  return kNames[static_cast<std::size_t>(kind)];
}

Points::Points(const scenarios::Scenario& scenario, Kind kind) : scenario_(scenario), kind_(kind) {
  sim::WorldOptions options = calm();
  if (kind == Kind::call) {
    options.faults = always();
    options.only.emplace();
  }
  sim::World world(kSeed, options);
  scenarios::Run run{.world = world, .size = scenarios::Size::small};
  if (kind == Kind::allocation) {
    begin_record();
  }
  scenario.play(run);
  steps_ = world.steps();
  switch (kind) {
    case Kind::allocation:
      allocations_ = end_record();
      count_ = allocations_.size();
      break;
    case Kind::call:
      for (sim::HostId host = 0; host < world.core().hosts().size(); ++host) {
        for (const Fault fault : kOfCalls) {
          const std::uint64_t draws = world.core().weather().draws(fault, host);
          for (std::uint64_t draw = 1; draw <= draws; ++draw) {
            strikes_.push_back({.fault = fault, .host = host, .draw = draw});
          }
        }
      }
      count_ = strikes_.size();
      break;
    case Kind::cancel:
    case Kind::scope:
      targets_ = programs_of(world).size();
      count_ = steps_ * targets_;
      break;
    case Kind::crash:
      targets_ = world.core().hosts().size();
      count_ = steps_ * targets_;
      break;
  }
}

std::string Points::fail(std::uint64_t point, bool timeline) const {
  switch (kind_) {
    case Kind::allocation:
      return fail_allocation(allocations_[point], timeline);
    case Kind::call:
      return fail_call(strikes_[point], timeline);
    default:
      return interrupt(point, timeline);
  }
}

std::string Points::fail_allocation(std::uint64_t number, bool timeline) const {
  sim::World world(kSeed, calm());
  scenarios::Run run{.world = world, .size = scenarios::Size::small, .memory_fails = true};
  points::fail_allocation(number);
  scenario_.play(run);
  const bool reached = end_fail();
  return reached ? verdict(world, true, timeline)
                 : "its allocations were others the second time: the run is not repeatable";
}

std::string Points::fail_call(const sim::Strike& strike, bool timeline) const {
  sim::WorldOptions options = calm();
  options.faults = always();
  options.only.emplace({strike});
  sim::World world(kSeed, options);
  scenarios::Run run{.world = world, .size = scenarios::Size::small};
  scenario_.play(run);
  const std::string wrong = verdict(world, true, timeline);
  return wrong.empty() ? wrong : std::string(sim::describe(strike.fault).name) + ": " + wrong;
}

std::string Points::interrupt(std::uint64_t point, bool timeline) const {
  const std::uint64_t step = point / targets_;
  const std::uint64_t target = point % targets_;
  sim::World world(kSeed, calm());
  scenarios::Run run{.world = world, .size = scenarios::Size::small};
  run.interrupt_at = step;
  run.interrupt = [&] {
    if (kind_ == Kind::crash) {
      crash(run, target);
    } else {
      cancel(run, target, kind_ == Kind::scope, step);
    }
  };
  scenario_.play(run);
  return verdict(world, false, timeline);
}

}  // namespace vigil::points

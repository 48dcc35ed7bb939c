// Fault points: each place of a scenario at which something can fail, made to fail in turn.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "driver/commands.hpp"
#include "driver/worker.hpp"
#include "scenarios/scenario.hpp"
#include "vigil/sim/faults.hpp"

namespace vigil::points {

// What is made to fail.
enum class Kind : std::uint8_t {
  allocation,  // an allocation that a program makes returns null, or throws
  call,        // a system call, or what comes of it, goes wrong in one of the ways that it can
  cancel,      // a program's root scope is cancelled after a step
  scope,       // one of its inner scopes is
  crash        // a host dies after a step, and starts again
};
inline constexpr std::size_t kKinds = 5;
std::string_view name_of(Kind kind) noexcept;

// The points of one kind in one scenario.
class Points {
 public:
  // Runs the scenario once, in calm weather, to count them.
  Points(const scenarios::Scenario& scenario, Kind kind);

  std::uint64_t count() const noexcept { return count_; }
  // Runs it once more, and has the point fail. What was wrong then; empty: nothing.
  std::string fail(std::uint64_t point, bool timeline) const;

 private:
  std::string fail_allocation(std::uint64_t number, bool timeline) const;
  std::string fail_call(const sim::Strike& strike, bool timeline) const;
  std::string interrupt(std::uint64_t point, bool timeline) const;

  const scenarios::Scenario& scenario_;
  Kind kind_;
  std::uint64_t count_ = 0;
  std::vector<std::uint64_t> allocations_;
  std::vector<sim::Strike> strikes_;
  std::uint64_t steps_ = 0;
  std::uint64_t targets_ = 1;  // programs or hosts
};

// `vigil-sim points [SCENARIO]`. The exit status.
int run(const driver::Settings& settings);

// A worker's part of it: every point of one kind in one scenario.
int work(const driver::Job& job, const scenarios::Scenario& scenario);

}  // namespace vigil::points

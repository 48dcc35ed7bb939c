// The scenarios and the faults, a line each.
#include "driver/list.hpp"

#include <cstdio>
#include <string>

#include "scenarios/scenario.hpp"
#include "vigil/sim/faults.hpp"

namespace vigil::driver {
namespace {

int width(std::string_view text) { return static_cast<int>(text.size()); }

// "50 ms", "2 s", "2 h".
std::string span_text(Nanos span) {
  struct Unit {
    Nanos size;
    const char* name;
  };
  constexpr Unit kUnits[] = {{std::chrono::hours(1), " h"},
                             {std::chrono::minutes(1), " min"},
                             {std::chrono::seconds(1), " s"},
                             {std::chrono::milliseconds(1), " ms"}};
  for (const Unit& unit : kUnits) {
    if (span >= unit.size && span % unit.size == Nanos::zero()) {
      return std::to_string(span / unit.size) + unit.name;
    }
  }
  return "-";
}

void list_faults() {
  std::printf("%-20s %-18s %-10s %-8s %s\n", "fault", "each", "rate", "longest", "meaning");
  for (std::size_t i = 0; i < sim::kFaults; ++i) {
    const sim::FaultRow& row = sim::describe(static_cast<sim::Fault>(i));
    std::printf("%-20.*s %-18.*s %-10.6g %-8s %.*s\n", width(row.name), row.name.data(),
                width(row.unit), row.unit.data(), row.rate / 1e6, span_text(row.longest).c_str(),
                width(row.meaning), row.meaning.data());
  }
  std::printf(
      "\nA file for run --faults has a table for each fault to change:\n\n"
      "  [reset_stream]\n  rate = 0.001          # a share: 1 is always, 0 switches it off\n"
      "  longest_ms = 50       # of a delay or an outage\n  from_s = 10           # since the run "
      "began\n  until_s = 60\n  hosts = [\"server\"]    # none named: all\n");
}

}  // namespace

int list(const Settings& settings) {
  if (settings.fault_table) {
    list_faults();
    return 0;
  }
  for (const scenarios::Scenario& scenario : scenarios::all()) {
    std::printf("%-18.*s %.*s\n", width(scenario.name), scenario.name.data(),
                width(scenario.summary), scenario.summary.data());
  }
  return 0;
}

}  // namespace vigil::driver

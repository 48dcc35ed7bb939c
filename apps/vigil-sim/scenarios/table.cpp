// The table of scenarios, from the files' rows.
#include <initializer_list>
#include <vector>

#include "scenarios/rows.hpp"

namespace vigil::scenarios {

std::span<const Scenario> all() noexcept {
  static const std::vector<Scenario> table = [] {
    std::vector<Scenario> rows;
    for (const auto part : {echo_rows(), chat_rows(), serve_rows(), http_rows(), datagram_rows(),
                            time_rows(), task_rows(), system_rows(), shard_rows(), ending_rows()}) {
      rows.insert(rows.end(), part.begin(), part.end());
    }
    return rows;
  }();
  return table;
}

const Scenario* find(std::string_view name) noexcept {
  for (const auto rows : {all(), escape_rows()}) {
    for (const Scenario& scenario : rows) {
      if (scenario.name == name) {
        return &scenario;
      }
    }
  }
  return nullptr;
}

}  // namespace vigil::scenarios

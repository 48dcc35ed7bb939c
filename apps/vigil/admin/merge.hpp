// What several processes say of themselves, as one answer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/panel.hpp"

namespace vigil::app {

// One of them, and what it said.
struct FromProcess {
  unsigned number = 0;
  std::int32_t id = 0;  // 0: there is none at the moment
  bool answered = false;
  std::string text;  // or why it did not answer, as the rest of a sentence
  std::uint64_t restarts = 0;
};

// Expositions as one: each sample gets the label `process`, "parent" for those of `own`. At the end
// stand figures that the parent alone has.
std::string merged_metrics(std::span<const FromProcess> all, const std::string& own);

// What the parent alone says of each process, beside all families of metric_families().
struct ParentFamily {
  std::string_view name;
  bool counts;  // a counter, else a gauge
  std::string_view help;
  std::uint64_t (*of)(const FromProcess& process);
};
std::span<const ParentFamily> parent_families() noexcept;

// /status.json: the shards of all, each with its `process`; sums where a process has one figure. On
// one line, without its end.
std::string merged_status(std::span<const FromProcess> all, const Snapshot& own);

std::string merged_dump(std::span<const FromProcess> all);
std::string merged_dump_json(std::span<const FromProcess> all);

// Of a connection: what the one says that has it, else why none does. `status`: what they answered
// with, in their order, and what is answered with.
std::string merged_explanation(std::span<const FromProcess> all, std::span<const unsigned> status,
                               bool json, unsigned* answer);

}  // namespace vigil::app

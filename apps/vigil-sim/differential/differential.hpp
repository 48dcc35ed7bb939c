// The differential test: random histories of system calls, step by step on the model and on the
// kernel of this machine. What differs is a fault of the model, unless it is in the table below.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "differential/operation.hpp"

namespace vigil::differential {

struct DifferentialOptions {
  std::uint64_t operations = 1'000'000;  // at least so many are run
  std::uint64_t seed = 1;
  std::optional<Theme> theme = {};  // nothing: all in turn
  bool json = false;
  std::uint64_t most_failures = 3;                        // then it stops
  std::function<bool()> stop = {};                        // asked between histories
  std::function<void(std::uint64_t done)> progress = {};  // told now and then
};

// Runs histories and says on standard output what came of them. The exit status: 0 nothing differs
// that is not accepted, 1 something does (each history that failed is printed as a program,
// shrunk), or this machine does not let it run.
int differential(const DifferentialOptions& options);

// Where Linux versions differ, the model follows 6.1; this is what a newer one may do otherwise. A
// history ends at the first of them: from there on the two kernels hold different things.
struct AcceptedDifference {
  std::string_view name;
  std::string_view calls;
  std::string_view model;  // what Linux 6.1 and the model do
  std::string_view newer;  // what this machine's kernel may do
  std::string_view since;  // the version that brought it
  std::string_view reason;
  // Null: the model can do both, and is told to do as this machine does.
  bool (*is_it)(const Operation& operation, const Outcome& model, const Outcome& real);
};
// Whether this machine's kernel is of that version, or newer.
bool this_linux_is(int major, int minor) noexcept;
std::span<const AcceptedDifference> accepted_differences() noexcept;
// The table as text, or in Markdown.
std::string describe_accepted(bool markdown);

}  // namespace vigil::differential

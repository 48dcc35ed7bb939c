// Runs one history on both sides, finds where they part, and takes away what does not matter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "differential/differential.hpp"
#include "differential/side.hpp"

namespace vigil::differential {

struct Verdict {
  std::size_t operations = 0;  // that were run
  const AcceptedDifference* accepted = nullptr;
  std::optional<std::size_t> differs_at;  // the number of operations: at the end
  std::string loss;                       // what was lost at the end
};

class Comparison {
 public:
  Comparison(Side& model, LinuxSide& real) noexcept : model_(model), real_(real) {}

  Verdict run(const History& history);
  // Whether the difference stays with patience; then `history` is the shortest that still differs,
  // as far as taking operations away finds it.
  bool stays(History& history);
  // The program, with what each step gave, and both where they differ.
  std::string print(const History& history);

  // Histories that parted only because the network of this machine was late.
  std::uint64_t late() const noexcept { return late_; }

 private:
  bool differs(const History& history);
  bool differs_in_time(const History& history, Nanos patience);
  History shrink(History history);

  Side& model_;
  LinuxSide& real_;
  std::uint64_t late_ = 0;
};

}  // namespace vigil::differential

// Shrink: of the faults that struck in a failing run, those that it takes.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "vigil/sim/faults.hpp"

namespace vigil::sim {

struct Shrunk {
  std::vector<Strike> left;
  bool minimal = false;    // without any one of them `fails` says no
  std::uint64_t runs = 0;  // how often it was asked
};

// Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
// 2002): takes away halves, quarters, and at last single strikes for as long as `fails` says that
// the rest still fails. Ends early when `over` says so.
Shrunk shrink(std::vector<Strike> all, const std::function<bool(const std::vector<Strike>&)>& fails,
              const std::function<bool()>& over);

}  // namespace vigil::sim

// Delta debugging over strikes.
#include "explore/shrink.hpp"

#include <algorithm>

namespace vigil::sim {
namespace {

std::vector<Strike> without(const std::vector<Strike>& all, std::size_t from, std::size_t to) {
  std::vector<Strike> rest(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(from));
  rest.insert(rest.end(), all.begin() + static_cast<std::ptrdiff_t>(to), all.end());
  return rest;
}

}  // namespace

Shrunk shrink(std::vector<Strike> all, const std::function<bool(const std::vector<Strike>&)>& fails,
              const std::function<bool()>& over) {
  Shrunk shrunk;
  shrunk.left = std::move(all);
  std::size_t chunk = shrunk.left.size();  // the first question: does it take any fault at all?
  while (chunk != 0) {
    bool taken = false;
    for (std::size_t from = 0; from < shrunk.left.size();) {
      if (over()) {
        return shrunk;
      }
      const std::size_t to = std::min(from + chunk, shrunk.left.size());
      std::vector<Strike> rest = without(shrunk.left, from, to);
      ++shrunk.runs;
      if (fails(rest)) {
        shrunk.left = std::move(rest);
        taken = true;
      } else {
        from = to;
      }
    }
    // One that could stay away before one that could not: only a whole round without a change says
    // that none is left to take.
    if (chunk == 1 && !taken) {
      break;
    }
    chunk = chunk == 1 ? 1 : std::max<std::size_t>(1, std::min(chunk / 2, shrunk.left.size()));
    if (shrunk.left.empty()) {
      break;
    }
  }
  shrunk.minimal = true;
  return shrunk;
}

}  // namespace vigil::sim

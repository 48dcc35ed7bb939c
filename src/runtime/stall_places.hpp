// Stalls by their places: a new one is told of, one that comes again is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "vigil/runtime/stall_watcher.hpp"

namespace vigil {

class StallPlaces {
 public:
  // Of one place more is said `repeat` after the last word at the earliest.
  explicit StallPlaces(Nanos repeat) noexcept : repeat_(repeat) {}

  // Puts it into `told`, or counts it. One that goes on is always told of.
  void take(StallReport&& report, Instant now, std::vector<StallReport>& told);
  // Tells of what was counted, where it is time. Whether some is left to be told of later.
  bool count_out(Instant now, std::vector<StallReport>& told);

  static constexpr std::size_t kMost = 256;  // that are told apart; others are one together

 private:
  struct Place {
    std::uint64_t times = 0;  // not told of
    Nanos longest{};
    Instant said{};
    StallReport report;  // the first
  };

  const Nanos repeat_;
  std::unordered_map<std::string, Place> places_;
};

}  // namespace vigil

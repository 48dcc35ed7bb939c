// What makes two stalls one.
#include "runtime/stall_places.hpp"

#include <algorithm>
#include <utility>

namespace vigil {
namespace {

// A loop's stalls in one function are one place: which of its lines it is changes from look to
// look.
std::string key_of(const StallReport& report) {
  std::string key = report.loop + '\n' + report.place.function + '\n' + report.place.file;
  if (report.place.function.empty()) {
    key += ':' + std::to_string(report.place.line);
  }
  return key + '\n' + std::to_string(static_cast<int>(report.cause));
}

}  // namespace

void StallPlaces::take(StallReport&& report, Instant now, std::vector<StallReport>& told) {
  std::string key = key_of(report);
  if (places_.size() >= kMost && !places_.contains(key)) {
    key.clear();
    report.place = {.function = "other places", .file = {}, .line = 0};
  }
  const auto [found, is_new] = places_.try_emplace(std::move(key));
  Place& place = found->second;
  if (is_new || report.goes_on || (place.times == 0 && now - place.said >= repeat_)) {
    place.said = now;
    place.report = report;
    told.push_back(std::move(report));
    return;
  }
  ++place.times;
  place.longest = std::max(place.longest, report.wall);
}

bool StallPlaces::count_out(Instant now, std::vector<StallReport>& told) {
  bool left = false;
  for (auto& [key, place] : places_) {
    if (place.times == 0 || now - place.said < repeat_) {
      left = left || place.times != 0;
      continue;
    }
    StallReport again = place.report;
    again.kind = StallReport::Kind::again;
    again.goes_on = false;
    again.times = std::exchange(place.times, 0);
    again.wall = std::exchange(place.longest, Nanos{});
    place.said = now;
    told.push_back(std::move(again));
  }
  return left;
}

}  // namespace vigil

// Out of descriptors: how long clients wait for one, and what the operator is told.
#pragma once

#include <atomic>
#include <chrono>
#include <limits>
#include <string>
#include <system_error>

#include "vigil/base/time.hpp"
#include "vigil/net/shortage.hpp"

namespace vigil::app {

class Conductor;

// Descriptors that are short for less come back by themselves, as connections end: those that were
// turned away linger for two seconds, and give way first.
inline constexpr Nanos kPatience = std::chrono::seconds(3);

// Tells it at most once a minute for all shards. Any thread.
class ShortageTeller {
 public:
  // Accepting failed so, and has for some time.
  void tell(std::error_code why) noexcept;

 private:
  bool due(Instant now) noexcept;

  std::atomic<Nanos::rep> next_{std::numeric_limits<Nanos::rep>::min()};
};

// The sentence.
std::string cannot_accept(std::error_code why);

// For ServerOptions::exhausted; the hook's context is the Service.
void tell_exhausted(void* service, std::error_code why) noexcept;

// For shard 0 where it accepts for the others: as its own server does.
Shortage shortage_at_first(Conductor& conductor) noexcept;

}  // namespace vigil::app

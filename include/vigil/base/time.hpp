// Time: nanoseconds on the monotonic clock. Wall time is asked of the Host, and used for dates
// only.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace vigil {

// A span of time in nanoseconds; any std::chrono duration converts to it.
using Nanos = std::chrono::nanoseconds;

// A point of the monotonic clock, in nanoseconds since an arbitrary start (CLOCK_MONOTONIC on
// Linux).
using Instant = std::chrono::time_point<std::chrono::steady_clock, Nanos>;

// The end of time: a wait without a limit, a timer that never fires.
inline constexpr Nanos kForever{std::numeric_limits<std::int64_t>::max()};
inline constexpr Instant kNever{kForever};

// `from + span` without overflow: past the end of time is kNever, a negative span is `from`.
constexpr Instant after(Instant from, Nanos span) noexcept {
  if (span <= Nanos::zero()) {
    return from;
  }
  return from.time_since_epoch() > kForever - span ? kNever : from + span;
}

// The time left until `deadline`, never negative; kForever if there is none.
constexpr Nanos until(Instant deadline, Instant now) noexcept {
  if (deadline == kNever) {
    return kForever;
  }
  return deadline <= now ? Nanos::zero() : deadline - now;
}

// Whole milliseconds that are not shorter than `span`, as system calls want them; -1 for kForever,
// at most INT_MAX (a caller wakes early and waits again).
constexpr int ceil_milliseconds(Nanos span) noexcept {
  if (span == kForever) {
    return -1;
  }
  if (span <= Nanos::zero()) {
    return 0;
  }
  const std::int64_t whole = (span.count() - 1) / 1'000'000 + 1;
  return whole > std::numeric_limits<int>::max() ? std::numeric_limits<int>::max()
                                                 : static_cast<int>(whole);
}

}  // namespace vigil

// The order in which timers are re-armed, the same for the bare wheel and for vigil: one of 100,000
// after another in a scattered order, each to 30 to 95 seconds from now.
#pragma once

#include <stdint.h>

enum { kTimers = 100000 };

static inline uint32_t rearm_next(uint32_t timer) { return (timer + 40503u) % kTimers; }

static inline uint64_t rearm_delay_ms(uint32_t round) {
  return 30000u + (round * 2654435761u >> 16);
}

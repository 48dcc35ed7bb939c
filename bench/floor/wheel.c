// The floor of timers: a bare hierarchical wheel, 64 slots to a level, a bit per occupied slot so
// that the next expiry is found without a walk. Arm and cancel are O(1); a timer moves down at most
// once a level. `wheel COUNT` re-arms COUNT times, `wheel --pick-only COUNT` does all but that, and
// `wheel --check 0` proves that it fires everything once, in order and on time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rearm.h"

enum { kBits = 6, kSlots = 1 << kBits, kLevels = 11 };

struct Timer {
  struct Timer *next, *prev;
  uint64_t due;
  uint32_t slot;
};

static struct Timer heads[kLevels * kSlots];  // circular lists
static uint64_t occupied[kLevels];
static uint64_t now;

static void prepare(void) {
  for (int i = 0; i < kLevels * kSlots; ++i) {
    heads[i].next = heads[i].prev = &heads[i];
  }
}

// The level is that of the highest digit in which due time and now differ.
static inline void arm(struct Timer* timer, uint64_t due) {
  unsigned level = (63u - (unsigned)__builtin_clzll((due ^ now) | 1)) / kBits;
  unsigned digit = (unsigned)(due >> (level * kBits)) % kSlots;
  uint32_t slot = level * kSlots + digit;
  struct Timer* head = &heads[slot];
  timer->due = due;
  timer->slot = slot;
  timer->next = head;
  timer->prev = head->prev;
  head->prev->next = timer;
  head->prev = timer;
  occupied[level] |= (uint64_t)1 << digit;
}

static inline void cancel(struct Timer* timer) {
  timer->next->prev = timer->prev;
  timer->prev->next = timer->next;
  if (timer->next == timer->prev && timer->next == &heads[timer->slot]) {
    occupied[timer->slot / kSlots] &= ~((uint64_t)1 << timer->slot % kSlots);
  }
}

// The tick at which something must be done (expire, or move down), or UINT64_MAX.
static uint64_t next_tick(void) {
  for (unsigned level = 0; level < kLevels; ++level) {
    unsigned digit = (unsigned)(now >> (level * kBits)) % kSlots;
    uint64_t ahead = occupied[level] & (UINT64_MAX << digit);
    if (ahead == 0) {
      continue;
    }
    uint64_t above =
        level == kLevels - 1 ? 0 : now >> ((level + 1) * kBits) << ((level + 1) * kBits);
    return above | (uint64_t)__builtin_ctzll(ahead) << (level * kBits);
  }
  return UINT64_MAX;
}

// Goes on to `until`; calls `fire` for each timer that is due by then.
static void advance(uint64_t until, void (*fire)(struct Timer*)) {
  for (uint64_t tick; (tick = next_tick()) <= until;) {
    now = tick;
    for (unsigned level = kLevels; level-- > 0;) {
      unsigned digit = (unsigned)(now >> (level * kBits)) % kSlots;
      if (level > 0 && (now & (((uint64_t)1 << (level * kBits)) - 1)) != 0) {
        continue;
      }
      struct Timer* head = &heads[level * kSlots + digit];
      while (head->next != head) {
        struct Timer* timer = head->next;
        cancel(timer);
        if (timer->due <= now) {
          fire(timer);
        } else {
          arm(timer, timer->due);
        }
      }
    }
  }
  now = until;
}

static struct Timer timers[kTimers];
static uint64_t fired, last_due;

static void note(struct Timer* timer) {
  if (timer->due != now || timer->due < last_due) {
    fprintf(stderr, "wheel: a timer due at %llu fired at %llu\n", (unsigned long long)timer->due,
            (unsigned long long)now);
    exit(1);
  }
  last_due = timer->due;
  ++fired;
}

static int check(void) {
  now = 12345;
  for (uint32_t i = 0; i < kTimers; ++i) {
    arm(&timers[i], now + 1 + rearm_delay_ms(i * 77) * (i % 97));
  }
  for (uint32_t i = 0; i < kTimers; i += 3) {
    cancel(&timers[i]);
  }
  for (uint32_t i = 0; i < kTimers; i += 6) {
    arm(&timers[i], now + 5 + rearm_delay_ms(i));
  }
  uint64_t armed = kTimers - (kTimers + 2) / 3 + (kTimers + 5) / 6;
  for (uint64_t step = 1; now < 100u * 100000u; step = step * 7 % 4001 + 1) {
    advance(now + step, note);
  }
  printf("fired %llu of %llu, each once and on time\n", (unsigned long long)fired,
         (unsigned long long)armed);
  return fired == armed ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s [--pick-only | --check] COUNT\n", argv[0]);
    return 2;
  }
  prepare();
  if (strcmp(argv[1], "--check") == 0) {
    return check();
  }
  int pick_only = strcmp(argv[1], "--pick-only") == 0;
  uint32_t count = (uint32_t)strtoul(argv[argc - 1], NULL, 10);
  for (uint32_t i = 0; i < kTimers; ++i) {
    arm(&timers[i], now + rearm_delay_ms(i));
  }

  uint64_t kept = 0;
  uint32_t timer = 0;
  for (uint32_t round = 0; round < count; ++round) {
    timer = rearm_next(timer);
    uint64_t due = now + rearm_delay_ms(round);
    if (pick_only) {
      kept += due + timers[timer].due;
      continue;
    }
    cancel(&timers[timer]);
    arm(&timers[timer], due);
  }
  printf("re-armed %u of %d timers (%llu)\n", pick_only ? 0 : count, kTimers,
         (unsigned long long)kept);
  return 0;
}

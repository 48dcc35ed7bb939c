// What a watcher saw of a loop that does not come back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include "vigil/loop/watch.hpp"
#include "vigil/runtime/stall_watcher.hpp"

namespace vigil {

// A stall as it is seen from outside, look by look.
struct StallSeen {
  StallSeen() noexcept = default;
  // A pulse that was not seen before; the thread had `processor` so far.
  StallSeen(std::uint64_t at, Instant now, Nanos processor) noexcept
      : pulse(at), first(now), looked(now), had_before(processor) {}

  // The pulse is still the same; until now the thread had `processor` since it began.
  void look(Instant now, Nanos processor, const ThreadState& state) noexcept {
    const Nanos passed = now - looked;
    const Nanos had = std::clamp(processor - had_before, Nanos{}, passed);
    shares.processor += had;
    // What it did not run of that, it was as it is now. The kernel counts how long threads wait for
    // a processor (schedstat), but not until they have got one.
    (state.letter == 'R' ? shares.queued : shares.asleep) += passed - had;
    shares.stopped = state.letter == 'T' || state.letter == 't';
    looked = now;
    had_before = processor;
  }

  std::uint64_t pulse = 0;
  Instant first{};  // when the pulse was seen first
  Instant looked{};
  Nanos had_before{};
  StallShares shares;
  bool stuck = false;
  bool looked_at = false;
  bool told = false;
  std::string call;
  std::vector<std::uintptr_t> stack;
  std::vector<std::source_location> awaits;
  std::uint32_t tag = 0;
  std::string work;
};

}  // namespace vigil

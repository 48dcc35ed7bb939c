// Network: what lies between the machines. A link has latency, jitter and bandwidth; it loses,
// reorders and duplicates datagrams; streams see all this as delay and reset, as TCP shows it.
#pragma once

#include <cstdint>
#include <memory>

#include "kernel/clock.hpp"
#include "kernel/kernel.hpp"
#include "world/weather.hpp"

namespace vigil::sim {

class Wires;

struct Link {
  Nanos latency = std::chrono::microseconds(250);  // one way
  Nanos jitter = std::chrono::microseconds(50);    // up to this much more, drawn for each segment
  std::uint64_t bytes_per_second = 125'000'000;    // shared by all that goes this way; 0: no limit
  bool cut = false;  // nothing passes: streams send again, and give up after
                     // KernelLimits::retransmit_limit; datagrams are lost
};

class Network {
 public:
  Network(Clock& clock, Weather& weather, Tracer& tracer, std::uint64_t seed);
  // Every kernel must be gone.
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // The kernel's addresses are 10.0.0.(id + 1) and fd00::(id + 1); ids go up from 0. Kernel's
  // constructor calls it, its destructor detach().
  void attach(Kernel& kernel);
  void detach(Kernel& kernel) noexcept;
  // The machine lost power: what it had under way is lost; peers notice as TCP does: it answers
  // what still comes for old connections with resets. Kernel::crash calls it before anything else.
  void vanished(Kernel& kernel) noexcept;
  // A machine without power answers nothing, as if all its links were cut.
  void power(HostId host, bool on);

  // Of the links that were not asked for by link() yet, those of later machines too. Does not heal
  // a cut.
  void set_default(const Link& link) noexcept;
  // One direction. The reference stays good.
  Link& link(HostId from, HostId to);
  // Both directions.
  void cut(HostId one, HostId other, bool cut);

  Wires& wires() noexcept { return *wires_; }

 private:
  std::unique_ptr<Wires> wires_;
};

}  // namespace vigil::sim

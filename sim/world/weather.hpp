// Weather: asks the seed whether a fault strikes here and now, and keeps what struck, so that a
// failing run's faults can be taken away one by one.
//
// Each fault draws from a stream of its own for each host, and a strike is known by the number of
// its draw: taking one away leaves the others where they were.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/clock.hpp"
#include "kernel/random.hpp"
#include "vigil/sim/faults.hpp"

namespace vigil::sim {

class Weather {
 public:
  // `only`: these strikes happen, and no others, whatever the rules say of their rates and scopes.
  Weather(const Clock& clock, std::uint64_t seed, Faults faults,
          std::optional<std::vector<Strike>> only = std::nullopt);

  // Hosts get their numbers in the order in which they are added.
  HostId add_host(std::string_view name);

  // Whether `fault` strikes on `host` at this draw.
  bool strikes(Fault fault, HostId host) noexcept {
    Stream& stream = hosts_[host].streams[static_cast<std::size_t>(fault)];
    if (stream.rate == 0) {
      return false;
    }
    ++stream.draws;
    return (only_ || stream.random.once_in_a_million(stream.rate)) && happens(fault, host, stream);
  }
  // The same for a fault that lasts: how long, zero if it does not strike.
  Nanos lasts(Fault fault, HostId host) noexcept;
  // A number below `limit`, which is not zero, for the last draw of `fault` on `host`: where a
  // short read is cut. It takes nothing from the draws.
  std::uint64_t below(Fault fault, HostId host, std::uint64_t limit) noexcept;

  // Other rules from now on; the streams go on where they are.
  void set_faults(Faults faults);
  const Faults& faults() const noexcept { return faults_; }

  const std::vector<Strike>& struck() const noexcept { return struck_; }
  // How often `fault` was drawn for on `host`: each of these draws can be a strike's.
  std::uint64_t draws(Fault fault, HostId host) const noexcept {
    return hosts_[host].streams[static_cast<std::size_t>(fault)].draws;
  }
  std::uint64_t count(Fault fault) const noexcept {
    return counts_[static_cast<std::size_t>(fault)];
  }

 private:
  struct Stream {
    Random random;
    std::uint64_t amounts;  // what below() mixes with the draw
    std::uint64_t draws = 0;
    std::uint64_t asked = 0;  // how often below() was asked since
    std::uint32_t rate = 0;   // zero where the rule leaves this host out
  };
  struct Place {
    std::string name;
    std::vector<Stream> streams;
  };

  bool happens(Fault fault, HostId host, Stream& stream) noexcept;
  void apply_rules(Place& place) noexcept;

  const Clock& clock_;
  std::uint64_t seed_;
  Faults faults_;
  std::optional<std::vector<Strike>> only_;  // sorted
  std::vector<Place> hosts_;
  std::vector<Strike> struck_;
  std::array<std::uint64_t, kFaults> counts_{};
};

}  // namespace vigil::sim

// Faults: what can go wrong in a simulated world. Each has a rate, a scope and a switch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"

namespace vigil::sim {

// The order is that of the table behind describe().
enum class Fault : std::uint8_t {
  // System calls, each time one is made.
  short_read,      // fewer bytes than are there
  short_write,     // fewer bytes taken than there is room for
  interrupted,     // a wait ends with nothing (EINTR)
  spurious_event,  // readiness is told and nothing is there
  late_event,      // readiness is told later than it came
  no_descriptor,   // EMFILE
  no_memory,       // ENOMEM, ENOBUFS
  aborted_accept,  // ECONNABORTED: the peer was gone before it was accepted

  // The network, each time something is sent.
  lost_segment,     // a stream's bytes come after a retransmission
  delayed_segment,  // they come late
  lost_datagram,
  reordered_datagram,
  duplicated_datagram,
  reset_stream,  // a middlebox ends the connection

  // The network and the machines, each second of simulated time.
  link_flap,  // a link between two hosts is down for a moment
  partition,  // the hosts fall into two groups for a while
  crash,      // a host dies with all its processes, and starts again later
  wall_step,  // the wall clock jumps

  // Disks, each time a file operation is done.
  disk_slow,
  disk_error,  // EIO
  disk_full,   // ENOSPC

  // Between loop and lanes, each time something is handed over.
  late_lane,        // an offloaded call is taken up late
  late_completion,  // completion engine: an operation's end is told late, out of order
  lost_cancel,      // completion engine: the operation's result wins over its cancel
};
inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::lost_cancel) + 1;

// A row of the table that `vigil-sim list --faults` and docs/simulation.md show.
struct FaultRow {
  Fault fault;
  std::string_view name;     // as in a fault file: short_read
  std::string_view meaning;  // one line
  std::string_view unit;     // what the rate counts: "call", "segment", "second"
  std::uint32_t rate;        // default, in a million
  Nanos longest;             // how long it lasts or delays at most; zero where that means nothing
};
// The row of `fault`; for the whole program. Any thread.
const FaultRow& describe(Fault fault) noexcept;
// The fault called `name`. Errors: invalid_argument.
Result<Fault> fault_named(std::string_view name) noexcept;

// How often one fault strikes, where and when. All of it must hold.
struct FaultRule {
  std::uint32_t rate = 0;  // in a million of its unit; 0: switched off
  Nanos longest{};         // of a delay or an outage
  Nanos from{};            // since the world began
  Nanos until = kForever;
  std::vector<std::string> hosts;  // none named: every host
};

// The number of a host in its world: they are counted from 0 in the order of their making.
using HostId = std::uint16_t;

// One fault that struck: the draw of its kind on that host that said so.
struct Strike {
  Fault fault;
  HostId host;
  std::uint64_t draw;  // counted from 1
  Nanos at{};          // since the world began; not what tells strikes apart
  friend bool operator==(const Strike& a, const Strike& b) noexcept {
    return a.fault == b.fault && a.host == b.host && a.draw == b.draw;
  }
};

// The weather of a world: a rule for each fault. A value; any thread.
class Faults {
 public:
  // Ordinary weather: every fault at its default rate.
  static Faults ordinary();
  // Nothing goes wrong.
  static Faults none();
  // A file of tables, one for each fault, over `base`:
  //   [short_read]
  //   rate = 0.01          # a share: 1 is always
  //   longest_ms = 50
  //   from_s = 10
  //   until_s = 60
  //   hosts = ["server"]
  // What a table leaves out stays as in `base`; a rate of 0 switches its fault off. The error is a
  // sentence that names line and column, and the nearest name; the caller adds the file's.
  static std::expected<Faults, std::string> parse(std::string_view text, const Faults& base);

  // The rule of one fault, to be read or changed.
  FaultRule& operator[](Fault fault) noexcept { return rules_[static_cast<std::size_t>(fault)]; }
  const FaultRule& operator[](Fault fault) const noexcept {
    return rules_[static_cast<std::size_t>(fault)];
  }
  // Every rate times `factor`, at most always.
  Faults& scale(double factor) noexcept;

 private:
  std::array<FaultRule, kFaults> rules_{};
};

}  // namespace vigil::sim

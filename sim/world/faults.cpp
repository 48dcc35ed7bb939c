// The table of faults: what each means, and how often it comes in ordinary weather.
#include "vigil/sim/faults.hpp"

#include <algorithm>

namespace vigil::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<FaultRow, kFaults> kRows{{
    {Fault::short_read,
     "short_read",
     "a read gives fewer bytes than are there",
     "call",
     10'000,
     {}},
    {Fault::short_write,
     "short_write",
     "a write takes fewer bytes than there is room for",
     "call",
     10'000,
     {}},
    {Fault::interrupted,
     "interrupted",
     "a wait ends with nothing, as EINTR ends it",
     "wait",
     1'000,
     {}},
    {Fault::spurious_event,
     "spurious_event",
     "readiness is told and nothing is there",
     "wait",
     1'000,
     {}},
    {Fault::late_event, "late_event", "readiness is told later than it came", "wait", 1'000,
     milliseconds(20)},
    {Fault::no_descriptor, "no_descriptor", "a descriptor is refused: EMFILE", "call", 100, {}},
    {Fault::no_memory, "no_memory", "the kernel has no memory: ENOMEM, ENOBUFS", "call", 20, {}},
    {Fault::aborted_accept,
     "aborted_accept",
     "a connection is gone before it is accepted",
     "call",
     1'000,
     {}},
    {Fault::lost_segment, "lost_segment", "a stream's bytes come after a retransmission", "segment",
     1'000, milliseconds(200)},
    {Fault::delayed_segment, "delayed_segment", "a stream's bytes come late", "segment", 2'000,
     milliseconds(50)},
    {Fault::lost_datagram, "lost_datagram", "a datagram does not come", "datagram", 10'000, {}},
    {Fault::reordered_datagram, "reordered_datagram", "a datagram comes after later ones",
     "datagram", 10'000, milliseconds(10)},
    {Fault::duplicated_datagram, "duplicated_datagram", "a datagram comes twice", "datagram", 2'000,
     milliseconds(10)},
    {Fault::reset_stream,
     "reset_stream",
     "something on the way ends a connection",
     "segment",
     10,
     {}},
    {Fault::link_flap, "link_flap", "the link to another host is down for a moment",
     "second of a host", 2'000, seconds(2)},
    {Fault::partition, "partition", "the hosts fall into two groups for a while",
     "second of a host", 500, seconds(10)},
    {Fault::crash, "crash",
     "a host dies with all its processes and starts again later; only one whose programs are "
     "started again with it",
     "second of a host", 500, seconds(5)},
    {Fault::wall_step, "wall_step", "the wall clock jumps, forward or back", "second of a host",
     500, hours(2)},
    {Fault::disk_slow, "disk_slow", "a file operation takes long", "file operation", 5'000,
     milliseconds(100)},
    {Fault::disk_error, "disk_error", "a file operation fails: EIO", "file operation", 20, {}},
    {Fault::disk_full, "disk_full", "a write finds no room: ENOSPC", "file operation", 20, {}},
    {Fault::late_lane, "late_lane", "an offloaded call is taken up late", "call", 10'000,
     milliseconds(20)},
    {Fault::late_completion, "late_completion",
     "completion engine: an operation's end is told late, out of order", "operation", 10'000,
     milliseconds(10)},
    {Fault::lost_cancel,
     "lost_cancel",
     "completion engine: an operation's result wins over its cancel",
     "cancel",
     250'000,
     {}},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i != kFaults; ++i) {
    if (kRows[i].fault != static_cast<Fault>(i)) {
      return false;
    }
  }
  return true;
}
static_assert(in_order(), "the table's order is the enumeration's");

}  // namespace

const FaultRow& describe(Fault fault) noexcept { return kRows[static_cast<std::size_t>(fault)]; }

Result<Fault> fault_named(std::string_view name) noexcept {
  const auto* row = std::find_if(kRows.begin(), kRows.end(),
                                 [name](const FaultRow& each) { return each.name == name; });
  if (row == kRows.end()) {
    return error(std::errc::invalid_argument);
  }
  return row->fault;
}

Faults Faults::ordinary() {
  Faults faults = none();
  for (const FaultRow& row : kRows) {
    faults[row.fault].rate = row.rate;
  }
  return faults;
}

Faults Faults::none() {
  Faults faults;
  for (const FaultRow& row : kRows) {
    faults[row.fault].longest = row.longest;
  }
  return faults;
}

Faults& Faults::scale(double factor) noexcept {
  for (FaultRule& rule : rules_) {
    const double rate = std::clamp(static_cast<double>(rule.rate) * factor, 0.0, 1e6);
    rule.rate = static_cast<std::uint32_t>(rate + 0.5);
  }
  return *this;
}

}  // namespace vigil::sim

// Wires: the network as the sockets see it: when what is sent arrives, and who is where.
#pragma once

#include <memory>
#include <vector>

#include "kernel/random.hpp"
#include "net/network.hpp"
#include "net/segment.hpp"

namespace vigil::sim {

// One direction between two machines.
struct Route {
  Link link;
  bool asked_for = false;  // set_default() leaves it alone
  Instant busy_until{};    // what was sent before is on the wire till then
  HostId from = 0;
  HostId to = 0;
};

class Wires {
 public:
  Wires(Clock& clock, Weather& weather, Tracer& tracer, std::uint64_t seed) noexcept;
  ~Wires();
  Wires(const Wires&) = delete;
  Wires& operator=(const Wires&) = delete;

  void attach(Kernel& kernel);
  void detach(Kernel& kernel) noexcept;
  Kernel* kernel(HostId host) const noexcept {
    return host < machines_.size() ? machines_[host].kernel : nullptr;
  }
  Kernel* kernel_at(const Endpoint& address) const noexcept;
  void power(HostId host, bool on);
  void set_default(const Link& link) noexcept;

  // The reference stays good.
  Route& route(HostId from, HostId to);
  bool passes(const Route& route) const noexcept {
    return !route.link.cut && machines_[route.from].powered && machines_[route.to].powered;
  }
  // When `bytes` sent now arrive, without what the weather adds; the link is busy with them.
  Instant depart(Route& route, std::size_t bytes) noexcept;

  // Takes the datagram; it arrives, or is lost, or both.
  void send(Datagram* datagram, HostId from, HostId to);

  Clock& clock;
  Weather& weather;
  Tracer& tracer;
  BlockPool pool;
  const std::uint64_t seed;

  std::uint64_t next_connection() noexcept { return ++connections_; }

 private:
  struct Machine {
    Kernel* kernel = nullptr;
    bool powered = true;
    std::vector<std::unique_ptr<Route>> routes;  // by the number of the other
  };

  Machine& machine(HostId host);
  void launch(Datagram* datagram, Instant at);
  static void arrived(Alarm& alarm) noexcept;

  Random random_;
  Link default_;
  std::vector<Machine> machines_;
  Datagram* flying_ = nullptr;
  std::uint64_t connections_ = 0;
};

}  // namespace vigil::sim

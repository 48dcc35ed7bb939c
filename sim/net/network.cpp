// The network's public face over its wires.
#include "net/network.hpp"

#include "kernel/sockets.hpp"
#include "net/wires.hpp"

namespace vigil::sim {

Network::Network(Clock& clock, Weather& weather, Tracer& tracer, std::uint64_t seed)
    : wires_(std::make_unique<Wires>(clock, weather, tracer, seed)) {}

Network::~Network() = default;

void Network::attach(Kernel& kernel) { wires_->attach(kernel); }

void Network::detach(Kernel& kernel) noexcept { wires_->detach(kernel); }

void Network::vanished(Kernel& kernel) noexcept { kernel.sockets().vanish(); }

void Network::power(HostId host, bool on) { wires_->power(host, on); }

void Network::set_default(const Link& link) noexcept { wires_->set_default(link); }

Link& Network::link(HostId from, HostId to) {
  Route& route = wires_->route(from, to);
  route.asked_for = true;
  return route.link;
}

void Network::cut(HostId one, HostId other, bool cut) {
  // The links' other properties stay those of the default, if they were.
  wires_->route(one, other).link.cut = cut;
  wires_->route(other, one).link.cut = cut;
}

}  // namespace vigil::sim

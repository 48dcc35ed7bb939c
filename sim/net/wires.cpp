// What is on its way, and when it arrives.
#include "net/wires.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/datagram.hpp"

namespace vigil::sim {

Wires::Wires(Clock& its_clock, Weather& its_weather, Tracer& its_tracer,
             std::uint64_t its_seed) noexcept
    : clock(its_clock),
      weather(its_weather),
      tracer(its_tracer),
      seed(its_seed),
      random_(its_seed, "network") {}

Wires::~Wires() {
  while (flying_ != nullptr) {
    Datagram* datagram = flying_;
    flying_ = datagram->next;
    clock.stop(*datagram);
    Datagram::give(pool, datagram);
  }
}

Wires::Machine& Wires::machine(HostId host) {
  if (host >= machines_.size()) {
    machines_.resize(host + std::size_t{1});
  }
  return machines_[host];
}

void Wires::attach(Kernel& kernel) { machine(kernel.id()).kernel = &kernel; }

void Wires::detach(Kernel& kernel) noexcept {
  if (this->kernel(kernel.id()) == &kernel) {
    machines_[kernel.id()].kernel = nullptr;
  }
}

void Wires::power(HostId host, bool on) { machine(host).powered = on; }

Kernel* Wires::kernel_at(const Endpoint& address) const noexcept {
  const auto host = address.host();
  return host ? kernel(*host) : nullptr;
}

void Wires::set_default(const Link& link) noexcept {
  default_ = link;
  for (Machine& from : machines_) {
    for (auto& route : from.routes) {
      if (route != nullptr && !route->asked_for) {
        const bool cut = route->link.cut;
        route->link = link;
        route->link.cut = cut || link.cut;
      }
    }
  }
}

Route& Wires::route(HostId from, HostId to) {
  machine(to);
  auto& routes = machine(from).routes;
  if (to >= routes.size()) {
    routes.resize(to + std::size_t{1});
  }
  if (routes[to] == nullptr) {
    routes[to] = std::make_unique<Route>();
    routes[to]->link = default_;
    routes[to]->from = from;
    routes[to]->to = to;
  }
  return *routes[to];
}

Instant Wires::depart(Route& route, std::size_t bytes) noexcept {
  const Link& link = route.link;
  route.busy_until = std::max(route.busy_until, clock.now());
  if (link.bytes_per_second != 0) {
    route.busy_until +=
        Nanos(static_cast<std::int64_t>(bytes * 1'000'000'000 / link.bytes_per_second));
  }
  Instant at = route.busy_until + link.latency;
  if (link.jitter > Nanos::zero()) {
    at += Nanos(static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(link.jitter.count()) + 1)));
  }
  return at;
}

void Wires::send(Datagram* datagram, HostId from, HostId to) {
  datagram->wires = this;
  datagram->source = from;
  datagram->target = to;
  Route& way = route(from, to);
  const Instant at = depart(way, datagram->size);
  if (weather.strikes(Fault::lost_datagram, from) || !passes(way)) {
    tracer.note(from, "datagram lost", datagram->to.port, datagram->size);
    Datagram::give(pool, datagram);
    return;
  }
  if (weather.strikes(Fault::duplicated_datagram, from)) {
    Datagram* copy = Datagram::make(pool, datagram->size);
    copy->wires = this;
    copy->source = from;
    copy->target = to;
    copy->from = datagram->from;
    copy->to = datagram->to;
    copy->unreachable = datagram->unreachable;
    std::memcpy(copy->bytes(), datagram->bytes(), datagram->size);
    tracer.note(from, "datagram twice", copy->to.port, copy->size);
    const Nanos longest = weather.faults()[Fault::duplicated_datagram].longest;
    const std::uint64_t most = static_cast<std::uint64_t>(std::max(longest, Nanos(1)).count());
    launch(copy, at + Nanos(static_cast<std::int64_t>(
                          weather.below(Fault::duplicated_datagram, from, most))));
  }
  launch(datagram, at + weather.lasts(Fault::reordered_datagram, from));
}

void Wires::launch(Datagram* datagram, Instant at) {
  datagram->fire = &Wires::arrived;
  datagram->previous = nullptr;
  datagram->next = flying_;
  if (flying_ != nullptr) {
    flying_->previous = datagram;
  }
  flying_ = datagram;
  clock.set(*datagram, at);
}

void Wires::arrived(Alarm& alarm) noexcept {
  auto* datagram = static_cast<Datagram*>(&alarm);
  Wires& wires = *datagram->wires;
  (datagram->previous != nullptr ? datagram->previous->next : wires.flying_) = datagram->next;
  if (datagram->next != nullptr) {
    datagram->next->previous = datagram->previous;
  }
  Kernel* kernel = wires.kernel(datagram->target);
  if (kernel == nullptr || !wires.passes(wires.route(datagram->source, datagram->target))) {
    wires.tracer.note(datagram->source, "datagram lost", datagram->to.port, datagram->size);
    Datagram::give(wires.pool, datagram);
    return;
  }
  DatagramSocket::arrive(*kernel, datagram);
}

}  // namespace vigil::sim

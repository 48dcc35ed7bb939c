// The weather of hosts and links: each second it is asked what goes down, and for how long.
#include <algorithm>

#include "world/core.hpp"

namespace vigil::sim {
namespace {

constexpr Fault kStorms[] = {Fault::link_flap, Fault::partition, Fault::crash, Fault::wall_step};
constexpr std::uint8_t kOne = 1;
constexpr std::uint8_t kOther = 2;

std::uint8_t side(const std::vector<std::uint8_t>& sides, HostId host) noexcept {
  return host < sides.size() ? sides[host] : 0;
}

bool apart(const std::vector<std::uint8_t>& sides, HostId a, HostId b) noexcept {
  return side(sides, a) + side(sides, b) == kOne + kOther && side(sides, a) != 0 &&
         side(sides, b) != 0;
}

}  // namespace

// The alarm of each second is set only where a rule could strike: a world in which nothing more can
// happen is then seen as such.
void WorldCore::start_storms() {
  const Faults& faults = weather_.faults();
  const bool any = (options_.only && !options_.only->empty()) ||
                   std::any_of(std::begin(kStorms), std::end(kStorms),
                               [&faults](Fault fault) { return faults[fault].rate != 0; });
  if (!any) {
    clock_.stop(second_);
  } else if (!second_.set()) {
    clock_.set(second_, clock_.now() + std::chrono::seconds(1));
  }
}

void WorldCore::set_faults(const Faults& faults) {
  weather_.set_faults(faults);
  start_storms();
}

void WorldCore::storms() {
  clock_.set(second_, clock_.now() + std::chrono::seconds(1));
  for (const auto& host : hosts_) {
    storm_link(*host);
    storm_partition(*host);
    storm_crash(*host);
    storm_wall(*host);
  }
}

void WorldCore::storm_link(Host::State& host) {
  const Nanos span = weather_.lasts(Fault::link_flap, host.id);
  if (span == Nanos::zero() || hosts_.size() < 2) {
    return;
  }
  const auto step = 1 + weather_.below(Fault::link_flap, host.id, hosts_.size() - 1);
  Sides sides(hosts_.size());
  sides[host.id] = kOne;
  sides[(host.id + step) % hosts_.size()] = kOther;
  trace_.note(host.id, "link_flap", (host.id + step) % hosts_.size(),
              static_cast<std::uint64_t>(span.count()));
  cut_for(std::move(sides), span);
}

void WorldCore::storm_partition(Host::State& host) {
  const Nanos span = weather_.lasts(Fault::partition, host.id);
  if (span == Nanos::zero() || hosts_.size() < 2) {
    return;
  }
  Sides sides(hosts_.size(), kOther);
  for (std::size_t i = 0; i != sides.size(); ++i) {
    if (weather_.below(Fault::partition, host.id, 2) == 0) {
      sides[i] = kOne;
    }
  }
  sides[host.id] = kOne;
  if (std::find(sides.begin(), sides.end(), kOther) == sides.end()) {
    sides[(host.id + 1U) % sides.size()] = kOther;
  }
  trace_.note(host.id, "partition", sides.size(), static_cast<std::uint64_t>(span.count()));
  cut_for(std::move(sides), span);
}

// Only hosts whose programs come back with them: a test's own client is not taken from it.
void WorldCore::storm_crash(Host::State& host) {
  const bool comes_back =
      host.up && !host.programs.empty() &&
      std::all_of(host.programs.begin(), host.programs.end(),
                  [](const auto& program) { return program->always || !program->running(); }) &&
      std::any_of(host.programs.begin(), host.programs.end(),
                  [](const auto& program) { return program->running(); });
  const Nanos span = weather_.lasts(Fault::crash, host.id);
  if (!comes_back || span == Nanos::zero()) {
    return;
  }
  crash(host);
  clock_.set(host.restart, clock_.now() + span);
}

void WorldCore::storm_wall(Host::State& host) {
  const Nanos span = weather_.lasts(Fault::wall_step, host.id);
  if (span == Nanos::zero()) {
    return;
  }
  const bool back = weather_.below(Fault::wall_step, host.id, 2) == 0;
  trace_.note(host.id, "wall_step", back ? 1 : 0, static_cast<std::uint64_t>(span.count()));
  host.kernel->step_wall(back ? -span : span);
}

void WorldCore::cut_for(Sides sides, Nanos span) {
  auto outage = std::make_unique<Outage>();
  outage->core = this;
  outage->sides = std::move(sides);
  outage->fire = [](Alarm& alarm) noexcept {
    auto& self = static_cast<Outage&>(alarm);
    WorldCore& core = *self.core;
    std::erase_if(core.outages_, [&self](const auto& each) { return each.get() == &self; });
    core.relink();
  };
  clock_.set(*outage, clock_.now() + span);
  outages_.push_back(std::move(outage));
  relink();
}

void WorldCore::partition(Sides sides) {
  manual_ = std::move(sides);
  trace_.note(Trace::kWorld, "partition", 0, 0);
  relink();
}

void WorldCore::heal() {
  manual_.clear();
  trace_.note(Trace::kWorld, "heal", 0, 0);
  relink();
}

void WorldCore::set_latency(HostId from, HostId to, Nanos one_way) {
  network_.link(from, to).latency = one_way;
}

bool WorldCore::cut_between(HostId one, HostId other) const noexcept {
  return !hosts_[one]->up || !hosts_[other]->up || apart(manual_, one, other) ||
         std::any_of(outages_.begin(), outages_.end(),
                     [one, other](const auto& outage) { return apart(outage->sides, one, other); });
}

// Tells the network of each pair what changed.
void WorldCore::relink() {
  cut_.resize(hosts_.size());
  for (HostId other = 0; other != hosts_.size(); ++other) {
    cut_[other].resize(hosts_.size());
    for (HostId one = 0; one != other; ++one) {
      const bool cut = cut_between(one, other);
      if (cut_[other][one] != cut) {
        cut_[other][one] = cut;
        network_.cut(one, other, cut);
      }
    }
  }
}

}  // namespace vigil::sim

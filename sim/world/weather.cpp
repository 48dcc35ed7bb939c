// Whether a fault strikes: a draw a question.
#include "world/weather.hpp"

#include <algorithm>
#include <string>
#include <tuple>

namespace vigil::sim {
namespace {

auto key(const Strike& strike) noexcept {
  return std::tuple(strike.fault, strike.host, strike.draw);
}

bool before(const Strike& a, const Strike& b) noexcept { return key(a) < key(b); }

}  // namespace

Weather::Weather(const Clock& clock, std::uint64_t seed, Faults faults,
                 std::optional<std::vector<Strike>> only)
    : clock_(clock), seed_(seed), faults_(std::move(faults)), only_(std::move(only)) {
  if (only_) {
    std::sort(only_->begin(), only_->end(), before);
  }
}

HostId Weather::add_host(std::string_view name) {
  const auto id = static_cast<HostId>(hosts_.size());
  Place& place = hosts_.emplace_back(std::string(name), std::vector<Stream>());
  place.streams.reserve(kFaults);
  for (std::size_t fault = 0; fault != kFaults; ++fault) {
    const std::string purpose =
        std::string(describe(static_cast<Fault>(fault)).name) + " " + std::to_string(id);
    Random random(seed_, purpose);
    const std::uint64_t amounts = random.next();
    place.streams.push_back({.random = random, .amounts = amounts});
  }
  apply_rules(place);
  return id;
}

void Weather::set_faults(Faults faults) {
  faults_ = std::move(faults);
  for (Place& place : hosts_) {
    apply_rules(place);
  }
}

void Weather::apply_rules(Place& place) noexcept {
  for (std::size_t fault = 0; fault != kFaults; ++fault) {
    const FaultRule& rule = faults_[static_cast<Fault>(fault)];
    const bool here = rule.hosts.empty() || std::find(rule.hosts.begin(), rule.hosts.end(),
                                                      place.name) != rule.hosts.end();
    place.streams[fault].rate = only_ ? 1 : here ? rule.rate : 0;
  }
}

bool Weather::happens(Fault fault, HostId host, Stream& stream) noexcept {
  const FaultRule& rule = faults_[fault];
  const Nanos now = clock_.now() - Clock::kBegin;
  const Strike strike{fault, host, stream.draws, now};
  const bool wanted = only_ ? std::binary_search(only_->begin(), only_->end(), strike, before)
                            : now >= rule.from && now < rule.until;
  if (!wanted) {
    return false;
  }
  stream.asked = 0;
  ++counts_[static_cast<std::size_t>(fault)];
  struck_.push_back(strike);
  return true;
}

Nanos Weather::lasts(Fault fault, HostId host) noexcept {
  const Nanos longest = faults_[fault].longest;
  if (!strikes(fault, host) || longest <= Nanos::zero()) {
    return Nanos::zero();
  }
  return Nanos(1 + static_cast<std::int64_t>(
                       below(fault, host, static_cast<std::uint64_t>(longest.count()))));
}

std::uint64_t Weather::below(Fault fault, HostId host, std::uint64_t limit) noexcept {
  Stream& stream = hosts_[host].streams[static_cast<std::size_t>(fault)];
  const std::uint64_t amount = stream.draws * 0x9e3779b97f4a7c15ULL + ++stream.asked;
  return Random(stream.amounts ^ amount, "amount").below(limit);
}

}  // namespace vigil::sim

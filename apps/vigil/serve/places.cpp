// Opening the places to listen at.
#include "serve/places.hpp"

#include <algorithm>

#include "serve/share.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

// With one socket there is nothing for the kernel to spread over.
void say_strategy(const Place& place, const Shards& shards) {
  const Acceptors& acceptors = *place.acceptors;
  if (shards.size() != 1 && acceptors.strategy() != place.accept) {
    Loop::current()->host().log("vigil serve: one socket was passed for " + place.text() +
                                ": all shards accept from it (" +
                                std::string(name_of(acceptors.strategy())) + " in place of " +
                                std::string(name_of(place.accept)) + ").");
  }
}

std::expected<std::shared_ptr<Place>, std::string> open_place(const cli::Settings& settings,
                                                              const PassedSockets& passed,
                                                              Shards& shards) {
  const cli::Endpoint& endpoint = settings.listen.front();
  const auto address = Address::parse(cli::endpoint_text(endpoint));
  if (!address) {  // the zone of an IPv6 address, say, is not there
    return std::unexpected("vigil serve: cannot listen on " + cli::endpoint_text(endpoint) + ": " +
                           reason(address.error()) +
                           ". Choose another address (--listen 127.0.0.1:8080).");
  }
  auto place = std::make_shared<Place>();
  place->endpoint = endpoint;
  place->busy_poll = settings.busy_poll;
  place->accept = settings.accept;
  const ListenOptions options{.busy_poll = std::chrono::microseconds(settings.busy_poll)};
  const PassedSockets::Passed* there = passed.find(endpoint);
  if (there == nullptr && passed.are_all()) {
    return std::unexpected("vigil serve: the parent process does not listen on " +
                           cli::endpoint_text(endpoint) +
                           ": with --processes a reload changes no listeners. Stop the server and "
                           "start it.");
  }
  auto acceptors = there != nullptr ? Acceptors::adopt(shards, there->handles, there->how, options,
                                                       settings.accept)
                                    : Acceptors::open(shards, *address, options, settings.accept);
  if (!acceptors && there != nullptr && there->handles.size() > 1 &&
      acceptors.error() == std::errc::invalid_argument) {
    return std::unexpected("vigil serve: " + there->name + " was handed over as " +
                           std::to_string(there->handles.size()) +
                           " sockets, a group for as many shards: keep --shards at least so high, "
                           "and --accept, or stop the server and start it.");
  }
  if (!acceptors && acceptors.error() == std::errc::no_protocol_option) {
    return std::unexpected(
        "vigil serve: this system cannot choose a listener by processor: use "
        "--accept reuseport.");
  }
  if (!acceptors) {
    return std::unexpected("vigil serve: " +
                           cannot_listen(*address, acceptors.error(), "--listen"));
  }
  place->acceptors = std::move(*acceptors);
  place->lent = there != nullptr && there->how == Acceptors::Adopted::lent;
  if (place->lent) {
    say_strategy(*place, shards);
  }
  if (const Result<> kept = place->acceptors->keep(); !kept) {
    return std::unexpected("vigil serve: " + cannot_listen(*address, kept.error(), "--listen"));
  }
  return place;
}

}  // namespace

std::string Place::text() const {
  const Address& bound = acceptors->address();
  return bound.is_local() ? cli::endpoint_text(endpoint) : bound.text();
}

void Place::stop_handing_out(bool elsewhere) noexcept {
  acceptors->let_go();
  elsewhere ? handing.begin_elsewhere() : handing.begin();
}

Place* find_place(const Places& places, const cli::Endpoint& endpoint) noexcept {
  const auto found = std::ranges::find_if(
      places, [&](const auto& place) { return place->endpoint == endpoint && !place->closing; });
  return found == places.end() ? nullptr : found->get();
}

void set_limits(const Places& places, const config::Configuration& configuration) noexcept {
  for (const config::Part& part : configuration.listeners) {
    if (Place* place = find_place(places, part.values.listen.front())) {
      place->limit.set(connections_of(part, configuration));
    }
  }
}

std::expected<Places, std::string> open_places(const config::Configuration& configuration,
                                               const Places& there, const PassedSockets& passed,
                                               Shards& shards) {
  Places opened;
  for (const config::Part& part : configuration.listeners) {
    if (find_place(there, part.values.listen.front()) != nullptr) {
      continue;
    }
    auto place = open_place(part.values, passed, shards);
    if (!place) {
      return std::unexpected(std::move(place.error()));
    }
    (*place)->limit.set(connections_of(part, configuration));
    opened.push_back(std::move(*place));
  }
  return opened;
}

}  // namespace vigil::app

// Opening the places to listen at.
#include "serve/places.hpp"

#include <algorithm>

#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

std::expected<std::shared_ptr<Place>, std::string> open_place(const cli::Settings& settings,
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
  auto acceptors = Acceptors::open(shards, *address,
                                   {.busy_poll = std::chrono::microseconds(settings.busy_poll)},
                                   settings.accept);
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
  return place;
}

}  // namespace

std::string Place::text() const {
  const Address& bound = acceptors->address();
  return bound.is_local() ? cli::endpoint_text(endpoint) : bound.text();
}

Place* find_place(const Places& places, const cli::Endpoint& endpoint) noexcept {
  const auto found = std::ranges::find_if(
      places, [&](const auto& place) { return place->endpoint == endpoint && !place->closing; });
  return found == places.end() ? nullptr : found->get();
}

std::expected<Places, std::string> open_places(const config::Configuration& configuration,
                                               const Places& there, Shards& shards) {
  Places opened;
  for (const config::Part& part : configuration.listeners) {
    if (find_place(there, part.values.listen.front()) != nullptr) {
      continue;
    }
    auto place = open_place(part.values, shards);
    if (!place) {
      return std::unexpected(std::move(place.error()));
    }
    opened.push_back(std::move(*place));
  }
  return opened;
}

}  // namespace vigil::app

// Where the server listens.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "config/configuration.hpp"
#include "serve/handed.hpp"
#include "vigil/http/connection_count.hpp"
#include "vigil/runtime/accept.hpp"

namespace vigil::app {

// A place to listen at, for all shards. Opened on shard 0, and there until the last of them needs
// it no more.
struct Place {
  cli::Endpoint endpoint;
  std::uint64_t busy_poll = 0;                        // microseconds
  AcceptStrategy accept = AcceptStrategy::reuseport;  // as it was asked for
  std::unique_ptr<Acceptors> acceptors;
  http::ConnectionLimit limit;  // of those that come by it, at all shards
  bool lent = false;            // the socket was passed, and somebody goes on with it afterwards
  Drain handing{kForever};      // shard 0's: ends the handing out
  // The configuration does not name it any more. Shard 0 says so before it tells the others.
  bool closing = false;

  // Nobody new comes from here on; `elsewhere`: another process has the sockets. Shard 0.
  void stop_handing_out(bool elsewhere) noexcept;

  // As the system says it: "127.0.0.1:8080".
  std::string text() const;
};
using Places = std::vector<std::shared_ptr<Place>>;

// The one at that endpoint which is to stay; null: there is none.
Place* find_place(const Places& places, const cli::Endpoint& endpoint) noexcept;

// Gives each the limit of connections that `configuration` has for it.
void set_limits(const Places& places, const config::Configuration& configuration) noexcept;

// Opens what `configuration` names and `there` lacks, by the socket that was passed for it, if
// there is one. The failure is the whole sentence.
std::expected<Places, std::string> open_places(const config::Configuration& configuration,
                                               const Places& there, const PassedSockets& passed,
                                               Shards& shards);

}  // namespace vigil::app

// `vigil explain`, on the server's side: finds a connection by its peer, and asks everybody who may
// have bytes of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/panel.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::app {

// Whom a name means: an address with its port, or a port alone ("53412").
struct PeerName {
  Address address;  // with `port_only` only its port counts
  bool port_only = false;

  bool means(const Address& peer) const noexcept {
    return port_only ? peer.port() == address.port() : peer == address;
  }
};
// Nothing: it is the name of no peer. Of any bytes.
std::optional<PeerName> peer_name(std::string_view text);
// The rest of a sentence about a name that is none; it does not repeat it.
inline constexpr std::string_view kNoPeerName =
    "that is no peer: it is an address with its port, as `vigil dump` shows it "
    "(127.0.0.1:53412), or a port alone.";

inline constexpr std::string_view kNoConnection = "no connection with that peer is open.";

struct Explained {
  bool found = false;
  std::string text;  // JSON if it was asked for; if it was not found, why, as a sentence in a line
};

// On the admin loop, which it does not hold up: at most two seconds and one for each shard.
Task<Explained> explain(const Panel* panel, PeerName name, bool json);

}  // namespace vigil::app

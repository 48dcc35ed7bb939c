// Ports: who has which port of a machine, for TCP or for UDP: bind(2)'s conflicts, the choice of
// ephemeral ports, and who is meant by what arrives.
#pragma once

#include <cstdint>
#include <map>

#include "kernel/random.hpp"
#include "net/endpoint.hpp"

namespace vigil::sim {

// What has a port, or may get one. A base of sockets.
struct PortUser {
  Endpoint local;        // the port is 0 before it has one
  Endpoint peer;         // of a connected one; the port is 0 before
  int family = 0;        // AF_INET or AF_INET6
  bool only_v6 = false;  // IPV6_V6ONLY
  bool reuse_address = false;
  bool reuse_port = false;
  bool listening = false;
  bool bound_by_name = false;     // bind(2) gave the port: it stays when the connection ends
  bool bound_to_address = false;  // and an address that is not the wildcard

  PortUser* next_user = nullptr;
  PortUser* previous_user = nullptr;
  bool has_row = false;
  bool in_connections = false;
};

class Ports {
 public:
  Ports(std::uint64_t seed, HostId host, std::uint16_t first, std::uint16_t last) noexcept;

  // Takes `port`, or with 0 an ephemeral one that nobody has. 0 or -EADDRINUSE.
  int bind(PortUser& user, std::uint16_t port);
  // Takes an ephemeral port from which nobody is connected to user.peer. 0 or -EADDRNOTAVAIL.
  int bind_for_peer(PortUser& user);
  // For a connection whose local end is a listener's.
  void join(PortUser& user);
  void leave(PortUser& user) noexcept;
  // A user with a port became connected, or listens.
  void moved(PortUser& user);
  // Whether another that listens, or that does not share, stands in the way of listening.
  bool may_listen(const PortUser& user) const noexcept;
  // Whether somebody else is connected between the same two.
  bool connected(const PortUser& user) const noexcept;

  // The one whom a connection or a datagram for `to` from `from` is meant for: the closest match,
  // of those with SO_REUSEPORT one by the two addresses and the seed. Null: nobody.
  PortUser* find(const Endpoint& to, const Endpoint& from, bool listening) const noexcept;

 private:
  struct Row {
    PortUser* bound = nullptr;  // and listeners
    PortUser* bound_last = nullptr;
    PortUser* connections = nullptr;
    PortUser* connections_last = nullptr;
    bool empty() const noexcept { return bound == nullptr && connections == nullptr; }
  };

  static bool overlap(const PortUser& a, const PortUser& b) noexcept;
  bool conflict(const PortUser& user, std::uint16_t port) const noexcept;
  void add(PortUser& user);
  void unlink(PortUser& user) noexcept;
  std::uint16_t draw() noexcept;

  Random random_;
  std::uint64_t salt_;
  std::uint16_t first_;
  std::uint16_t last_;
  std::map<std::uint16_t, Row> rows_;
};

}  // namespace vigil::sim

// Endpoint: an IP address and a port. IPv4 addresses are kept as IPv6 maps them (RFC
// 4291, 2.5.5.2), so that there is one way to compare.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>

#include "world/weather.hpp"

namespace vigil::sim {

struct Endpoint {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;

  static Endpoint v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                     std::uint16_t port = 0) noexcept;
  // 10.0.0.(id + 1) and fd00::(id + 1).
  static Endpoint host_v4(HostId id) noexcept;
  static Endpoint host_v6(HostId id) noexcept;
  static Endpoint loopback(bool v4) noexcept;

  bool is_v4() const noexcept;
  bool is_any() const noexcept;       // 0.0.0.0 or ::
  bool is_loopback() const noexcept;  // 127.0.0.0/8 or ::1
  // Whether it lies in the network of the simulated machines, though perhaps no machine has it.
  bool on_link() const noexcept;
  // The machine's number, if the address is of one.
  std::optional<HostId> host() const noexcept;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Of a socket of `family` (AF_INET or AF_INET6). 0, -EINVAL or -EAFNOSUPPORT.
int parse_endpoint(const sockaddr* address, socklen_t size, int family, Endpoint& out) noexcept;
socklen_t format_endpoint(const Endpoint& endpoint, int family, sockaddr_storage& out) noexcept;

}  // namespace vigil::sim

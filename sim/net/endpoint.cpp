// Addresses and ports as the network knows them.
#include "net/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vigil::sim {

Endpoint Endpoint::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                      std::uint16_t port) noexcept {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, port};
}

Endpoint Endpoint::host_v4(HostId id) noexcept {
  const unsigned number = id + 1u;
  return v4(10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

Endpoint Endpoint::host_v6(HostId id) noexcept {
  const unsigned number = id + 1u;
  return {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(number >> 8),
           static_cast<std::uint8_t>(number)},
          0};
}

Endpoint Endpoint::loopback(bool v4) noexcept {
  return v4 ? Endpoint::v4(127, 0, 0, 1)
            : Endpoint{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
}

bool Endpoint::is_v4() const noexcept {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(ip.data(), kMapped, sizeof kMapped) == 0;
}

bool Endpoint::is_any() const noexcept {
  const auto begin = is_v4() ? ip.begin() + 12 : ip.begin();
  return std::all_of(begin, ip.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool Endpoint::is_loopback() const noexcept {
  return is_v4() ? ip[12] == 127 : ip == loopback(false).ip;
}

bool Endpoint::on_link() const noexcept {
  if (is_v4()) {
    return ip[12] == 10 && ip[13] == 0;
  }
  return ip[0] == 0xfd &&
         std::all_of(ip.begin() + 1, ip.begin() + 14, [](std::uint8_t byte) { return byte == 0; });
}

std::optional<HostId> Endpoint::host() const noexcept {
  const unsigned number = static_cast<unsigned>(ip[14]) << 8 | ip[15];
  if (!on_link() || number == 0) {
    return std::nullopt;
  }
  return static_cast<HostId>(number - 1);
}

int parse_endpoint(const sockaddr* address, socklen_t size, int family, Endpoint& out) noexcept {
  if (size < sizeof(sa_family_t)) {
    return -EINVAL;
  }
  if (family == AF_INET6) {
    if (address->sa_family != AF_INET6) {
      return -EAFNOSUPPORT;
    }
    if (size < offsetof(sockaddr_in6, sin6_scope_id)) {  // SIN6_LEN_RFC2133
      return -EINVAL;
    }
    sockaddr_in6 given{};
    std::memcpy(&given, address, std::min<std::size_t>(size, sizeof given));
    std::memcpy(out.ip.data(), &given.sin6_addr, 16);
    out.port = ntohs(given.sin6_port);
    return 0;
  }
  if (size < sizeof(sockaddr_in)) {
    return -EINVAL;
  }
  sockaddr_in given{};
  std::memcpy(&given, address, sizeof given);
  // AF_UNSPEC with the wildcard is let pass, for old programs.
  if (given.sin_family != AF_INET &&
      (given.sin_family != AF_UNSPEC || given.sin_addr.s_addr != 0)) {
    return -EAFNOSUPPORT;
  }
  out = Endpoint::v4(0, 0, 0, 0, ntohs(given.sin_port));
  std::memcpy(out.ip.data() + 12, &given.sin_addr, 4);
  return 0;
}

socklen_t format_endpoint(const Endpoint& endpoint, int family, sockaddr_storage& out) noexcept {
  if (family == AF_INET6) {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(endpoint.port);
    std::memcpy(&name.sin6_addr, endpoint.ip.data(), 16);
    std::memcpy(&out, &name, sizeof name);
    return sizeof name;
  }
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(endpoint.port);
  if (endpoint.is_v4()) {
    std::memcpy(&name.sin_addr, endpoint.ip.data() + 12, 4);
  }
  std::memcpy(&out, &name, sizeof name);
  return sizeof name;
}

}  // namespace vigil::sim

// Address: where a socket is. IPv4, IPv6 or a local (Unix) path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vigil/base/result.hpp"
#include "vigil/loop/arguments.hpp"

namespace vigil {

// A plain value; any thread.
class Address {
 public:
  Address() noexcept = default;
  explicit Address(const SocketName& name) noexcept : name_(name) {}

  // Reads "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80", "localhost:80" (the IPv4 loopback), ":80"
  // and "*:80" (any IPv4 address), "unix:/run/x.sock" or "unix:@abstract". Numbers only: names are
  // resolve()'s. Errors: invalid_argument.
  static Result<Address> parse(std::string_view text);
  static Address loopback(std::uint16_t port) noexcept;  // 127.0.0.1
  static Address any(std::uint16_t port) noexcept;       // 0.0.0.0
  // Errors: filename_too_long above 107 bytes (sockaddr_un, unix(7)).
  static Result<Address> local(std::string_view path);

  bool is_local() const noexcept { return name_.family == SocketName::Family::local; }
  bool is_ipv6() const noexcept { return name_.family == SocketName::Family::ipv6; }
  bool empty() const noexcept { return name_.family == SocketName::Family::none; }
  bool is_loopback() const noexcept;
  std::uint16_t port() const noexcept { return name_.port; }
  // The path of a local address; empty for others. Views into this object.
  std::string_view path() const noexcept { return {name_.path.data(), name_.path_size}; }
  // As parse() reads it; RFC 5952 for IPv6.
  std::string text() const;
  // The host alone, without port or brackets.
  std::string host() const;

  const SocketName& name() const noexcept { return name_; }
  SocketName& name() noexcept { return name_; }
  friend bool operator==(const Address& a, const Address& b) noexcept {
    return same(a.name_, b.name_);
  }

 private:
  static bool same(const SocketName& a, const SocketName& b) noexcept;
  SocketName name_;
};

}  // namespace vigil

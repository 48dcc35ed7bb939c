// Addresses as text. Written out here, since the standard library has no such thing and this floor
// has no system headers.
#include "vigil/net/address.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace vigil {
namespace {

template <class T>
std::optional<T> number(std::string_view text, int base, T most) noexcept {
  T value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc{} || end != text.data() + text.size() || value > most) {
    return std::nullopt;
  }
  return value;
}

bool read_ipv4(std::string_view text, std::uint8_t* out) noexcept {
  for (int i = 0; i < 4; ++i) {
    const std::size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos || dot > 3 || (dot > 1 && text[0] == '0')) {
      return false;
    }
    const auto byte = number<std::uint32_t>(text.substr(0, dot), 10, 255);
    if (!byte) {
      return false;
    }
    out[i] = static_cast<std::uint8_t>(*byte);
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return text.empty();
}

// RFC 4291 section 2.2: eight groups, one run of zeros as "::", the last two groups possibly as
// IPv4.
bool read_ipv6(std::string_view text, std::uint8_t* out) noexcept {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t filled = 0;
  std::optional<std::size_t> gap;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, end);
    if (end == text.size() && group.find('.') != std::string_view::npos) {
      if (filled > 12 || !read_ipv4(group, bytes.data() + filled)) {
        return false;
      }
      filled += 4;
      break;
    }
    const auto value = number<std::uint32_t>(group, 16, 0xffff);
    if (!value || group.size() > 4 || filled > 14) {
      return false;
    }
    bytes[filled++] = static_cast<std::uint8_t>(*value >> 8);
    bytes[filled++] = static_cast<std::uint8_t>(*value);
    text.remove_prefix(end);
    if (text.empty()) {
      break;
    }
    text.remove_prefix(1);
    if (text.starts_with(':')) {
      if (gap) {
        return false;
      }
      gap = filled;
      text.remove_prefix(1);
    } else if (text.empty()) {
      return false;
    }
  }
  if (gap ? filled > 14 : filled != 16) {
    return false;
  }
  if (gap) {
    std::rotate(bytes.begin() + static_cast<std::ptrdiff_t>(*gap),
                bytes.begin() + static_cast<std::ptrdiff_t>(filled), bytes.end());
  }
  std::copy(bytes.begin(), bytes.end(), out);
  return true;
}

std::string ipv4_text(const std::uint8_t* ip) {
  std::string text;
  for (int i = 0; i < 4; ++i) {
    text += (i != 0 ? "." : "") + std::to_string(ip[i]);
  }
  return text;
}

// RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as "::".
std::string ipv6_text(const std::array<std::uint8_t, 16>& ip) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) {
    groups[i] = static_cast<unsigned>(ip[2 * i] << 8 | ip[2 * i + 1]);
  }
  std::size_t run_at = 8;
  std::size_t run_size = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t size = 0;
    while (i + size < 8 && groups[i + size] == 0) {
      ++size;
    }
    if (size > run_size) {
      run_at = i;
      run_size = size;
    }
  }
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run_at) {
      text += "::";
      i += run_size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') {
      text += ':';
    }
    std::array<char, 4> digits;
    const auto [end, failed] =
        std::to_chars(digits.data(), digits.data() + digits.size(), groups[i], 16);
    static_cast<void>(failed);
    text.append(digits.data(), end);
  }
  return text;
}

}  // namespace

Address Address::loopback(std::uint16_t port) noexcept {
  SocketName name;
  name.family = SocketName::Family::ipv4;
  name.port = port;
  name.ip = {127, 0, 0, 1};
  return Address(name);
}

Address Address::any(std::uint16_t port) noexcept {
  SocketName name;
  name.family = SocketName::Family::ipv4;
  name.port = port;
  return Address(name);
}

Result<Address> Address::local(std::string_view path) {
  SocketName name;
  if (path.empty()) {
    return error(std::errc::invalid_argument);
  }
  if (path.size() >= name.path.size()) {
    return error(std::errc::filename_too_long);
  }
  name.family = SocketName::Family::local;
  name.path_size = static_cast<std::uint8_t>(path.size());
  std::copy(path.begin(), path.end(), name.path.begin());
  if (path.front() == '@') {
    name.path[0] = '\0';
  }
  return Address(name);
}

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with("unix:")) {
    return local(text.substr(5));
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return error(std::errc::invalid_argument);
  }
  const auto port = number<std::uint32_t>(text.substr(colon + 1), 10, 65535);
  std::string_view host = text.substr(0, colon);
  if (!port) {
    return error(std::errc::invalid_argument);
  }
  if (host.empty() || host == "*") {
    return any(static_cast<std::uint16_t>(*port));
  }
  if (host == "localhost") {
    return loopback(static_cast<std::uint16_t>(*port));
  }
  SocketName name;
  name.port = static_cast<std::uint16_t>(*port);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
      const auto zone = number<std::uint32_t>(host.substr(percent + 1), 10, 0xffff'ffff);
      if (!zone) {
        return error(std::errc::invalid_argument);
      }
      name.zone = *zone;
      host = host.substr(0, percent);
    }
    name.family = SocketName::Family::ipv6;
    return read_ipv6(host, name.ip.data()) ? Result<Address>(Address(name))
                                           : Result<Address>(error(std::errc::invalid_argument));
  }
  name.family = SocketName::Family::ipv4;
  return read_ipv4(host, name.ip.data()) ? Result<Address>(Address(name))
                                         : Result<Address>(error(std::errc::invalid_argument));
}

bool Address::is_loopback() const noexcept {
  switch (name_.family) {
    case SocketName::Family::ipv4:
      return name_.ip[0] == 127;
    case SocketName::Family::ipv6:
      return std::all_of(name_.ip.begin(), name_.ip.end() - 1,
                         [](std::uint8_t b) { return b == 0; }) &&
             name_.ip[15] == 1;
    case SocketName::Family::local:
      return true;
    case SocketName::Family::none:
      break;
  }
  return false;
}

std::string Address::host() const {
  switch (name_.family) {
    case SocketName::Family::ipv4:
      return ipv4_text(name_.ip.data());
    case SocketName::Family::ipv6:
      return ipv6_text(name_.ip) + (name_.zone != 0 ? "%" + std::to_string(name_.zone) : "");
    case SocketName::Family::local: {
      std::string text(path());
      if (!text.empty() && text[0] == '\0') {
        text[0] = '@';
      }
      return text;
    }
    case SocketName::Family::none:
      break;
  }
  return {};
}

std::string Address::text() const {
  switch (name_.family) {
    case SocketName::Family::ipv4:
      return host() + ":" + std::to_string(name_.port);
    case SocketName::Family::ipv6:
      return "[" + host() + "]:" + std::to_string(name_.port);
    case SocketName::Family::local:
      return "unix:" + host();
    case SocketName::Family::none:
      break;
  }
  return "nowhere";
}

bool Address::same(const SocketName& a, const SocketName& b) noexcept {
  return a.family == b.family && a.port == b.port && a.zone == b.zone && a.ip == b.ip &&
         std::string_view(a.path.data(), a.path_size) ==
             std::string_view(b.path.data(), b.path_size);
}

}  // namespace vigil

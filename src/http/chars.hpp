// The character classes of RFC 9110 and 3986 as one table of bits, built when compiling.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vigil::http::chars {

inline constexpr std::uint8_t kTchar = 1;  // RFC 9110 section 5.6.2
inline constexpr std::uint8_t kValue = 2;  // field-vchar, SP and HTAB (section 5.5), obs-text too
inline constexpr std::uint8_t kTarget =
    4;  // what we read as part of a request target: visible ASCII without '#'
inline constexpr std::uint8_t kHost =
    8;  // unreserved and sub-delims: reg-name without '%' (RFC 3986)
inline constexpr std::uint8_t kEtagc = 16;  // RFC 9110 section 8.8.3
inline constexpr std::uint8_t kDigit = 32;
inline constexpr std::uint8_t kHex = 64;

consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto add = [&classes](std::string_view members, std::uint8_t bit) {
    for (const char c : members) {
      classes[static_cast<unsigned char>(c)] |= bit;
    }
  };
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool visible = c > 0x20 && c < 0x7f;
    const bool hex = digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
    std::uint8_t bits = 0;
    bits |= alpha || digit ? kTchar | kHost : 0;
    bits |= visible || c >= 0x80 || c == ' ' || c == '\t' ? kValue : 0;
    bits |= visible && c != '#' ? kTarget : 0;
    bits |= (visible && c != '"') || c >= 0x80 ? kEtagc : 0;
    bits |= digit ? kDigit : 0;
    bits |= hex ? kHex : 0;
    classes[c] = bits;
  }
  add("!#$%&'*+-.^_`|~", kTchar);
  add("-._~!$&'()*+,;=", kHost);
  return classes;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

constexpr bool is(char c, std::uint8_t classes) noexcept {
  return (kClasses[static_cast<unsigned char>(c)] & classes) != 0;
}

constexpr bool all(std::string_view text, std::uint8_t classes) noexcept {
  for (const char c : text) {
    if (!is(c, classes)) {
      return false;
    }
  }
  return true;
}

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// The value of a hexadecimal digit; -1 if it is none.
constexpr int hex(char c) noexcept {
  if (!is(c, kHex)) {
    return -1;
  }
  return is(c, kDigit) ? c - '0' : lower(c) - 'a' + 10;
}

}  // namespace vigil::http::chars

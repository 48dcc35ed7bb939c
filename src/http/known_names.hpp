// Field names to numbers: a perfect hash over the length and two letters, then one comparison of
// eight bytes at a time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "http/chars.hpp"
#include "vigil/http/known_field.hpp"

namespace vigil::http::detail {

// In the order of KnownField.
inline constexpr std::array<std::string_view, kKnownFields> kKnownNames = {
    "",
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Accept-Ranges",
    "Access-Control-Allow-Origin",
    "Age",
    "Allow",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "Date",
    "ETag",
    "Expect",
    "Expires",
    "Forwarded",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Last-Modified",
    "Link",
    "Location",
    "Max-Forwards",
    "Origin",
    "Pragma",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Range",
    "Referer",
    "Retry-After",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Server",
    "Set-Cookie",
    "Strict-Transport-Security",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Vary",
    "Via",
    "WWW-Authenticate",
    "X-Content-Type-Options",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Request-ID",
};

struct LowerName {
  std::array<char, 31> text;  // padded with zeros
  std::uint8_t size;
};

// The multipliers were searched for so that no two names meet (`make_known_index` fails to compile
// if they do), and are multiples of eight so that the bit that tells upper from lower case falls
// out of the sum.
constexpr std::size_t name_hash(const char* name, std::size_t size) noexcept {
  const auto first = static_cast<unsigned char>(name[0]);
  const auto last = static_cast<unsigned char>(name[size - 1]);
  return (size + first * 72U + last * 176U) & 0xff;
}

consteval std::array<LowerName, kKnownFields> make_lower_names() {
  std::array<LowerName, kKnownFields> names{};
  for (std::size_t i = 1; i < kKnownFields; ++i) {
    for (std::size_t at = 0; at < kKnownNames[i].size(); ++at) {
      names[i].text.at(at) = chars::lower(kKnownNames[i][at]);
    }
    names[i].size = static_cast<std::uint8_t>(kKnownNames[i].size());
  }
  return names;
}

consteval std::array<std::uint8_t, 256> make_known_index() {
  std::array<std::uint8_t, 256> index{};
  for (std::size_t i = 1; i < kKnownFields; ++i) {
    std::uint8_t& place = index[name_hash(kKnownNames[i].data(), kKnownNames[i].size())];
    // Two names in one place: subscript an empty array, which no constant expression may.
    place = place == 0 ? static_cast<std::uint8_t>(i) : kKnownNames.at(kKnownFields).size() != 0;
  }
  return index;
}

inline constexpr std::array<LowerName, kKnownFields> kLowerNames = make_lower_names();
inline constexpr std::array<std::uint8_t, 256> kKnownIndex = make_known_index();

template <class Word>
bool word_matches(const char* name, const char* lower) noexcept {
  Word a;
  Word b;
  std::memcpy(&a, name, sizeof a);
  std::memcpy(&b, lower, sizeof b);
  return (a | static_cast<Word>(0x2020202020202020U)) == b;
}

// Whether the token `name` is `lower` without regard to case. Setting bit 5 is exact here: the
// known names are letters and '-', and no other tchar becomes one of these by it.
[[gnu::always_inline]] inline bool name_matches(const char* name, const char* lower,
                                                std::size_t size) noexcept {
  using Word = std::uint64_t;
  using Half = std::uint32_t;
  if (size >= sizeof(Word)) {
    for (std::size_t at = 0; at + sizeof(Word) < size; at += sizeof(Word)) {
      if (!word_matches<Word>(name + at, lower + at)) {
        return false;
      }
    }
    return word_matches<Word>(name + size - sizeof(Word), lower + size - sizeof(Word));
  }
  if (size >= sizeof(Half)) {
    return word_matches<Half>(name, lower) &&
           word_matches<Half>(name + size - sizeof(Half), lower + size - sizeof(Half));
  }
  for (std::size_t at = 0; at < size; ++at) {
    if ((name[at] | 0x20) != lower[at]) {
      return false;
    }
  }
  return true;
}

// `size` > 0, and `name` is a token.
[[gnu::always_inline]] inline KnownField find_known(const char* name, std::size_t size) noexcept {
  const std::uint8_t candidate = kKnownIndex[name_hash(name, size)];
  const LowerName& known = kLowerNames[candidate];
  const bool same = known.size == size && name_matches(name, known.text.data(), size);
  return same ? static_cast<KnownField>(candidate) : KnownField::other;
}

}  // namespace vigil::http::detail

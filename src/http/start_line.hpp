// Parts of start lines: the version at the end of a request line, and the Host that nearly every
// request has.
#pragma once

#include <string_view>

#include "http/chars.hpp"
#include "http/scan.hpp"
#include "http/stage.hpp"
#include "vigil/http/message.hpp"

namespace vigil::http::detail {

// Reads "HTTP/1.1" CRLF as far as it is there; ten bytes at most, so that reading them again costs
// nothing.
struct VersionLine {
  Fault fault = Fault::none;
  bool whole = false;
  Version version = Version::http_1_1;
};

// The fault of byte `at` of "HTTP/D.D", if it is one.
inline Fault version_byte(char c, std::size_t at) noexcept {
  constexpr std::string_view kShape = "HTTP/0.0";
  if (kShape[at] != '0') {
    return c == kShape[at] ? Fault::none : fault_of_byte(c, Fault::bad_version);
  }
  if (!chars::is(c, chars::kDigit)) {
    return fault_of_byte(c, Fault::bad_version);
  }
  return at == 5 && c != '1' ? Fault::unsupported_version : Fault::none;
}

inline VersionLine read_version(std::string_view bytes) noexcept {
  VersionLine line;
  for (std::size_t at = 0; at < bytes.size() && at < 10; ++at) {
    const char c = bytes[at];
    if (at < 8) {
      line.fault = version_byte(c, at);
    } else if (at == 8) {
      line.fault = c == '\r' ? Fault::none : fault_of_byte(c, Fault::bad_version);
    } else {
      line.fault = c == '\n' ? Fault::none : Fault::bare_cr;
    }
    if (line.fault != Fault::none) {
      return line;
    }
  }
  line.whole = bytes.size() >= 10;
  if (bytes.size() >= 8 && bytes[7] == '0') {
    line.version = Version::http_1_0;
  }
  return line;
}

// Whether `host` is at most 16 letters, digits, dots and dashes with an optional port. False does
// not say that it is no host, only that it needs a longer look. All bytes up to `readable` may be
// read.
[[gnu::always_inline]] inline bool is_simple_host(std::string_view host,
                                                  const char* readable) noexcept {
#if defined(__SSE2__)
  const std::size_t size = host.size();
  if (size > 16 || readable - host.data() < 16) {
    return false;
  }
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(host.data()));
  const __m128i from_a = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
  const __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8(25)), from_a);
  const __m128i from_0 = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(from_0, _mm_set1_epi8(9)), from_0);
  const __m128i dot = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('.'));
  const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
  const __m128i good = _mm_or_si128(_mm_or_si128(letter, digit), _mm_or_si128(dot, dash));
  const unsigned all = (1U << size) - 1;
  const unsigned others = ~static_cast<unsigned>(_mm_movemask_epi8(good)) & all;
  if (others == 0) {
    return true;
  }
  // One other is allowed, the colon; behind it only digits, and so few that they are below 65,536.
  const unsigned colon = lowest(others);
  const unsigned behind = all & ~((2U << colon) - 1);
  const unsigned not_digits = ~static_cast<unsigned>(_mm_movemask_epi8(digit)) & behind;
  const bool is_port = size - colon <= 5 || (size - colon == 6 && host[colon + 1] < '6');
  return not_digits == 0 && host[colon] == ':' && is_port;
#else
  static_cast<void>(host);
  static_cast<void>(readable);
  return false;
#endif
}

}  // namespace vigil::http::detail

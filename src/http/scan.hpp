// Where a run of bytes of one class ends: sixteen bytes a step where the processor has SSE2, else
// by table. The scans agree bit for bit, and read nothing outside of [begin, end).
#pragma once

#include <cstddef>
#include <cstdint>

#include "http/chars.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace vigil::http::detail {

// Bytes of a field value: all but control bytes; HTAB belongs to it.
struct ValueBytes {
  static constexpr std::uint8_t kClass = chars::kValue;
#if defined(__SSE2__)
  // A bit for each byte that may end the run. It may be set too often (here: for HTAB), never too
  // seldom.
  static unsigned stops(__m128i bytes) noexcept {
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(control, del)));
  }
#endif
};

// Bytes of a request target: visible ASCII without '#'.
struct TargetBytes {
  static constexpr std::uint8_t kClass = chars::kTarget;
#if defined(__SSE2__)
  static unsigned stops(__m128i bytes) noexcept {
    const __m128i visible =
        _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x20));  // signed: 0x80 and up are not
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
    const __m128i good = _mm_andnot_si128(_mm_or_si128(del, hash), visible);
    return static_cast<unsigned>(_mm_movemask_epi8(good)) ^ 0xffffu;
  }
#endif
};

// Bytes of a token. The fast set is letters and '-', of which nearly all names are made.
struct TokenBytes {
  static constexpr std::uint8_t kClass = chars::kTchar;
#if defined(__SSE2__)
  static unsigned stops(__m128i bytes) noexcept {
    const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i from_a = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
    const __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8(25)), from_a);
    const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letter, dash))) ^ 0xffffu;
  }
#endif
};

#if defined(__SSE2__)
// The number of the lowest bit set, of which there is one. (std::countr_zero asks first whether
// there is any.)
inline unsigned lowest(unsigned bits) noexcept {
  return static_cast<unsigned>(__builtin_ctz(bits));
}
#endif

// Moves `at` to the first byte in [at, end) that is not of the class, or to `end`; whether that
// byte is `kWanted`, which is not of the class. What lies in [begin, at) may be read too.
template <class Bytes, char kWanted>
[[gnu::always_inline]] inline bool skip_to([[maybe_unused]] const char* begin, const char*& at,
                                           const char* end) noexcept {
  static_assert(!chars::is(kWanted, Bytes::kClass));
#if defined(__SSE2__)
  while (end - at >= 16) {
    const unsigned stops = Bytes::stops(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    if (stops == 0) {
      at += 16;
      continue;
    }
    at += lowest(stops);
    if (*at == kWanted) [[likely]] {
      return true;
    }
    if (!chars::is(*at, Bytes::kClass)) {
      return false;
    }
    ++at;
  }
  // The last bytes: load the sixteen that end at `end`, and forget those before `at`.
  while (at != end && end - begin >= 16) {
    const __m128i last = _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - 16));
    const unsigned stops = Bytes::stops(last) >> (16 - (end - at));
    if (stops == 0) {
      at = end;
      return false;
    }
    at += lowest(stops);
    if (*at == kWanted) [[likely]] {
      return true;
    }
    if (!chars::is(*at, Bytes::kClass)) {
      return false;
    }
    ++at;
  }
#endif
  while (at != end && chars::is(*at, Bytes::kClass)) {
    ++at;
  }
  return at != end && *at == kWanted;
}

}  // namespace vigil::http::detail

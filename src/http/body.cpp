// Bodies: by length, until the connection ends, and chunked (RFC 9112 section 7.1). The lines of
// chunks go through a state machine byte by byte, for they are short; content is passed on whole.
#include "vigil/http/body.hpp"

#include <algorithm>

#include "http/chars.hpp"

namespace vigil::http {
namespace {

// A chunk pays for sixteen bytes of its own lines and for two with each byte of content; beyond
// that, this many bytes may be spent on framing in all. Without it a peer could send kilobytes of
// extensions for each byte (CVE-2023-39326).
constexpr std::uint32_t kOverheadCredit = 4'096;
constexpr std::uint32_t kFreePerChunk = 16;

constexpr std::uint8_t kSizeDigits = 16;

}  // namespace

BodyReader::BodyReader(const Framing& framing) noexcept {
  switch (framing.kind) {
    case BodyKind::length:
      remaining_ = framing.length;
      phase_ = remaining_ == 0 ? Phase::done : Phase::length;
      break;
    case BodyKind::chunked:
      phase_ = Phase::size_first;
      break;
    case BodyKind::until_close:
      phase_ = Phase::until_close;
      break;
    case BodyKind::none:
    case BodyKind::tunnel:
      break;
  }
}

// Content from `from` on, as much as there is.
BodyReader::Piece BodyReader::take(ByteView bytes, std::size_t from, Phase after) noexcept {
  const std::size_t size =
      static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size() - from));
  remaining_ -= size;
  if (remaining_ == 0) {
    phase_ = after;
  }
  return {Step::data, bytes.subspan(from, size), from + size};
}

BodyReader::Piece BodyReader::next(ByteView bytes) noexcept {
  std::size_t at = 0;
  for (;;) {
    switch (phase_) {
      case Phase::done:
        return {Step::end, {}, at};
      case Phase::trailers:
        return {Step::trailers, {}, at};
      case Phase::refused:
        return {Step::refused, {}, at};
      default:
        break;
    }
    if (at == bytes.size()) {
      return {Step::need_more, {}, at};
    }
    switch (phase_) {
      case Phase::length:
        return take(bytes, at, Phase::done);
      case Phase::until_close:
        return {Step::data, bytes, bytes.size()};
      case Phase::data:
        return take(bytes, at, Phase::data_cr);
      default:
        at += chunk_byte(static_cast<char>(bytes[at])) ? 1U : 0U;
    }
  }
}

bool BodyReader::fail(Fault fault) noexcept {
  fault_ = fault;
  phase_ = Phase::refused;
  return false;
}

// One byte of framing; whether it was right.
bool BodyReader::chunk_byte(char c) noexcept {
  if (phase_ == Phase::data_cr) {
    phase_ = Phase::data_lf;
    return c == '\r' || fail(Fault::chunk_too_long);
  }
  if (phase_ == Phase::data_lf) {
    phase_ = Phase::size_first;
    return c == '\n' || fail(Fault::chunk_too_long);
  }
  if (++overhead_ > kOverheadCredit + kFreePerChunk) {
    return fail(Fault::chunk_overhead);
  }
  return size_line_byte(c);
}

// chunk-size [ chunk-ext ] CRLF. Extensions are skipped: none is known to us.
bool BodyReader::size_line_byte(char c) noexcept {
  switch (phase_) {
    case Phase::size_first:
      remaining_ = 0;
      digits_ = 0;
      phase_ = Phase::size;
      if (!chars::is(c, chars::kHex)) {
        return fail(Fault::chunk_size_invalid);
      }
      [[fallthrough]];
    case Phase::size:
      if (chars::is(c, chars::kHex)) {
        if (digits_ == kSizeDigits || (remaining_ >> 59) != 0) {
          return fail(Fault::chunk_size_too_large);
        }
        ++digits_;
        remaining_ = remaining_ << 4 | static_cast<unsigned>(chars::hex(c));
        return true;
      }
      [[fallthrough]];
    case Phase::blank:
      // Blanks may stand before the ';' of an extension, and nowhere else.
      if (c == '\r' && phase_ == Phase::size) {
        phase_ = Phase::size_lf;
        return true;
      }
      phase_ = c == ';' ? Phase::extension : Phase::blank;
      return c == ';' || c == ' ' || c == '\t' || fail(Fault::chunk_size_invalid);
    case Phase::extension:
      if (c == '\r') {
        phase_ = Phase::size_lf;
        return true;
      }
      return chars::is(c, chars::kValue) || fail(Fault::chunk_extension_invalid);
    default:
      return c == '\n' ? end_size_line() : fail(Fault::chunk_size_invalid);
  }
}

bool BodyReader::end_size_line() noexcept {
  const std::uint64_t paid =
      kFreePerChunk + 2 * std::min<std::uint64_t>(remaining_, kOverheadCredit);
  overhead_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(overhead_, paid));
  phase_ = remaining_ == 0 ? Phase::trailers : Phase::data;
  return true;
}

}  // namespace vigil::http

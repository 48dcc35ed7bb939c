// The status line (RFC 9112 section 4), what a whole response head means, and trailer sections.
#include <algorithm>

#include "http/field_parser.hpp"
#include "http/framing.hpp"
#include "http/start_line.hpp"
#include "vigil/http/parser.hpp"

namespace vigil::http {
namespace {

using namespace detail;

// "HTTP/1.1 200", and the byte behind it.
constexpr std::size_t kStatusSize = 12;

// The fault of byte `at` of "HTTP/D.D DDD" and what follows, if it is one. A status line that ends
// with its code lacks a space that the grammar has; it is common, and can be read in one way only.
Fault status_byte(char c, std::size_t at) noexcept {
  if (at < 8) {
    return version_byte(c, at);
  }
  if (at == 8) {
    return c == ' ' ? Fault::none : fault_of_byte(c, Fault::bad_version);
  }
  if (at == kStatusSize) {
    return c == ' ' || c == '\r' ? Fault::none : fault_of_byte(c, Fault::bad_reason);
  }
  const bool good = at == 9 ? c >= '1' && c <= '5' : chars::is(c, chars::kDigit);
  return good ? Fault::none : fault_of_byte(c, Fault::bad_status);
}

// RFC 9112 section 6.3, rules 1 and 2.
bool has_no_body(std::uint16_t status, Method asked) noexcept {
  return asked == Method::head || status < 200 || status == 204 || status == 304;
}

bool becomes_tunnel(std::uint16_t status, Method asked) noexcept {
  return status == 101 || (asked == Method::connect && status >= 200 && status < 300);
}

}  // namespace

Progress ResponseParser::refuse(Fault fault) noexcept {
  place_.fault = fault;
  return Progress::refused;
}

const char* ResponseParser::parse_line(ResponseHead& head, const char* base,
                                       const char* end) noexcept {
  const char* p = base + place_.at;
  const auto pause = [&](Stage stage, const char* at) {
    place_.stage = stage;
    place_.at = static_cast<std::uint32_t>(at - base);
    return static_cast<const char*>(nullptr);
  };
  const auto fail = [&](Fault fault) {
    place_.fault = fault;
    return static_cast<const char*>(nullptr);
  };
  if (place_.stage == kStart) {
    const std::size_t there =
        std::min<std::size_t>(static_cast<std::size_t>(end - base), kStatusSize + 1);
    for (std::size_t at = 0; at < there; ++at) {
      if (const Fault fault = status_byte(base[at], at); fault != Fault::none) {
        return fail(fault);
      }
    }
    if (there <= kStatusSize) {
      return pause(kStart, base);
    }
    head.version_ = base[7] == '0' ? Version::http_1_0 : Version::http_1_1;
    head.status_ = static_cast<std::uint16_t>((base[9] - '0') * 100 + (base[10] - '0') * 10 +
                                              (base[11] - '0'));
    p = base + kStatusSize + (base[kStatusSize] == ' ' ? 1 : 0);
    head.reason_at_ = static_cast<std::uint16_t>(p - base);
  }
  if (place_.stage != kStartLf) {
    if (!skip_to<ValueBytes, '\r'>(base, p, end)) {
      return p == end ? pause(kReason, p) : fail(fault_of_byte(*p, Fault::control_byte));
    }
    head.reason_size_ = static_cast<std::uint16_t>(p - base - head.reason_at_);
  }
  if (end - p < 2) {
    return pause(kStartLf, p);
  }
  return p[1] == '\n' ? p + 2 : fail(Fault::bare_cr);
}

Progress ResponseParser::finish(ResponseHead& head, Method asked) noexcept {
  Framing framing{BodyKind::until_close, 0};
  if (const Fault fault = read_framing(head.fields_, head.version_, framing);
      fault != Fault::none) {
    return refuse(fault);
  }
  ConnectionOptions options;
  if (const Fault fault = read_connection(head.fields_, options); fault != Fault::none) {
    return refuse(fault);
  }
  if (becomes_tunnel(head.status_, asked)) {
    framing = {BodyKind::tunnel, 0};
  } else if (has_no_body(head.status_, asked)) {
    framing = {};
  }
  head.framing_ = framing;
  const bool ends = framing.kind != BodyKind::until_close && framing.kind != BodyKind::tunnel;
  head.keep_alive_ = ends && options.persists(head.version_);
  place_ = {};
  return Progress::complete;
}

Progress ResponseParser::parse(ByteView buffer, ResponseHead& head, Method asked,
                               const HeadLimits& limits) noexcept {
  if (place_.fault != Fault::none) {
    return Progress::refused;
  }
  const char* base = as_text(buffer).data();
  const std::size_t window = std::min<std::size_t>(buffer.size(), limits.head);
  const char* p = base + place_.at;
  head.base_ = base;
  FieldParser::rebase(head.fields_, base);
  if (place_.stage < kLineStart) {
    p = parse_line(head, base, base + window);
    if (p != nullptr) {
      FieldParser::begin(head.fields_);
      place_.stage = kLineStart;
    }
  }
  if (p != nullptr) {
    p = FieldParser::parse(place_, head.fields_, base, p, base + window);
  }
  if (p != nullptr) {
    head.size_ = static_cast<std::uint32_t>(p - base);
    return finish(head, asked);
  }
  if (place_.fault == Fault::none && window == limits.head) {
    place_.fault = Fault::head_too_large;
  }
  return place_.fault == Fault::none ? Progress::need_more : Progress::refused;
}

Progress TrailerParser::parse(ByteView buffer, Fields& trailers) noexcept {
  constexpr std::uint64_t kForbidden = FieldParser::mask(
      KnownField::content_length, KnownField::transfer_encoding, KnownField::host,
      KnownField::connection, KnownField::te, KnownField::trailer, KnownField::upgrade,
      KnownField::expect, KnownField::range, KnownField::content_range,
      KnownField::content_encoding, KnownField::content_type, KnownField::authorization,
      KnownField::proxy_authorization, KnownField::cookie, KnownField::set_cookie,
      KnownField::max_forwards);
  if (place_.fault != Fault::none) {
    return Progress::refused;
  }
  const char* base = as_text(buffer).data();
  const std::size_t window = std::min<std::size_t>(buffer.size(), kLimit);
  if (place_.stage == kStart) {
    FieldParser::begin(trailers);
    place_.stage = kLineStart;
  }
  FieldParser::rebase(trailers, base);
  const char* p = FieldParser::parse(place_, trailers, base, base + place_.at, base + window);
  if (p != nullptr) {
    size_ = static_cast<std::uint32_t>(p - base);
    place_ = {};
    place_.fault =
        FieldParser::any_of(trailers, kForbidden) ? Fault::trailer_forbidden : Fault::none;
    return place_.fault == Fault::none ? Progress::complete : Progress::refused;
  }
  if (place_.fault == Fault::none && window == kLimit) {
    place_.fault = Fault::trailer_too_large;
  }
  return place_.fault == Fault::none ? Progress::need_more : Progress::refused;
}

}  // namespace vigil::http

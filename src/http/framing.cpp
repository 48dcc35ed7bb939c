// What a head's fields say about the body, the connection and the host. Where the RFC lets a
// recipient choose between repair and refusal, this refuses: a repair is a second reading.
#include "http/framing.hpp"

#include "http/chars.hpp"
#include "vigil/http/fields.hpp"

namespace vigil::http::detail {
namespace {

// RFC 9112 sections 6.1 and 6.3: chunked is the last coding, once; what stands before it we would
// have to decode.
Fault read_codings(const Fields& fields) noexcept {
  bool chunked = false;
  bool chunked_last = false;
  bool chunked_twice = false;
  bool others = false;
  fields.for_each(KnownField::transfer_encoding, [&](std::string_view value) {
    for (ListReader list(value); const auto coding = list.next();) {
      chunked_last = equal_ignoring_case(*coding, "chunked");
      chunked_twice = chunked_twice || (chunked && chunked_last);
      chunked = chunked || chunked_last;
      others = others || !chunked_last;
    }
  });
  if (!chunked_last || chunked_twice) {
    return Fault::coding_not_chunked_last;
  }
  return others ? Fault::coding_unknown : Fault::none;
}

bool is_port(std::string_view text) noexcept {
  unsigned port = 0;
  for (const char c : text) {
    port = port * 10 + static_cast<unsigned>(c - '0');
    if (!chars::is(c, chars::kDigit) || port > 65'535) {
      return false;
    }
  }
  return true;
}

// The inside of "[...]": an IPv6 address by its letters, or IPvFuture.
bool is_ip_literal(std::string_view text) noexcept {
  if (text.starts_with('v') || text.starts_with('V')) {
    const std::size_t dot = text.find('.');
    return dot != std::string_view::npos && dot > 1 && dot + 1 < text.size() &&
           chars::all(text.substr(1, dot - 1), chars::kHex) &&
           text.find_first_of("%[]") == std::string_view::npos;
  }
  return text.size() >= 2 && text.size() <= 45 && text.find(':') != std::string_view::npos &&
         text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

bool is_reg_name(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%') {
      if (text.size() - at < 3 || !chars::all(text.substr(at + 1, 2), chars::kHex)) {
        return false;
      }
      at += 2;
    } else if (!chars::is(text[at], chars::kHost)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Fault read_framing(const Fields& fields, Version version, Framing& framing) noexcept {
  const bool coded = fields.has(KnownField::transfer_encoding);
  const auto length = fields.find(KnownField::content_length);
  if (coded && length) {
    return Fault::length_and_coding;
  }
  if (coded) {
    if (version == Version::http_1_0) {
      return Fault::coding_in_1_0;
    }
    framing = {BodyKind::chunked, 0};
    return read_codings(fields);
  }
  if (length) {
    if (fields.repeated(KnownField::content_length)) {
      return Fault::length_repeated;
    }
    const auto value = parse_decimal(*length);
    if (!value) {
      return Fault::length_invalid;
    }
    framing = {BodyKind::length, *value};
  }
  return Fault::none;
}

Fault read_connection(const Fields& fields, ConnectionOptions& options) noexcept {
  Fault fault = Fault::none;
  const auto said = fields.find(KnownField::connection);
  // As browsers and load generators say it.
  if ((said == "keep-alive" || said == "close") && !fields.repeated(KnownField::connection)) {
    (said == "close" ? options.close : options.keep_alive) = true;
    return fault;
  }
  fields.for_each(KnownField::connection, [&](std::string_view value) {
    for (ListReader list(value); const auto option = list.next();) {
      if (!is_token(*option)) {
        fault = Fault::connection_invalid;
      }
      options.close = options.close || equal_ignoring_case(*option, "close");
      options.keep_alive = options.keep_alive || equal_ignoring_case(*option, "keep-alive");
      options.upgrade = options.upgrade || equal_ignoring_case(*option, "upgrade");
    }
  });
  return fault;
}

bool is_authority(std::string_view text) noexcept {
  std::size_t host_end;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_ip_literal(text.substr(1, close - 1))) {
      return false;
    }
    host_end = close + 1;
  } else {
    host_end = text.find(':');
    if (!is_reg_name(text.substr(0, host_end))) {
      return false;
    }
  }
  if (host_end >= text.size()) {
    return true;
  }
  return text[host_end] == ':' && is_port(text.substr(host_end + 1));
}

}  // namespace vigil::http::detail

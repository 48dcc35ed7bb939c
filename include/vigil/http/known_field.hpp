// The field names that vigil knows by number, so that looking one up in a head costs no comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vigil::http {

// Registered field names (RFC 9110 section 18.4 and the registry of IANA), in alphabetical order.
// `other` is every name that is not here.
enum class KnownField : std::uint8_t {
  other,
  accept,
  accept_charset,
  accept_encoding,
  accept_language,
  accept_ranges,
  access_control_allow_origin,
  age,
  allow,
  authorization,
  cache_control,
  connection,
  content_disposition,
  content_encoding,
  content_language,
  content_length,
  content_location,
  content_range,
  content_type,
  cookie,
  date,
  etag,
  expect,
  expires,
  forwarded,
  host,
  if_match,
  if_modified_since,
  if_none_match,
  if_range,
  if_unmodified_since,
  keep_alive,
  last_modified,
  link,
  location,
  max_forwards,
  origin,
  pragma,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  range,
  referer,
  retry_after,
  sec_websocket_accept,
  sec_websocket_extensions,
  sec_websocket_key,
  sec_websocket_protocol,
  sec_websocket_version,
  server,
  set_cookie,
  strict_transport_security,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  vary,
  via,
  www_authenticate,
  x_content_type_options,
  x_forwarded_for,
  x_forwarded_proto,
  x_request_id,
};

// How many values KnownField has, `other` included.
inline constexpr std::size_t kKnownFields = static_cast<std::size_t>(KnownField::x_request_id) + 1;

// The name as it is usually written ("Content-Length"); empty for `other`.
[[nodiscard]] std::string_view name_of(KnownField field) noexcept;

// The field of that name, compared without case; `other` if it is not known. `name` is a token.
[[nodiscard]] KnownField known_field(std::string_view name) noexcept;

}  // namespace vigil::http

// What a head's fields say about the body, the connection and the host: RFC 9112 sections 3.2, 6
// and 9, strictly.
#pragma once

#include <string_view>

#include "vigil/http/message.hpp"

namespace vigil::http::detail {

// Reads Content-Length and Transfer-Encoding. `framing` becomes `length` or `chunked`, and stays as
// it was if there is neither.
Fault read_framing(const Fields& fields, Version version, Framing& framing) noexcept;

// The options of the Connection field that concern every message.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;

  // RFC 9112 section 9.3.
  bool persists(Version version) const noexcept {
    return !close && (version == Version::http_1_1 || keep_alive);
  }
};
Fault read_connection(const Fields& fields, ConnectionOptions& options) noexcept;

// Whether `text` is uri-host [ ":" port ] (RFC 3986 section 3.2), without user information. The
// host may be empty, so may the port.
bool is_authority(std::string_view text) noexcept;

}  // namespace vigil::http::detail

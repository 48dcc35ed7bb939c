// From the field lines of an Answer to those that the server sends.
#include "serve/lines.hpp"

namespace vigil::app {

Result<http::FieldLines> checked_lines(std::string_view fields, std::span<char> room) noexcept {
  http::HeadWriter out(room);
  out.fields();
  while (!fields.empty()) {
    const std::size_t end = fields.find("\r\n");
    const std::size_t colon = fields.find(": ");
    if (end == std::string_view::npos || colon > end) {
      return error(std::errc::invalid_argument);
    }
    out.field(fields.substr(0, colon), fields.substr(colon + 2, end - colon - 2));
    fields.remove_prefix(end + 2);
  }
  return out.finish_lines();
}

Result<http::FieldLines> request_id_line(std::string_view id, std::span<char> room) noexcept {
  http::HeadWriter out(room);
  out.fields().field(http::KnownField::x_request_id, id);
  return out.finish_lines();
}

}  // namespace vigil::app

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

// Every answer has it: the line stands ready, and nothing of it is looked through again.
http::FieldLines request_id_line(const site::RequestId& id,
                                 std::span<char, kRequestIdLine> room) noexcept {
  constexpr std::string_view kName = "X-Request-ID: ";
  constexpr http::FieldLines kLine("X-Request-ID: 00000000000000000000000000000000\r\n");
  const http::FieldLines line = kLine.copied_to(room);
  id.text().copy(room.data() + kName.size(), site::RequestId::kSize);
  return line;
}

}  // namespace vigil::app

// From the field lines of an Answer to those that the server sends: each name and value checked.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "site/request_id.hpp"
#include "vigil/base/result.hpp"
#include "vigil/http/writer.hpp"

namespace vigil::app {

// Writes `fields` ("Name: value\r\n" each) into `room`. Errors: no_buffer_space, invalid_argument
// (a control byte, or no line).
Result<http::FieldLines> checked_lines(std::string_view fields, std::span<char> room) noexcept;

inline constexpr std::size_t kRequestIdLine = 48;  // bytes of the line with a request's name
// That line, in `room`.
http::FieldLines request_id_line(const site::RequestId& id,
                                 std::span<char, kRequestIdLine> room) noexcept;

}  // namespace vigil::app

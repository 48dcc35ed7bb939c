// From the field lines of an Answer to those that the server sends: each name and value checked.
#pragma once

#include <span>
#include <string_view>

#include "vigil/base/result.hpp"
#include "vigil/http/writer.hpp"

namespace vigil::app {

// Writes `fields` ("Name: value\r\n" each) into `room`. Errors: no_buffer_space, invalid_argument
// (a control byte, or no line).
Result<http::FieldLines> checked_lines(std::string_view fields, std::span<char> room) noexcept;

// The line with the name of the request, in `room`.
Result<http::FieldLines> request_id_line(std::string_view id, std::span<char> room) noexcept;
inline constexpr std::size_t kRequestIdLine = 64;  // bytes that it needs at most

}  // namespace vigil::app

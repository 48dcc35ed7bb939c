// What a file is, by the end of its name.
#pragma once

#include <string_view>

namespace vigil::site {

// The Content-Type, charset included, for a file of this name or path; "application/octet-stream"
// for what is not known. Upper and lower case are one. Static storage.
std::string_view content_type(std::string_view path) noexcept;

}  // namespace vigil::site

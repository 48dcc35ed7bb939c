// The frame of the pages that vigil makes itself, and the pages and texts of errors. Nothing is
// loaded from anywhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vigil::site {

// The Content-Security-Policy of these pages: no scripts, nothing from outside, this style alone.
extern const std::string_view kPagePolicy;
// The style of these pages, between <style> and </style>; the policy names its SHA-256.
extern const std::string_view kPageStyle;

// What comes before and after the content of a page; `title` is of any bytes.
void append_page_begin(std::string& out, std::string_view title);
void append_page_end(std::string& out);

// An error for a browser, and for everything else. `why` is a sentence; `request_id` may be empty.
void append_error_page(std::string& out, int status, std::string_view why,
                       std::string_view request_id);
void append_error_text(std::string& out, int status, std::string_view why,
                       std::string_view request_id);

// Whether an Accept field asks for HTML, as browsers do and curl does not.
bool wants_html(std::string_view accept) noexcept;

}  // namespace vigil::site

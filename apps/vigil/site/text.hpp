// Bytes of unknown kind made fit for a page: names of files, paths, fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vigil::site {

// The length of the well-formed UTF-8 character at the front of `text` (1 to 4), or 0. `code`, if
// not null, receives it. Surrogates, overlong forms and what is above U+10FFFF are not well-formed.
std::size_t utf8_length(std::string_view text, std::uint32_t* code = nullptr) noexcept;

// Appends `bytes` as text of an HTML page, or of an attribute within quotes. Control characters,
// bytes that are no UTF-8 and characters that change the direction of writing are shown as \x0a or
// \u202e, as a shell would.
void append_html(std::string& out, std::string_view bytes);

// Appends `bytes` as what stands between the quotes of a JSON string. Control characters are
// escaped, and bytes that are no UTF-8 as the characters of their numbers.
void append_json_text(std::string& out, std::string_view bytes);

// The length of the front of `text` that is printable ASCII without '"' and '\\'.
std::size_t plain_ascii(std::string_view text) noexcept;

// "0 B", "999 B", "1.0 KiB", "23 MiB": at most four digits.
void append_human_size(std::string& out, std::uint64_t bytes);

// "2026-11-21 18:45" (UTC), and for machines "2026-11-21T18:45:03Z".
void append_minutes(std::string& out, std::int64_t unix_seconds);
void append_instant(std::string& out, std::int64_t unix_seconds);

// Whether `a` comes before `b` as people sort names: digits as numbers, ASCII case aside unless all
// else is equal.
bool natural_less(std::string_view a, std::string_view b) noexcept;

}  // namespace vigil::site

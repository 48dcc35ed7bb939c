// Bytes of unknown kind made fit for a page.
#include "site/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "vigil/http/date.hpp"

namespace vigil::site {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

bool digit(char c) noexcept { return c >= '0' && c <= '9'; }
unsigned char lower(char c) noexcept {
  return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

// Characters that a reader cannot see, or that make what follows read in another order.
bool deceives(std::uint32_t code) noexcept {
  return (code >= 0x80 && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x2069) ||
         code == 0xfeff || code == 0x61c;
}

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  out.append(width - std::min(width, digits.size()), '0');
  out += digits;
}

void append_date(std::string& out, std::int64_t unix_seconds, char separator) {
  const auto point = std::chrono::sys_seconds(
      std::chrono::seconds(std::clamp(unix_seconds, http::kFirstDate, http::kLastDate)));
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const auto time = (point - day).count();
  append_padded(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += separator;
  append_padded(out, time / 3600, 2);
  out += ':';
  append_padded(out, time / 60 % 60, 2);
}

}  // namespace

std::size_t utf8_length(std::string_view text, std::uint32_t* code) noexcept {
  if (text.empty()) {
    return 0;
  }
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || text.size() < length) {
    return 0;
  }
  std::uint32_t value = length == 1 ? first : first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0U) != 0x80) {
      return 0;
    }
    value = value << 6U | (next & 0x3fU);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
    return 0;
  }
  if (code != nullptr) {
    *code = value;
  }
  return length;
}

std::size_t plain_ascii(std::string_view text) noexcept {
  const auto special = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\';
  };
  return static_cast<std::size_t>(std::ranges::find_if(text, special) - text.begin());
}

void append_json_text(std::string& out, std::string_view bytes) {
  for (;;) {
    const std::size_t clean = plain_ascii(bytes);
    out += bytes.substr(0, clean);
    bytes.remove_prefix(clean);
    if (bytes.empty()) {
      return;
    }
    std::uint32_t code = 0;
    const std::size_t length = utf8_length(bytes, &code);
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (code == '"' || code == '\\') {
      out += '\\';
      out += bytes[0];
    } else if (length == 0 || code < 0xa0) {  // the two ranges of control characters
      const std::uint32_t shown = length == 0 ? first : code;
      out += "\\u00";
      out += kHex[shown >> 4U];
      out += kHex[shown & 15U];
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

void append_html(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    std::uint32_t code = 0;
    const std::size_t length = utf8_length(bytes, &code);
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (length == 0 || code < 0x20 || code == 0x7f) {
      out += "\\x";
      out += kHex[first >> 4U];
      out += kHex[first & 15U];
    } else if (deceives(code)) {
      out += "\\u";
      for (const unsigned shift : {12U, 8U, 4U, 0U}) {
        out += kHex[code >> shift & 15U];
      }
    } else if (code == '&') {
      out += "&amp;";
    } else if (code == '<') {
      out += "&lt;";
    } else if (code == '>') {
      out += "&gt;";
    } else if (code == '"') {
      out += "&quot;";
    } else if (code == '\'') {
      out += "&#39;";
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

void append_human_size(std::string& out, std::uint64_t bytes) {
  constexpr std::array<std::string_view, 7> units{" B",   " KiB", " MiB", " GiB",
                                                  " TiB", " PiB", " EiB"};
  std::size_t unit = 0;
  std::uint64_t whole = bytes;  // of the unit
  std::uint64_t remainder = 0;  // of the unit, in 1024ths
  while (whole >= 1024) {
    remainder = whole % 1024;
    whole /= 1024;
    ++unit;
  }
  const std::uint64_t tenths = whole * 10 + remainder * 10 / 1024;
  if (unit == 0) {
    out += std::to_string(whole);
  } else if (tenths < 100) {
    out += std::to_string(tenths / 10) + '.' + static_cast<char>('0' + tenths % 10);
  } else {
    out += std::to_string(whole);
  }
  out += units[unit];
}

void append_minutes(std::string& out, std::int64_t unix_seconds) {
  append_date(out, unix_seconds, ' ');
}

void append_instant(std::string& out, std::int64_t unix_seconds) {
  append_date(out, unix_seconds, 'T');
  out += ':';
  append_padded(out, (unix_seconds % 60 + 60) % 60, 2);
  out += 'Z';
}

bool natural_less(std::string_view a, std::string_view b) noexcept {
  std::size_t i = 0;
  std::size_t k = 0;
  while (i < a.size() && k < b.size()) {
    if (digit(a[i]) && digit(b[k])) {
      while (i + 1 < a.size() && a[i] == '0' && digit(a[i + 1])) {
        ++i;
      }
      while (k + 1 < b.size() && b[k] == '0' && digit(b[k + 1])) {
        ++k;
      }
      const std::size_t from_i = i;
      const std::size_t from_k = k;
      while (i < a.size() && digit(a[i])) {
        ++i;
      }
      while (k < b.size() && digit(b[k])) {
        ++k;
      }
      if (i - from_i != k - from_k) {
        return i - from_i < k - from_k;
      }
      const int order = a.substr(from_i, i - from_i).compare(b.substr(from_k, k - from_k));
      if (order != 0) {
        return order < 0;
      }
      continue;
    }
    if (lower(a[i]) != lower(b[k])) {
      return lower(a[i]) < lower(b[k]);
    }
    ++i;
    ++k;
  }
  if (i == a.size() && k == b.size()) {
    return a < b;
  }
  return i == a.size();
}

}  // namespace vigil::site

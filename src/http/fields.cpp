// What is inside field values: tokens, lists, qualities, percent-encoding. Entity tags are in
// entity_tags.cpp.
#include "vigil/http/fields.hpp"

#include <algorithm>
#include <limits>

#include "http/chars.hpp"
#include "http/scan.hpp"

namespace vigil::http {
namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

// The length of the first element of a list: up to a comma that stands in no quoted string.
std::size_t element_size(std::string_view list) noexcept {
  bool quoted = false;
  for (std::size_t at = 0; at < list.size(); ++at) {
    const char c = list[at];
    if (quoted && c == '\\') {
      ++at;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      return at;
    }
  }
  return list.size();
}

// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ), in thousandths; 0 for all else.
std::uint16_t parse_weight(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
      (text.size() > 1 && text[1] != '.')) {
    return 0;
  }
  unsigned weight = text[0] == '1' ? 1000 : 0;
  unsigned unit = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (!chars::is(c, chars::kDigit)) {
      return 0;
    }
    weight += static_cast<unsigned>(c - '0') * unit;
    unit /= 10;
  }
  return weight > 1000 ? std::uint16_t{0} : static_cast<std::uint16_t>(weight);
}

// The weight among the parameters that follow an element's name, ";a=b;q=0.5".
std::uint16_t weight_of(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    parameters.remove_prefix(1);
    const std::size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string_view parameter = trimmed(parameters.substr(0, end));
    if (parameter.size() >= 2 && (parameter[0] | 0x20) == 'q' && parameter[1] == '=') {
      return parse_weight(parameter.substr(2));
    }
    parameters.remove_prefix(end);
  }
  return 1000;
}

std::string_view canonical_coding(std::string_view coding) noexcept {
  if (equal_ignoring_case(coding, "x-gzip") || equal_ignoring_case(coding, "x-compress")) {
    return coding.substr(2);
  }
  return coding;
}

}  // namespace

bool is_token(std::string_view text) noexcept {
  return !text.empty() && chars::all(text, chars::kTchar);
}

bool is_field_value(std::string_view text) noexcept {
  if (text.empty()) {
    return true;
  }
  const char* at = text.data();
  const char* end = at + text.size();
  detail::skip_to<detail::ValueBytes, '\r'>(text.data(), at, end);
  return at == end && !is_blank(text.front()) && !is_blank(text.back());
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto same = [](char x, char y) { return chars::lower(x) == chars::lower(y); };
  return std::ranges::equal(a, b, same);
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!chars::is(c, chars::kDigit)) {
      return std::nullopt;
    }
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kLargest - digit) / 10) {
      return std::nullopt;
    }
    value = value * 10 + digit;
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

std::optional<std::string_view> ListReader::next() noexcept {
  while (!rest_.empty()) {
    const std::size_t size = element_size(rest_);
    const std::string_view element = trimmed(rest_.substr(0, size));
    rest_.remove_prefix(std::min(size + 1, rest_.size()));
    if (!element.empty()) {
      return element;
    }
  }
  return std::nullopt;
}

bool list_has_token(std::string_view value, std::string_view token) noexcept {
  ListReader list(value);
  while (const auto element = list.next()) {
    if (equal_ignoring_case(*element, token)) {
      return true;
    }
  }
  return false;
}

std::optional<Weighted> WeightedReader::next() noexcept {
  const auto element = list_.next();
  if (!element) {
    return std::nullopt;
  }
  const std::size_t end = std::min(element->find(';'), element->size());
  return Weighted{trimmed(element->substr(0, end)), weight_of(element->substr(end))};
}

std::uint16_t coding_weight(std::string_view value, std::string_view coding) noexcept {
  const std::string_view wanted = canonical_coding(coding);
  std::optional<std::uint16_t> any;
  WeightedReader list(value);
  while (const auto element = list.next()) {
    if (equal_ignoring_case(canonical_coding(element->name), wanted)) {
      return element->weight;
    }
    if (element->name == "*" && !any) {
      any = element->weight;
    }
  }
  return any.value_or(equal_ignoring_case(wanted, "identity") ? 1 : 0);
}

std::optional<std::size_t> percent_decode(std::string_view text, std::span<char> out) noexcept {
  std::size_t written = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%') {
      const int high = at + 2 < text.size() ? chars::hex(text[at + 1]) : -1;
      const int low = at + 2 < text.size() ? chars::hex(text[at + 2]) : -1;
      if (high < 0 || low < 0) {
        return std::nullopt;
      }
      c = static_cast<char>(high * 16 + low);
      at += 2;
    }
    if (written == out.size()) {
      return std::nullopt;
    }
    out[written++] = c;
  }
  return written;
}

}  // namespace vigil::http

// Ranges of bytes.
#include "site/ranges.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "vigil/http/fields.hpp"

namespace vigil::site {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
// Parts closer than this are sent as one: the head between them would be longer.
constexpr std::uint64_t kGap = 100;

// 1*DIGIT; what exceeds 64 bits is as good as the largest number, since no file reaches it.
std::optional<std::uint64_t> number(std::string_view text) noexcept {
  if (text.empty()) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (kMost - digit) / 10 ? kMost : value * 10 + digit;
  }
  return value;
}

// One element of the list, clipped to the file; of size 0 if no byte of the file is meant. Nothing:
// malformed.
std::optional<ByteRange> clipped(std::string_view spec, std::uint64_t size) noexcept {
  const std::size_t dash = spec.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto last = number(spec.substr(dash + 1));
  if (dash == 0) {
    if (!last) {
      return std::nullopt;
    }
    const std::uint64_t taken = std::min(*last, size);
    return ByteRange{size - taken, taken};
  }
  const auto first = number(spec.substr(0, dash));
  const bool open = dash + 1 == spec.size();
  if (!first || (!open && (!last || *last < *first))) {
    return std::nullopt;
  }
  if (*first >= size) {
    return ByteRange{0, 0};
  }
  const std::uint64_t left = size - *first;
  return ByteRange{*first, open || *last - *first >= left ? left : *last - *first + 1};
}

// Adds a range to the set, swallowing every one that it meets; the result stands where the first of
// them stood.
void add(RangeSet& set, ByteRange range) noexcept {
  std::size_t place = set.count;
  for (std::size_t i = 0; i < set.count;) {
    const ByteRange& other = set.items[i];
    const ByteRange& low = other.first < range.first ? other : range;
    const ByteRange& high = other.first < range.first ? range : other;
    if (high.first > low.first + low.size && high.first - (low.first + low.size) >= kGap) {
      ++i;
      continue;
    }
    const std::uint64_t end = std::max(other.first + other.size, range.first + range.size);
    range.first = low.first;
    range.size = end - range.first;
    place = std::min(place, i);
    std::copy(set.items.begin() + static_cast<std::ptrdiff_t>(i) + 1,
              set.items.begin() + static_cast<std::ptrdiff_t>(set.count),
              set.items.begin() + static_cast<std::ptrdiff_t>(i));
    --set.count;
    i = 0;  // it has grown, and may meet what it did not before
  }
  place = std::min(place, set.count);
  std::copy_backward(set.items.begin() + static_cast<std::ptrdiff_t>(place),
                     set.items.begin() + static_cast<std::ptrdiff_t>(set.count),
                     set.items.begin() + static_cast<std::ptrdiff_t>(set.count) + 1);
  set.items[place] = range;
  ++set.count;
}

void append_number(std::string& out, std::uint64_t value) { out += std::to_string(value); }

std::uint64_t digits(std::uint64_t value) noexcept {
  std::uint64_t count = 1;
  for (; value >= 10; value /= 10) {
    ++count;
  }
  return count;
}

}  // namespace

RangeSet select_ranges(std::string_view field, std::uint64_t size) noexcept {
  RangeSet set;
  field = http::trimmed(field);
  const std::size_t equals = field.find('=');
  if (equals == std::string_view::npos ||
      !http::equal_ignoring_case(field.substr(0, equals), "bytes")) {
    return set;
  }
  std::size_t asked = 0;
  bool suffix = false;
  for (http::ListReader list(field.substr(equals + 1)); const auto spec = list.next();) {
    const auto range = clipped(*spec, size);
    if (!range || ++asked > kMaxRanges) {
      return {};
    }
    suffix = suffix || (spec->starts_with('-') && *spec != "-0");
    if (range->size > 0) {
      add(set, *range);
    }
  }
  if (asked == 0) {
    return {};
  }
  if (set.count > 0) {
    set.verdict = RangeVerdict::satisfiable;
  } else if (size > 0 ||
             !suffix) {  // a suffix of nothing is the whole, and Content-Range has no word for it
    set.verdict = RangeVerdict::unsatisfiable;
  }
  return set;
}

void append_content_range(std::string& out, const ByteRange& range, std::uint64_t size) {
  out += "bytes ";
  append_number(out, range.first);
  out += '-';
  append_number(out, range.first + range.size - 1);
  out += '/';
  append_number(out, size);
}

void append_content_range(std::string& out, std::uint64_t size) {
  out += "bytes */";
  append_number(out, size);
}

void Multipart::append_head(std::string& out, const ByteRange& range, bool first) const {
  out += first ? "--" : "\r\n--";
  out += boundary;
  out += "\r\nContent-Type: ";
  out += type;
  out += "\r\nContent-Range: ";
  append_content_range(out, range, size);
  out += "\r\n\r\n";
}

void Multipart::append_end(std::string& out) const {
  out += "\r\n--";
  out += boundary;
  out += "--\r\n";
}

std::uint64_t Multipart::length(std::span<const ByteRange> ranges) const {
  // "--" boundary CRLF "Content-Type: " type CRLF "Content-Range: bytes " first "-" last "/" size
  // CRLF CRLF
  const std::uint64_t fixed =
      2 + boundary.size() + 2 + 14 + type.size() + 2 + 21 + 1 + 1 + digits(size) + 4;
  std::uint64_t total = 2 + 2 + boundary.size() + 2 + 2;
  bool first = true;
  for (const ByteRange& range : ranges) {
    total += (first ? 0 : 2) + fixed + digits(range.first) + digits(range.first + range.size - 1) +
             range.size;
    first = false;
  }
  return total;
}

}  // namespace vigil::site

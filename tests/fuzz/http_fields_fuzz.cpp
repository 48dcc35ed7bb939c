// Any bytes as a field value, a date, a chunked body and an escaped path: the helpers stay inside
// of them, and the fast scans agree with the table.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "http/scan.hpp"
#include "tests/fuzz/http_reading.hpp"
#include "vigil/http/date.hpp"
#include "vigil/http/fields.hpp"

using namespace vigil::http;

namespace {

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void inside(std::string_view whole, std::string_view part) {
  require(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

template <class Bytes, char kWanted>
void scan_agrees(std::string_view text) {
  const char* end = text.data() + text.size();
  for (const char* from = text.data(); from != end; ++from) {
    const char* slow = from;
    while (slow != end && chars::is(*slow, Bytes::kClass)) {
      ++slow;
    }
    const char* fast = from;
    const bool found = detail::skip_to<Bytes, kWanted>(text.data(), fast, end);
    require(fast == slow && found == (slow != end && *slow == kWanted));
  }
}

void values(std::string_view text) {
  for (ListReader list(text); const auto element = list.next();) {
    inside(text, *element);
    require(!element->empty());
  }
  for (WeightedReader list(text); const auto element = list.next();) {
    inside(text, element->name);
    require(element->weight <= 1000);
  }
  for (EntityTagReader list(text); const auto tag = list.next();) {
    inside(text, tag->opaque);
    require(parse_entity_tag(tag->opaque).has_value());
  }
  static_cast<void>(coding_weight(text, "gzip"));
  static_cast<void>(match_entity_tags(text, {"\"a\"", false}, Comparison::weak));
  static_cast<void>(parse_decimal(text));
}

void dates(std::string_view text) {
  if (const auto seconds = parse_date(text, 1'763'750'000)) {
    std::array<char, kDateSize> formatted;
    format_date(*seconds, formatted);
    require(parse_date({formatted.data(), formatted.size()}, 0) == seconds);
  }
}

void bodies(std::string_view text) {
  BodyReader body({BodyKind::chunked, 0});
  std::string content;
  for (std::size_t at = 0;;) {
    const auto piece = body.next(vigil::as_bytes(text.substr(at)));
    require(piece.consumed <= text.size() - at);
    content += vigil::as_text(piece.data);
    at += piece.consumed;
    if (piece.step != BodyReader::Step::data) {
      break;
    }
  }
  require(content.size() <= text.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 512) {
    return 0;
  }
  const testing::Exact exact({reinterpret_cast<const char*>(data), size});
  const std::string_view text = vigil::as_text(exact.bytes());
  values(text);
  dates(text);
  bodies(text);
  scan_agrees<detail::ValueBytes, '\r'>(text);
  scan_agrees<detail::TargetBytes, ' '>(text);
  scan_agrees<detail::TokenBytes, ':'>(text);
  std::vector<char> out(size);
  static_cast<void>(percent_decode(text, out));
  return 0;
}

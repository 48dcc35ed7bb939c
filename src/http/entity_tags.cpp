// Entity tags (RFC 9110 section 8.8.3) and the lists of If-Match and If-None-Match. They have a
// reader of their own: a tag may hold commas and backslashes, which mean something else in other
// lists.
#include <algorithm>

#include "http/chars.hpp"
#include "vigil/http/fields.hpp"

namespace vigil::http {
namespace {

// Takes an entity tag from the front of `rest`; nothing, and `rest` untouched, if there is none.
std::optional<EntityTag> take_tag(std::string_view& rest) noexcept {
  const bool weak = rest.starts_with("W/");
  const std::string_view quoted = rest.substr(weak ? 2 : 0);
  if (!quoted.starts_with('"')) {
    return std::nullopt;
  }
  const std::size_t close = quoted.find('"', 1);
  if (close == std::string_view::npos || !chars::all(quoted.substr(1, close - 1), chars::kEtagc)) {
    return std::nullopt;
  }
  rest = quoted.substr(close + 1);
  return EntityTag{quoted.substr(0, close + 1), weak};
}

}  // namespace

std::optional<EntityTag> parse_entity_tag(std::string_view text) noexcept {
  const auto tag = take_tag(text);
  return text.empty() ? tag : std::nullopt;
}

bool equal(const EntityTag& a, const EntityTag& b, Comparison how) noexcept {
  const bool weak = a.weak || b.weak;
  return a.opaque == b.opaque && (how == Comparison::weak || !weak);
}

std::optional<EntityTag> EntityTagReader::next() noexcept {
  const std::size_t start = std::min(rest_.find_first_not_of(" \t,"), rest_.size());
  rest_.remove_prefix(start);
  if (rest_.empty()) {
    return std::nullopt;
  }
  const auto tag = take_tag(rest_);
  const std::string_view after = trimmed(rest_);
  if (!tag || !(after.empty() || after.starts_with(','))) {
    valid_ = false;
    rest_ = {};
    return std::nullopt;
  }
  return tag;
}

TagMatch match_entity_tags(std::string_view value, const EntityTag& current,
                           Comparison how) noexcept {
  if (trimmed(value) == "*") {
    return TagMatch::yes;
  }
  EntityTagReader list(value);
  bool any = false;
  bool matched = false;
  while (const auto tag = list.next()) {
    any = true;
    matched = matched || equal(*tag, current, how);
  }
  if (!list.valid() || !any) {
    return TagMatch::malformed;
  }
  return matched ? TagMatch::yes : TagMatch::no;
}

}  // namespace vigil::http

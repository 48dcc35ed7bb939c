// Entity tags of files and the preconditions of requests.
#include "site/conditional.hpp"

#include "vigil/http/date.hpp"
#include "vigil/http/fields.hpp"

namespace vigil::site {
namespace {

using http::Comparison;
using http::TagMatch;

// A bijection of 64 bits in which each bit of the argument moves about half of the result
// (splitmix64's finish).
constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

constexpr std::uint64_t digest(const FileFacts& facts, std::uint64_t seed) noexcept {
  std::uint64_t state = seed;
  for (const std::uint64_t word :
       {facts.inode, facts.size, static_cast<std::uint64_t>(facts.modified_ns),
        static_cast<std::uint64_t>(facts.changed_ns)}) {
    state = mixed((state ^ word) + 0x9e3779b97f4a7c15ULL);
  }
  return state;
}

// Whether a list of tags names the file. What is malformed names nothing: If-Match then fails and
// If-None-Match then sends the file, the safe side of each.
bool names(std::string_view list, std::string_view tag, Comparison how) noexcept {
  return http::match_entity_tags(list, {tag, false}, how) == TagMatch::yes;
}

}  // namespace

FileTag::FileTag(const FileFacts& facts) noexcept : text_{} {
  constexpr std::string_view digits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
  const std::uint64_t words[] = {digest(facts, 1), digest(facts, 2)};
  text_.front() = '"';
  text_.back() = '"';
  for (std::size_t i = 0; i < text_.size() - 2; ++i) {
    text_[i + 1] = digits[words[i / 11] >> (i % 11 * 6) & 63U];
  }
}

Verdict evaluate(const Preconditions& fields, const Validators& file) noexcept {
  if (fields.if_match) {
    if (!names(*fields.if_match, file.tag, Comparison::strong)) {
      return Verdict::failed;
    }
  } else if (fields.if_unmodified_since) {
    const auto date = http::parse_date(*fields.if_unmodified_since, file.now);
    if (date && file.modified > *date) {
      return Verdict::failed;
    }
  }
  if (fields.if_none_match) {
    return names(*fields.if_none_match, file.tag, Comparison::weak) ? Verdict::not_modified
                                                                    : Verdict::proceed;
  }
  if (fields.if_modified_since) {
    const auto date = http::parse_date(*fields.if_modified_since, file.now);
    if (date && file.modified <= *date) {
      return Verdict::not_modified;
    }
  }
  return Verdict::proceed;
}

bool range_applies(const std::optional<std::string_view>& if_range,
                   const Validators& file) noexcept {
  if (!if_range) {
    return true;
  }
  if (const auto tag = http::parse_entity_tag(http::trimmed(*if_range))) {
    return http::equal(*tag, {file.tag, false}, Comparison::strong);
  }
  const auto date = http::parse_date(*if_range, file.now);
  return date && *date == file.modified && file.now > file.modified;
}

}  // namespace vigil::site

// What is inside field values (RFC 9110): tokens, lists, qualities, entity tags, percent-encoding.
// Views go in, views into the same memory come out; nothing allocates or keeps state. All functions
// may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vigil::http {

// Whether `text` is a token: at least one character, all of them tchar (RFC 9110 section 5.6.2).
[[nodiscard]] bool is_token(std::string_view text) noexcept;

// Whether `text` can stand as a field value: no control byte but HTAB, no blank at either end
// (RFC 9110 section 5.5). The empty text can.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

// Whether the two are equal when ASCII letters are compared without case.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

// `text` without the spaces and tabs at both ends (OWS, RFC 9110 section 5.6.3).
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

// The value of 1*DIGIT; nothing for an empty text, any other byte (signs and blanks too), or more
// than 2^63 - 1.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

// Walks the elements of a comma-separated list (RFC 9110 section 5.6.1), trimmed; empty ones are
// skipped, as a recipient must. A comma inside a quoted string separates nothing.
//
//     for (ListReader list(value); auto element = list.next();) ...
class ListReader {
 public:
  explicit ListReader(std::string_view value) noexcept : rest_(value) {}
  // The next element, never empty; nothing at the end.
  [[nodiscard]] std::optional<std::string_view> next() noexcept;

 private:
  std::string_view rest_;
};

// Whether the list `value` has `token` as an element, without regard to case ("Connection:
// keep-alive, Upgrade").
[[nodiscard]] bool list_has_token(std::string_view value, std::string_view token) noexcept;

// An element of Accept, Accept-Encoding, Accept-Language or TE: its text before the first ';' and
// its weight.
struct Weighted {
  std::string_view name;
  std::uint16_t weight;  // thousandths: 1000 if none is given, 0 means "not acceptable"
};

// Walks a list of weighted elements (RFC 9110 section 12.4.2). A weight that is not one ("q=2",
// "q=x") counts as 0, so that what was garbled is not chosen. Parameters other than q are skipped.
class WeightedReader {
 public:
  explicit WeightedReader(std::string_view value) noexcept : list_(value) {}
  [[nodiscard]] std::optional<Weighted> next() noexcept;

 private:
  ListReader list_;
};

// How much an Accept-Encoding of `value` likes `coding`, in thousandths (RFC 9110 section 12.5.3):
// its own weight, else that of "*", else 0; for "identity", which is always acceptable unless
// refused, else 1. "x-gzip" is "gzip" and "x-compress" is "compress". Of an element that is given
// twice the first counts. A request without the field accepts any coding: that is the caller's
// case. An empty value accepts identity alone.
[[nodiscard]] std::uint16_t coding_weight(std::string_view value, std::string_view coding) noexcept;

// An entity tag (RFC 9110 section 8.8.3): the opaque text with its quotes, and whether W/ stood
// before it.
struct EntityTag {
  std::string_view opaque;
  bool weak = false;
};

// `text` as exactly one entity tag.
[[nodiscard]] std::optional<EntityTag> parse_entity_tag(std::string_view text) noexcept;

// How entity tags are compared (RFC 9110 section 8.8.3.2): If-Match and If-Range ask for strong,
// where weak tags equal nothing; If-None-Match for weak, where W/ makes no difference.
enum class Comparison : std::uint8_t { strong, weak };
[[nodiscard]] bool equal(const EntityTag& a, const EntityTag& b, Comparison how) noexcept;

// Walks the entity tags of an If-Match or If-None-Match value other than "*". Ends early at what is
// no tag; `valid` then is false.
class EntityTagReader {
 public:
  explicit EntityTagReader(std::string_view value) noexcept : rest_(value) {}
  [[nodiscard]] std::optional<EntityTag> next() noexcept;
  // Whether all that was read so far was well-formed.
  [[nodiscard]] bool valid() const noexcept { return valid_; }

 private:
  std::string_view rest_;
  bool valid_ = true;
};

// What an If-Match or If-None-Match value says about a resource that exists and has the tag
// `current`. `malformed` is for the caller to decide on: the field can be ignored or answered 400.
enum class TagMatch : std::uint8_t { no, yes, malformed };
[[nodiscard]] TagMatch match_entity_tags(std::string_view value, const EntityTag& current,
                                         Comparison how) noexcept;

// Writes `text` with each %XX replaced by its byte into `out`, once ("%2541" becomes "%41");
// returns how many bytes were written. Nothing for a '%' without two hexadecimal digits, or when
// `out` is too small; `text.size()` bytes are always enough, and `out` may be the memory of `text`
// itself. Zero bytes and slashes come out as any other: who makes a path of them must look.
[[nodiscard]] std::optional<std::size_t> percent_decode(std::string_view text,
                                                        std::span<char> out) noexcept;

}  // namespace vigil::http

// Entity tags of files and the preconditions of requests (RFC 9110 sections 8.8 and 13). Pure
// functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "site/file_facts.hpp"

namespace vigil::site {

// A strong entity tag with its quotes: 24 characters. It changes when the file's inode, size,
// modification or change time does, and tells none of them.
class FileTag {
 public:
  explicit FileTag(const FileFacts& facts) noexcept;
  std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 24> text_;
};

// The fields of a request that make it conditional; several lines of one name are joined with
// commas first.
struct Preconditions {
  std::optional<std::string_view> if_match;
  std::optional<std::string_view> if_none_match;
  std::optional<std::string_view> if_modified_since;
  std::optional<std::string_view> if_unmodified_since;
  std::optional<std::string_view> if_range;
};

// What the fields are compared with; seconds since 1970.
struct Validators {
  std::string_view tag;  // strong, with quotes
  std::int64_t modified = 0;
  std::int64_t now = 0;
};

enum class Verdict : std::uint8_t { proceed, not_modified, failed };  // 200 or 206, 304, 412

// Evaluates the fields for GET and HEAD in the order of RFC 9110 section 13.2.2, steps 1 to 4.
Verdict evaluate(const Preconditions& fields, const Validators& file) noexcept;

// Step 5: whether the Range field counts. A date does only if it is exactly the file's and at least
// a second old (section 13.1.5): within one second a file can change twice.
bool range_applies(const std::optional<std::string_view>& if_range,
                   const Validators& file) noexcept;

}  // namespace vigil::site

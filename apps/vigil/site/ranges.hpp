// Ranges of bytes (RFC 9110 section 14): which parts of a file a request asks for, and the text
// around them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vigil::site {

// A part of a file, inside it and not empty.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// A Range field with more ranges than this is ignored, as section 14.2 allows for what is no honest
// request.
inline constexpr std::size_t kMaxRanges = 16;

enum class RangeVerdict : std::uint8_t {
  ignore,         // send the whole: no field, another unit, malformed, or too many
  satisfiable,    // 206
  unsatisfiable,  // 416
};

struct RangeSet {
  RangeVerdict verdict = RangeVerdict::ignore;
  std::size_t count = 0;
  std::array<ByteRange, kMaxRanges> items{};

  std::span<const ByteRange> ranges() const noexcept { return {items.data(), count}; }
};

// What `field` (such as "bytes=0-99,-5") asks of a file of `size` bytes. Ranges that overlap,
// touch, or have less between them than a part's head would take are one: no byte is sent twice.
RangeSet select_ranges(std::string_view field, std::uint64_t size) noexcept;

// "bytes 0-99/1234"; "bytes */1234" without a range.
void append_content_range(std::string& out, const ByteRange& range, std::uint64_t size);
void append_content_range(std::string& out, std::uint64_t size);

// The texts of a multipart/byteranges body: a head before each part, the end after the last.
// `boundary` must not occur in the file: 16 random bytes in hexadecimal do not.
struct Multipart {
  std::string_view boundary;
  std::string_view type;   // Content-Type of the file
  std::uint64_t size = 0;  // of the file

  void append_head(std::string& out, const ByteRange& range, bool first) const;
  void append_end(std::string& out) const;
  // The length of the whole body, heads, parts and end.
  std::uint64_t length(std::span<const ByteRange> ranges) const;
};

}  // namespace vigil::site

// HTTP dates (RFC 9110 section 5.6.7): seconds since 1970 to text and back. No clock is read here:
// the caller asks the Host for the wall time. All functions are pure and may be called from any
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace vigil::http {

// The length of an IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT".
inline constexpr std::size_t kDateSize = 29;

// The seconds since 1970-01-01T00:00:00Z that have a four-digit year: 0000-01-01 to
// 9999-12-31T23:59:59.
inline constexpr std::int64_t kFirstDate = -62'167'219'200;
inline constexpr std::int64_t kLastDate = 253'402'300'799;

// Writes `unix_seconds` as an IMF-fixdate, without a terminating zero. What lies outside of
// [kFirstDate, kLastDate] is written as the nearer end.
void format_date(std::int64_t unix_seconds, std::span<char, kDateSize> out) noexcept;

// Reads a date in any of the three forms that a recipient must accept: IMF-fixdate, RFC 850
// ("Sunday, 06-Nov-94 08:49:37 GMT") and asctime ("Sun Nov  6 08:49:37 1994"). Case-sensitive;
// anything else, such as a day that its month does not have, is no date. The name of the weekday
// must be one, but need not be the right one. `now` (seconds since 1970) places the two-digit year
// of RFC 850: never more than 50 years in the future. A leap second (":60") counts as the second
// before it.
[[nodiscard]] std::optional<std::int64_t> parse_date(std::string_view text,
                                                     std::int64_t now) noexcept;

// The line "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", made anew only when the second changes: one
// per loop. Not thread-safe.
class DateLine {
 public:
  static constexpr std::size_t kSize = 6 + kDateSize + 2;

  // The line for `unix_seconds`; the view is good until the next call.
  [[nodiscard]] std::string_view at(std::int64_t unix_seconds) noexcept {
    if (unix_seconds != second_) [[unlikely]] {
      renew(unix_seconds);
    }
    return {line_.data(), line_.size()};
  }

 private:
  void renew(std::int64_t unix_seconds) noexcept;

  std::int64_t second_ = std::numeric_limits<std::int64_t>::min();
  std::array<char, kSize> line_{};
};

}  // namespace vigil::http

// HTTP dates (RFC 9110 section 5.6.7), on std::chrono's calendar, without locale, allocation or
// clock.
#include "vigil/http/date.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace vigil::http {
namespace {

constexpr std::string_view kShortDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::int64_t kDay = 86'400;

char digit(unsigned value) noexcept { return static_cast<char>('0' + value % 10); }

void put_two(char* out, unsigned value) noexcept {
  out[0] = digit(value / 10);
  out[1] = digit(value);
}

// Reads the parts of a date from left to right; once something does not fit, it stays failed.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : rest_(text) {}

  void literal(std::string_view expected) noexcept {
    if (rest_.starts_with(expected)) {
      rest_.remove_prefix(expected.size());
    } else {
      fail();
    }
  }

  unsigned number(std::size_t digits) noexcept {
    if (rest_.size() < digits) {
      return fail();
    }
    unsigned value = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') {
        return fail();
      }
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }

  // asctime pads the day of the month with a space.
  unsigned padded_day() noexcept {
    if (rest_.starts_with(' ')) {
      rest_.remove_prefix(1);
      return number(1);
    }
    return number(2);
  }

  // The index of the next three letters in a row of three-letter names.
  unsigned name(std::string_view names) noexcept {
    for (std::size_t at = 0; rest_.size() >= 3 && at < names.size(); at += 3) {
      if (rest_.starts_with(names.substr(at, 3))) {
        rest_.remove_prefix(3);
        return static_cast<unsigned>(at / 3);
      }
    }
    return fail();
  }

  std::int64_t time_of_day() noexcept {
    const unsigned hour = number(2);
    literal(":");
    const unsigned minute = number(2);
    literal(":");
    const unsigned second = number(2);
    if (hour > 23 || minute > 59 || second > 60) {
      return fail();
    }
    return hour * 3600 + minute * 60 + std::min(second, 59u);
  }

  bool whole() const noexcept { return good_ && rest_.empty(); }

 private:
  unsigned fail() noexcept {
    good_ = false;
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

std::optional<std::int64_t> joined(bool whole, unsigned year, unsigned month_from_0, unsigned day,
                                   std::int64_t time_of_day) noexcept {
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month_from_0 + 1),
                                         std::chrono::day(day)};
  if (!whole || !date.ok()) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * kDay + time_of_day;
}

std::optional<std::int64_t> parse_imf(std::string_view text) noexcept {
  Reader in(text);
  in.name(kShortDays);
  in.literal(", ");
  const unsigned day = in.number(2);
  in.literal(" ");
  const unsigned month = in.name(kMonths);
  in.literal(" ");
  const unsigned year = in.number(4);
  in.literal(" ");
  const std::int64_t time = in.time_of_day();
  in.literal(" GMT");
  return joined(in.whole(), year, month, day, time);
}

std::optional<std::int64_t> parse_asctime(std::string_view text) noexcept {
  Reader in(text);
  in.name(kShortDays);
  in.literal(" ");
  const unsigned month = in.name(kMonths);
  in.literal(" ");
  const unsigned day = in.padded_day();
  in.literal(" ");
  const std::int64_t time = in.time_of_day();
  in.literal(" ");
  const unsigned year = in.number(4);
  return joined(in.whole(), year, month, day, time);
}

std::optional<std::int64_t> parse_rfc850(std::string_view text, std::int64_t now) noexcept {
  const auto is_its_day = [text](std::string_view day) { return text.starts_with(day); };
  const auto weekday = std::ranges::find_if(kLongDays, is_its_day);
  if (weekday == kLongDays.end()) {
    return std::nullopt;
  }
  Reader in(text.substr(weekday->size()));
  in.literal(", ");
  const unsigned day = in.number(2);
  in.literal("-");
  const unsigned month = in.name(kMonths);
  in.literal("-");
  const unsigned short_year = in.number(2);
  in.literal(" ");
  const std::int64_t time = in.time_of_day();
  in.literal(" GMT");

  const std::chrono::sys_days today{
      std::chrono::days(std::clamp(now, kFirstDate, kLastDate) / kDay)};
  const int this_year = static_cast<int>(std::chrono::year_month_day(today).year());
  int year = this_year - this_year % 100 + static_cast<int>(short_year);
  if (year > this_year + 50) {
    year -= 100;
  }
  return joined(in.whole(), static_cast<unsigned>(std::max(year, 0)), month, day, time);
}

}  // namespace

void format_date(std::int64_t unix_seconds, std::span<char, kDateSize> out) noexcept {
  const std::int64_t second = std::clamp(unix_seconds, kFirstDate, kLastDate);
  const std::int64_t day_number = second >= 0 ? second / kDay : (second - (kDay - 1)) / kDay;
  const auto of_day = static_cast<unsigned>(second - day_number * kDay);
  const std::chrono::sys_days day{std::chrono::days(day_number)};
  const std::chrono::year_month_day date{day};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

  std::memcpy(out.data(), "Sun, 00 Jan 0000 00:00:00 GMT", kDateSize);
  std::memcpy(&out[0], &kShortDays[std::chrono::weekday(day).c_encoding() * 3], 3);
  put_two(&out[5], static_cast<unsigned>(date.day()));
  std::memcpy(&out[8], &kMonths[(static_cast<unsigned>(date.month()) - 1) * 3], 3);
  put_two(&out[12], year / 100);
  put_two(&out[14], year % 100);
  put_two(&out[17], of_day / 3600);
  put_two(&out[20], of_day / 60 % 60);
  put_two(&out[23], of_day % 60);
}

std::optional<std::int64_t> parse_date(std::string_view text, std::int64_t now) noexcept {
  if (text.size() == kDateSize && text[3] == ',') {
    return parse_imf(text);
  }
  if (text.size() > 3 && text[3] == ' ') {
    return parse_asctime(text);
  }
  return parse_rfc850(text, now);
}

void DateLine::renew(std::int64_t unix_seconds) noexcept {
  second_ = unix_seconds;
  std::memcpy(line_.data(), "Date: ", 6);
  format_date(unix_seconds, std::span<char, kDateSize>(line_.data() + 6, kDateSize));
  std::memcpy(line_.data() + 6 + kDateSize, "\r\n", 2);
}

}  // namespace vigil::http

// HTTP dates: the three forms of RFC 9110 section 5.6.7, what is refused, and the way back.
#include "vigil/http/date.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vigil::http {
namespace {

constexpr std::int64_t kExample = 784'111'777;  // the RFC's own: 1994-11-06 08:49:37
constexpr std::int64_t kNow = 1'763'750'000;    // 2025

std::string formatted(std::int64_t seconds) {
  std::string text(kDateSize, '?');
  format_date(seconds, std::span<char, kDateSize>(text.data(), kDateSize));
  return text;
}

TEST(Date, FormatsTheExampleOfTheRfc) {
  EXPECT_EQ(formatted(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Date, FormatsEdgesOfTheCalendar) {
  EXPECT_EQ(formatted(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(formatted(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
  EXPECT_EQ(formatted(951'782'400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(formatted(2'147'483'648), "Tue, 19 Jan 2038 03:14:08 GMT");
  EXPECT_EQ(formatted(kFirstDate), "Sat, 01 Jan 0000 00:00:00 GMT");
  EXPECT_EQ(formatted(kLastDate), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(Date, ClampsWhatHasNoFourDigitYear) {
  EXPECT_EQ(formatted(std::numeric_limits<std::int64_t>::max()), formatted(kLastDate));
  EXPECT_EQ(formatted(std::numeric_limits<std::int64_t>::min()), formatted(kFirstDate));
}

TEST(Date, ReadsAllThreeForms) {
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), kExample);
  EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), kExample);
  EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", kNow), kExample);
  EXPECT_EQ(parse_date("Wed Nov 16 08:49:37 1994", kNow), kExample + 10 * 86'400);
}

TEST(Date, ReadsBackWhatItWrites) {
  for (std::int64_t second = kFirstDate; second < kLastDate; second += 86'400'013LL * 3) {
    ASSERT_EQ(parse_date(formatted(second), kNow), second) << formatted(second);
  }
}

TEST(Date, PlacesTwoDigitYearsAtMostFiftyYearsAhead) {
  const auto year_2075 = parse_date("Tuesday, 01-Jan-75 00:00:00 GMT", kNow);
  const auto year_1976 = parse_date("Thursday, 01-Jan-76 00:00:00 GMT", kNow);
  EXPECT_EQ(formatted(year_2075.value()).substr(12, 4), "2075");
  EXPECT_EQ(formatted(year_1976.value()).substr(12, 4), "1976");
}

TEST(Date, TakesALeapSecondForTheOneBefore) {
  EXPECT_EQ(parse_date("Sat, 31 Dec 2016 23:59:60 GMT", kNow),
            parse_date("Sat, 31 Dec 2016 23:59:59 GMT", kNow));
}

TEST(Date, RefusesAnythingElse) {
  for (const char* text : {"",
                           "0",
                           "-1",
                           "Sun",
                           "Sun,",
                           "Sun ",
                           "now",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06 Nov 1994 08:49:37 GMT ",
                           " Sun, 06 Nov 1994 08:49:37 GMT",
                           "sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 31 Nov 1994 08:49:37 GMT",
                           "Sun, 29 Feb 1900 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:00 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 06 Nov 94 08:49:37 GMT",
                           "Sun, 06 Nov 1994 -8:49:37 GMT",
                           "Sun, 06 Nov +994 08:49:37 GMT",
                           "Sunday, 06-Nov-1994 08:49:37 GMT",
                           "Sunny, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 1994 GMT",
                           "Sun Nov 06 08:49:37 19945",
                           "Sun, 06 Nov 1994 08:49:37 GM",
                           "Sun, 06 Nov 1994 08:49:37.0 GMT"}) {
    EXPECT_EQ(parse_date(text, kNow), std::nullopt) << text;
  }
}

TEST(DateLine, IsRenewedWhenTheSecondChanges) {
  DateLine line;
  EXPECT_EQ(line.at(kExample), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(line.at(kExample), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(line.at(kExample + 1), "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
  EXPECT_EQ(line.at(kExample), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

}  // namespace
}  // namespace vigil::http

// The values that options take: what is read, what is refused, and that what is written can be
// read.
#include "cli/values.hpp"

#include <gtest/gtest.h>

#include <random>

namespace vigil::cli {
namespace {

using namespace std::chrono_literals;

TEST(Duration, reads_each_unit_exactly) {
  const std::pair<std::string_view, Nanos> table[] = {
      {"30s", 30s},      {"500ms", 500ms},  {"2m", 2min},   {"1h", 1h},   {"1d", 24h},
      {"7us", 7us},      {"9ns", 9ns},      {"0", 0ns},     {"0s", 0ns},  {"1.5s", 1500ms},
      {"0.25ms", 250us}, {"off", kForever}, {"1.50m", 90s}, {"007s", 7s},
  };
  for (const auto& [text, span] : table) {
    ASSERT_TRUE(parse_duration(text).has_value()) << text;
    EXPECT_EQ(parse_duration(text)->count(), span.count()) << text;
  }
}

TEST(Duration, refuses_what_has_no_unit_no_number_or_no_room) {
  for (const std::string_view text : {"30",
                                      "",
                                      "s",
                                      "-1s",
                                      "+1s",
                                      "1 s",
                                      "1e3s",
                                      "1.s",
                                      ".5s",
                                      "1..5s",
                                      "1S",
                                      "1min",
                                      "0.5ns",
                                      "9223372036854775807ns",
                                      "99999999999999999999s",
                                      "300000d",
                                      "1s ",
                                      "infinity",
                                      "0x10s",
                                      "1.0000000000000000001s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  EXPECT_EQ(parse_duration("30").error(),
            "has no unit. Write a number and ns, us, ms, s, m, h or d, such as 30s.");
}

TEST(Size, reads_powers_of_1024) {
  const std::pair<std::string_view, std::uint64_t> table[] = {
      {"0", 0},           {"4096", 4096},     {"32K", 32768},     {"32KiB", 32768},
      {"32kB", 32768},    {"1M", 1U << 20},   {"1MiB", 1U << 20}, {"1.5K", 1536},
      {"2G", 2ULL << 30}, {"1T", 1ULL << 40}, {"17B", 17},
  };
  for (const auto& [text, bytes] : table) {
    ASSERT_TRUE(parse_size(text).has_value()) << text;
    EXPECT_EQ(*parse_size(text), bytes) << text;
  }
  for (const std::string_view text :
       {"", "K", "-1", "1.3", "0.3K", "1X", "1 K", "9999999999T", "18446744073709551616"}) {
    EXPECT_FALSE(parse_size(text).has_value()) << text;
  }
}

TEST(Rate, may_be_off_and_may_say_per_second) {
  EXPECT_EQ(parse_rate("500").value(), 500U);
  EXPECT_EQ(parse_rate("500/s").value(), 500U);
  EXPECT_EQ(parse_rate("500B/s").value(), 500U);
  EXPECT_EQ(parse_rate("2K/s").value(), 2048U);
  EXPECT_EQ(parse_rate("off").value(), 0U);
  EXPECT_FALSE(parse_rate("500/m").has_value());
  EXPECT_FALSE(parse_rate("/s").has_value());
}

TEST(Within, says_both_ends) {
  const auto parse = within<&parse_size, 1024, 1U << 20>;
  EXPECT_EQ(parse("1K").value(), 1024U);
  EXPECT_EQ(parse("1M").value(), 1U << 20);
  EXPECT_EQ(parse("1023").error(), "is out of range. Choose from 1K to 1M.");
  EXPECT_FALSE(parse("1.5M").has_value());
  EXPECT_EQ((within<&parse_count, 1, 10>("11")).error(), "is out of range. Choose from 1 to 10.");
}

TEST(EndpointText, is_read) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:8080").value(), (Endpoint{"127.0.0.1", 8080, {}}));
  EXPECT_EQ(parse_endpoint("0.0.0.0:0").value(), (Endpoint{"0.0.0.0", 0, {}}));
  EXPECT_EQ(parse_endpoint("[::1]:80").value(), (Endpoint{"::1", 80, {}}));
  EXPECT_EQ(parse_endpoint("[::]:65535").value(), (Endpoint{"::", 65535, {}}));
  EXPECT_EQ(parse_endpoint("[fe80::1%eth0]:80").value(), (Endpoint{"fe80::1%eth0", 80, {}}));
  EXPECT_EQ(parse_endpoint("localhost:81").value(), (Endpoint{"127.0.0.1", 81, {}}));
  EXPECT_EQ(parse_endpoint("8081").value(), (Endpoint{"127.0.0.1", 8081, {}}));
  EXPECT_EQ(parse_endpoint("unix:/run/a:b.sock").value(), (Endpoint{{}, 0, "/run/a:b.sock"}));
}

TEST(EndpointText, is_refused_with_what_to_write) {
  EXPECT_EQ(parse_endpoint(":8080").error(),
            "names no address. Write 127.0.0.1:8080 for this machine only, [::]:8080 or "
            "0.0.0.0:8080 for every "
            "network it is on.");
  EXPECT_EQ(parse_endpoint("::1:80").error(),
            "has an IPv6 address without brackets. Write [::1]:80.");
  for (const std::string_view text :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:http", "*:80",
        "[::1]", "[]:80", "[:]:80", "127.0.0:80", "127.0.0.256:80", "127.0.0.1.1:80",
        "127.0.00.1:80", "example.org:80", "[gg::]:80", "unix:", "1 :80"}) {
    EXPECT_FALSE(parse_endpoint(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_endpoint("unix:" + std::string(107, 'a')).has_value());
  EXPECT_FALSE(parse_endpoint("unix:" + std::string(108, 'a')).has_value());
}

TEST(Text, of_a_value_is_read_back_as_the_same_value) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t any = random() >> (1 + random() % 63);
    const auto span =
        Nanos(static_cast<std::int64_t>(any % static_cast<std::uint64_t>(kForever.count())));
    ASSERT_EQ(parse_duration(duration_text(span)).value(), span) << duration_text(span);
    ASSERT_EQ(parse_size(size_text(any)).value(), any) << size_text(any);
  }
  EXPECT_EQ(duration_text(kForever), "off");
  for (const std::string_view text : {"127.0.0.1:80", "[::1]:80", "unix:/a"}) {
    EXPECT_EQ(endpoint_text(parse_endpoint(text).value()), text);
  }
}

TEST(Readers, stand_any_bytes) {
  std::mt19937 random(11);
  for (int i = 0; i < 200'000; ++i) {
    std::string text(random() % 12, '\0');
    for (char& c : text) {
      c = random() % 2 == 0 ? "0123456789.:[]smhKMG/%"[random() % 22] : static_cast<char>(random());
    }
    (void)parse_duration(text);
    (void)parse_size(text);
    (void)parse_rate(text);
    if (const auto endpoint = parse_endpoint(text); endpoint && !endpoint->is_unix()) {
      ASSERT_EQ(parse_endpoint(endpoint_text(*endpoint)).value(), *endpoint) << text;
    }
  }
}

}  // namespace
}  // namespace vigil::cli

// Bytes of any kind as text of a page; sizes, times and the order of names.
#include "site/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace vigil::site {
namespace {

std::string html(std::string_view bytes) {
  std::string out;
  append_html(out, bytes);
  return out;
}

TEST(JsonText, stands_between_quotes_whatever_it_is) {
  const auto json = [](std::string_view bytes) {
    std::string out = "<";
    append_json_text(out, bytes);
    return out + ">";
  };
  EXPECT_EQ(json(""), "<>");
  EXPECT_EQ(json("plain"), "<plain>");
  EXPECT_EQ(json("a\"b\\c"), "<a\\\"b\\\\c>");
  EXPECT_EQ(json("\n\x7f"), "<\\u000a\\u007f>");
  EXPECT_EQ(json("\xc3\xa4 \xc2\x9b \xff"), "<\xc3\xa4 \\u009b \\u00ff>");
}

TEST(Utf8, takes_well_formed_characters_only) {
  std::uint32_t code = 0;
  EXPECT_EQ(utf8_length("a", &code), 1U);
  EXPECT_EQ(utf8_length("\xc3\xa4", &code), 2U);
  EXPECT_EQ(code, 0xe4U);
  EXPECT_EQ(utf8_length("\xe2\x82\xac", &code), 3U);
  EXPECT_EQ(code, 0x20acU);
  EXPECT_EQ(utf8_length("\xf0\x9f\x98\x80", &code), 4U);
  EXPECT_EQ(code, 0x1f600U);
  EXPECT_EQ(utf8_length("\xf4\x8f\xbf\xbf", &code), 4U);
  for (const std::string_view text :
       {"", "\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(utf8_length(text), 0U);
  }
}

TEST(Html, shows_every_byte_and_lets_none_act) {
  EXPECT_EQ(html("a<b>&\"c'"), "a&lt;b&gt;&amp;&quot;c&#39;");
  EXPECT_EQ(html("Gr\xc3\xb6\xc3\x9f"
                 "e"),
            "Gr\xc3\xb6\xc3\x9f"
            "e");
  EXPECT_EQ(html("a\nb\x7f\x1b["), "a\\x0ab\\x7f\\x1b[");
  EXPECT_EQ(html("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(html("\xc3("), "\\xc3(");
  EXPECT_EQ(html("x\xe2\x80\xaetxt"), "x\\u202etxt");
  EXPECT_EQ(html("\xc2\x9b"), "\\u009b");
  EXPECT_EQ(html(std::string_view("\0", 1)), "\\x00");
  std::mt19937 random(5);
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes(random() % 8, '\0');
    std::ranges::generate(bytes, [&] { return static_cast<char>(random()); });
    std::string_view out;
    const std::string page = html(bytes);
    out = page;
    ASSERT_EQ(out.find_first_of("<>\"'"), std::string_view::npos);
    while (!out.empty()) {
      std::uint32_t code = 0;
      const std::size_t length = utf8_length(out, &code);
      ASSERT_GT(length, 0U);
      ASSERT_GE(code, 0x20U);
      out.remove_prefix(length);
    }
  }
}

TEST(HumanSize, has_at_most_four_digits) {
  const std::pair<std::uint64_t, std::string_view> table[] = {{0, "0 B"},
                                                              {1, "1 B"},
                                                              {1023, "1023 B"},
                                                              {1024, "1.0 KiB"},
                                                              {1536, "1.5 KiB"},
                                                              {10'239, "9.9 KiB"},
                                                              {10'240, "10 KiB"},
                                                              {1'048'575, "1023 KiB"},
                                                              {1'048'576, "1.0 MiB"},
                                                              {UINT64_MAX, "15 EiB"}};
  for (const auto& [bytes, text] : table) {
    std::string out;
    append_human_size(out, bytes);
    EXPECT_EQ(out, text);
  }
}

TEST(Times, are_utc_and_stand_any_number) {
  const auto both = [](std::int64_t seconds) {
    std::string out;
    append_minutes(out, seconds);
    out += ' ';
    append_instant(out, seconds);
    return out;
  };
  EXPECT_EQ(both(784'111'777), "1994-11-06 08:49 1994-11-06T08:49:37Z");
  EXPECT_EQ(both(-1), "1969-12-31 23:59 1969-12-31T23:59:59Z");
  EXPECT_EQ(both(INT64_MAX).substr(0, 16), "9999-12-31 23:59");
  EXPECT_EQ(both(INT64_MIN).substr(0, 16), "0000-01-01 00:00");
}

TEST(NaturalOrder, takes_digits_as_numbers_and_ignores_case_first) {
  std::vector<std::string> names{"b10", "B2",  "a", "b2", "A", "b",
                                 "b02", "b1x", "",  "10", "9", "b99999999999999999999999"};
  std::ranges::sort(names, natural_less);
  EXPECT_EQ(names, (std::vector<std::string>{"", "9", "10", "A", "a", "b", "b1x", "B2", "b02", "b2",
                                             "b10", "b99999999999999999999999"}));
}

TEST(NaturalOrder, is_a_strict_weak_order) {
  std::mt19937 random(9);
  std::vector<std::string> names;
  for (int i = 0; i < 60; ++i) {
    std::string name(random() % 5, ' ');
    std::ranges::generate(name, [&] { return "0019aAb./"[random() % 9]; });
    names.push_back(name);
  }
  for (const auto& a : names) {
    EXPECT_FALSE(natural_less(a, a));
    for (const auto& b : names) {
      EXPECT_TRUE(a == b || natural_less(a, b) != natural_less(b, a)) << a << ' ' << b;
      for (const auto& c : names) {
        EXPECT_TRUE(!natural_less(a, b) || !natural_less(b, c) || natural_less(a, c))
            << a << ' ' << b << ' ' << c;
      }
    }
  }
}

}  // namespace
}  // namespace vigil::site

// What is inside field values: lists, weights, entity tags, numbers and percent-encoding.
#include "vigil/http/fields.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace vigil::http {
namespace {

std::vector<std::string> elements(std::string_view value) {
  std::vector<std::string> all;
  for (ListReader list(value); const auto element = list.next();) {
    all.emplace_back(*element);
  }
  return all;
}

std::string decoded(std::string_view text) {
  std::array<char, 64> out{};
  const auto size = percent_decode(text, out);
  return size ? std::string(out.data(), *size) : "refused";
}

using Strings = std::vector<std::string>;

TEST(Token, IsVisibleAsciiWithoutDelimiters) {
  EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09azAZ"));
  EXPECT_FALSE(is_token(""));
  for (int c = 0; c < 256; ++c) {
    const std::string text(1, static_cast<char>(c));
    const bool separator = std::string_view("\"(),/:;<=>?@[\\]{}").contains(static_cast<char>(c));
    EXPECT_EQ(is_token(text), c > 0x20 && c < 0x7f && !separator) << c;
  }
}

TEST(FieldValue, HasNoControlBytesAndNoBlanksAtItsEnds) {
  EXPECT_TRUE(is_field_value(""));
  EXPECT_TRUE(is_field_value("a\tb c \xff"));
  EXPECT_FALSE(is_field_value(" a"));
  EXPECT_FALSE(is_field_value("a\t"));
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("a") + static_cast<char>(c) + "b";
    EXPECT_EQ(is_field_value(text), c == '\t' || (c >= 0x20 && c != 0x7f)) << c;
  }
}

TEST(Decimal, ReadsUpTo63Bits) {
  EXPECT_EQ(parse_decimal("0"), 0u);
  EXPECT_EQ(parse_decimal("0007"), 7u);
  EXPECT_EQ(parse_decimal("9223372036854775807"), 9'223'372'036'854'775'807u);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "1,1", "9223372036854775808",
                           "18446744073709551616", "99999999999999999999999"}) {
    EXPECT_EQ(parse_decimal(text), std::nullopt) << text;
  }
}

TEST(List, SkipsEmptyElementsAndBlanks) {
  EXPECT_EQ(elements(""), Strings{});
  EXPECT_EQ(elements(" , ,\t,"), Strings{});
  EXPECT_EQ(elements("a"), Strings{"a"});
  EXPECT_EQ(elements(",a ,, b\t,c d,"), (Strings{"a", "b", "c d"}));
}

TEST(List, KeepsQuotedCommasTogether) {
  EXPECT_EQ(elements(R"(a="x,y", b)"), (Strings{R"(a="x,y")", "b"}));
  EXPECT_EQ(elements(R"("\",", b)"), (Strings{R"("\",")", "b"}));
  EXPECT_EQ(elements(R"("never closed, b)"), Strings{R"("never closed, b)"});
  EXPECT_EQ(elements("\"ends in a backslash\\"), Strings{"\"ends in a backslash\\"});
}

TEST(List, FindsTokensWithoutCase) {
  EXPECT_TRUE(list_has_token("keep-alive, Upgrade", "upgrade"));
  EXPECT_FALSE(list_has_token("keep-alive, Upgrades", "upgrade"));
  EXPECT_FALSE(list_has_token("", "upgrade"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
  EXPECT_FALSE(equal_ignoring_case("@", "`"));
}

TEST(Weights, AreThousandths) {
  struct Case {
    std::string_view text;
    std::uint16_t weight;
  };
  for (const Case& c : {Case{"a", 1000},
                        {"a;q=1", 1000},
                        {"a;q=1.000", 1000},
                        {"a;q=0", 0},
                        {"a;q=0.5", 500},
                        {"a ; Q=0.123", 123},
                        {"a;q=0.", 0},
                        {"a;x=y;q=0.25", 250},
                        {"a;q=1.001", 0},
                        {"a;q=2", 0},
                        {"a;q=", 0},
                        {"a;q=x", 0},
                        {"a;q=0.1234", 0},
                        {"a;q=-1", 0},
                        {"a;q=.5", 0},
                        {"a;", 1000},
                        {"a;q =0.5", 1000}}) {
    const auto element = WeightedReader(c.text).next();
    ASSERT_TRUE(element.has_value()) << c.text;
    EXPECT_EQ(element->name, "a") << c.text;
    EXPECT_EQ(element->weight, c.weight) << c.text;
  }
}

TEST(Weights, OfCodingsFollowTheRfc) {
  EXPECT_EQ(coding_weight("gzip, deflate, br", "br"), 1000);
  EXPECT_EQ(coding_weight("gzip, deflate, br", "zstd"), 0);
  EXPECT_EQ(coding_weight("GZIP;q=0.8", "gzip"), 800);
  EXPECT_EQ(coding_weight("x-gzip", "gzip"), 1000);
  EXPECT_EQ(coding_weight("*", "br"), 1000);
  EXPECT_EQ(coding_weight("br;q=0, *", "br"), 0);
  EXPECT_EQ(coding_weight("*;q=0.3, br;q=0.7", "br"), 700);
  EXPECT_EQ(coding_weight("", "gzip"), 0);
  EXPECT_EQ(coding_weight("", "identity"), 1);
  EXPECT_EQ(coding_weight("gzip", "identity"), 1);
  EXPECT_EQ(coding_weight("identity;q=0", "identity"), 0);
  EXPECT_EQ(coding_weight("*;q=0", "identity"), 0);
  EXPECT_EQ(coding_weight("*;q=0, identity;q=0.5", "identity"), 500);
}

TEST(EntityTags, AreReadWhole) {
  EXPECT_EQ(parse_entity_tag(R"("abc")")->opaque, R"("abc")");
  EXPECT_FALSE(parse_entity_tag(R"("abc")")->weak);
  EXPECT_TRUE(parse_entity_tag(R"(W/"abc")")->weak);
  EXPECT_EQ(parse_entity_tag(R"("")")->opaque, R"("")");
  for (const char* text : {"", "abc", "\"", "\"a", "W/", "w/\"a\"", "\"a\" ", "\"a\"b", "\"a b\"",
                           "\"a\x7f\"", "W/ \"a\""}) {
    EXPECT_FALSE(parse_entity_tag(text).has_value()) << text;
  }
}

TEST(EntityTags, CompareAsTheTableOfTheRfcSays) {
  const EntityTag weak1{R"("1")", true};
  const EntityTag weak2{R"("2")", true};
  const EntityTag strong1{R"("1")", false};
  EXPECT_FALSE(equal(weak1, weak1, Comparison::strong));
  EXPECT_TRUE(equal(weak1, weak1, Comparison::weak));
  EXPECT_FALSE(equal(weak1, weak2, Comparison::weak));
  EXPECT_FALSE(equal(weak1, strong1, Comparison::strong));
  EXPECT_TRUE(equal(weak1, strong1, Comparison::weak));
  EXPECT_TRUE(equal(strong1, strong1, Comparison::strong));
}

TEST(EntityTags, MatchInLists) {
  const EntityTag current{R"("a,b")", false};
  const auto strong = [&](std::string_view value) {
    return match_entity_tags(value, current, Comparison::strong);
  };
  EXPECT_EQ(strong("*"), TagMatch::yes);
  EXPECT_EQ(strong(R"("x", "a,b")"), TagMatch::yes);
  EXPECT_EQ(strong(R"(,"x",,"a,b" ,)"), TagMatch::yes);
  EXPECT_EQ(strong(R"(W/"a,b")"), TagMatch::no);
  EXPECT_EQ(match_entity_tags(R"(W/"a,b")", current, Comparison::weak), TagMatch::yes);
  EXPECT_EQ(strong(R"("a","b")"), TagMatch::no);
  EXPECT_EQ(strong(R"("a,b" "x")"), TagMatch::malformed);
  EXPECT_EQ(strong(R"("a,b", x)"), TagMatch::malformed);
  EXPECT_EQ(strong(R"("a\")"), TagMatch::no);
  EXPECT_EQ(strong(""), TagMatch::malformed);
  EXPECT_EQ(strong("*, \"a,b\""), TagMatch::malformed);
}

TEST(PercentDecoding, HappensOnce) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("a+b%20c"), "a+b c");
  EXPECT_EQ(decoded("%2541"), "%41");
  EXPECT_EQ(decoded("%e2%82%AC"), "\xe2\x82\xac");
  EXPECT_EQ(decoded("%00%2f"), std::string("\0/", 2));
  for (const char* text : {"%", "%4", "a%", "%zz", "%4g", "%%41", "% 1", "%+1"}) {
    EXPECT_EQ(decoded(text), "refused") << text;
  }
}

TEST(PercentDecoding, WorksInPlaceAndStaysInItsRoom) {
  std::string text = "%41%42c";
  const auto size = percent_decode(text, text);
  EXPECT_EQ(text.substr(0, size.value()), "ABc");
  std::array<char, 2> small{};
  EXPECT_EQ(percent_decode("abc", small), std::nullopt);
  EXPECT_EQ(percent_decode("%61b", small), 2u);
}

}  // namespace
}  // namespace vigil::http

// Entity tags, and the preconditions of RFC 9110 section 13.2.2 as a table.
#include "site/conditional.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace vigil::site {
namespace {

constexpr std::string_view kTag = "\"v1\"";
constexpr std::int64_t kModified = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr Validators kFile{kTag, kModified, kModified + 1000};
constexpr std::string_view kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr std::string_view kLater = "Sun, 06 Nov 1994 08:49:38 GMT";

TEST(FileTag, is_a_strong_tag_that_changes_with_each_fact) {
  const FileFacts base{12, 1024, 1'700'000'000'123'456'789, 1'700'000'000'123'456'790};
  std::set<std::string> seen;
  const auto add = [&seen](FileFacts facts) {
    const FileTag tag(facts);
    EXPECT_EQ(tag.text().size(), 24U);
    EXPECT_EQ(tag.text().find('"', 1), 23U);
    EXPECT_TRUE(seen.insert(std::string(tag.text())).second);
  };
  add(base);
  for (std::uint64_t i = 1; i < 10'000; ++i) {
    FileFacts facts = base;
    facts.inode += i;
    add(facts);
    facts = base;
    facts.size += i;
    add(facts);
    facts = base;
    facts.modified_ns += static_cast<std::int64_t>(i);
    add(facts);
    facts = base;
    facts.changed_ns += static_cast<std::int64_t>(i);
    add(facts);
  }
  EXPECT_EQ(FileTag(base).text(), FileTag(base).text());
}

TEST(Preconditions, are_evaluated_in_the_order_of_the_rfc) {
  using V = Verdict;
  struct Row {
    const char* what;
    Preconditions fields;
    Verdict verdict;
  };
  const auto match = [](std::string_view v) {
    Preconditions p;
    p.if_match = v;
    return p;
  };
  const auto none = [](std::string_view v) {
    Preconditions p;
    p.if_none_match = v;
    return p;
  };
  const auto since = [](std::string_view v) {
    Preconditions p;
    p.if_modified_since = v;
    return p;
  };
  const auto unless = [](std::string_view v) {
    Preconditions p;
    p.if_unmodified_since = v;
    return p;
  };
  const Row table[] = {
      {"nothing asked", {}, V::proceed},
      {"If-Match same", match("\"v1\""), V::proceed},
      {"If-Match among others", match("\"v0\", \"v1\""), V::proceed},
      {"If-Match any", match("*"), V::proceed},
      {"If-Match other", match("\"v0\""), V::failed},
      {"If-Match weak never matches", match("W/\"v1\""), V::failed},
      {"If-Match empty", match(""), V::failed},
      {"If-Match malformed", match("v1"), V::failed},
      {"If-None-Match same", none("\"v1\""), V::not_modified},
      {"If-None-Match weak matches", none("W/\"v1\""), V::not_modified},
      {"If-None-Match among others", none("\"v0\" , W/\"x\",, \"v1\""), V::not_modified},
      {"If-None-Match any", none("*"), V::not_modified},
      {"If-None-Match other", none("\"v0\""), V::proceed},
      {"If-None-Match malformed", none("v1\""), V::proceed},
      {"If-None-Match empty", none(""), V::proceed},
      {"a tag with a comma inside", none("\"v1,\", \"x\""), V::proceed},
      {"If-Modified-Since same", since(kSame), V::not_modified},
      {"If-Modified-Since later", since(kLater), V::not_modified},
      {"If-Modified-Since earlier", since(kEarlier), V::proceed},
      {"If-Modified-Since RFC 850", since("Sunday, 06-Nov-94 08:49:37 GMT"), V::not_modified},
      {"If-Modified-Since asctime", since("Sun Nov  6 08:49:37 1994"), V::not_modified},
      {"If-Modified-Since no date", since("yesterday"), V::proceed},
      {"If-Unmodified-Since same", unless(kSame), V::proceed},
      {"If-Unmodified-Since later", unless(kLater), V::proceed},
      {"If-Unmodified-Since earlier", unless(kEarlier), V::failed},
      {"If-Unmodified-Since no date", unless("0"), V::proceed},
      {"If-Match before If-Unmodified-Since", {kTag, {}, {}, kEarlier, {}}, V::proceed},
      {"If-Match fails though not modified", {"\"v0\"", {}, {}, kLater, {}}, V::failed},
      {"If-None-Match before If-Modified-Since", {{}, "\"v0\"", kLater, {}, {}}, V::proceed},
      {"If-None-Match though modified since", {{}, kTag, kEarlier, {}, {}}, V::not_modified},
      {"If-Match holds, If-None-Match decides", {kTag, kTag, {}, {}, {}}, V::not_modified},
      {"If-Match fails first", {"\"v0\"", kTag, {}, {}, {}}, V::failed},
      {"If-Unmodified-Since fails first", {{}, kTag, {}, kEarlier, {}}, V::failed},
      {"If-Unmodified-Since holds, If-Modified-Since decides",
       {{}, {}, kSame, kSame, {}},
       V::not_modified},
  };
  for (const Row& row : table) {
    EXPECT_EQ(evaluate(row.fields, kFile), row.verdict) << row.what;
  }
}

TEST(IfRange, takes_a_strong_tag_or_an_exact_old_date) {
  const auto applies = [](std::string_view value, const Validators& file = kFile) {
    return range_applies(std::optional(value), file);
  };
  EXPECT_TRUE(range_applies(std::nullopt, kFile));
  EXPECT_TRUE(applies("\"v1\""));
  EXPECT_TRUE(applies(" \"v1\" "));
  EXPECT_FALSE(applies("W/\"v1\""));
  EXPECT_FALSE(applies("\"v0\""));
  EXPECT_FALSE(applies("\"v0\", \"v1\""));
  EXPECT_FALSE(applies("*"));
  EXPECT_FALSE(applies(""));
  EXPECT_TRUE(applies(kSame));
  EXPECT_FALSE(applies(kLater));
  EXPECT_FALSE(applies(kEarlier));
  EXPECT_FALSE(applies(
      kSame, {kTag, kModified, kModified}));  // changed within this second: it may change again
}

TEST(Seconds, round_down) {
  EXPECT_EQ(seconds(1'999'999'999), 1);
  EXPECT_EQ(seconds(0), 0);
  EXPECT_EQ(seconds(-1), -1);
  EXPECT_EQ(seconds(-1'000'000'000), -1);
}

}  // namespace
}  // namespace vigil::site

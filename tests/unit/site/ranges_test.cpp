// Ranges of bytes, with the arithmetic of CVE-2017-7529 and the multiplication of CVE-2011-3192.
#include "site/ranges.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace vigil::site {
namespace {

using Ranges = std::vector<ByteRange>;
Ranges chosen(std::string_view field, std::uint64_t size) {
  const RangeSet set = select_ranges(field, size);
  EXPECT_EQ(set.verdict, RangeVerdict::satisfiable) << field;
  return {set.ranges().begin(), set.ranges().end()};
}
RangeVerdict verdict(std::string_view field, std::uint64_t size) {
  return select_ranges(field, size).verdict;
}

TEST(Range, single) {
  EXPECT_EQ(chosen("bytes=0-99", 1000), (Ranges{{0, 100}}));
  EXPECT_EQ(chosen("bytes=0-0", 1000), (Ranges{{0, 1}}));
  EXPECT_EQ(chosen("bytes=999-999", 1000), (Ranges{{999, 1}}));
  EXPECT_EQ(chosen("bytes=500-", 1000), (Ranges{{500, 500}}));
  EXPECT_EQ(chosen("bytes=-1", 1000), (Ranges{{999, 1}}));
  EXPECT_EQ(chosen("bytes=-2000", 1000), (Ranges{{0, 1000}}));
  EXPECT_EQ(chosen("bytes=900-5000", 1000), (Ranges{{900, 100}}));
  EXPECT_EQ(chosen("BYTES=0-9", 1000), (Ranges{{0, 10}}));
  EXPECT_EQ(chosen(" bytes= 0-9 ", 1000), (Ranges{{0, 10}}));
  EXPECT_EQ(chosen("bytes=,,0-9,", 1000), (Ranges{{0, 10}}));
}

TEST(Range, that_is_none_is_ignored) {
  for (const std::string_view field :
       {"",           "bytes",       "bytes=",      "bytes=,",     "bytes=-",
        "bytes=a-b",  "bytes=1-0",   "bytes=5",     "bytes=0-1-2", "bytes=+1-2",
        "bytes=1-+2", "bytes=0x1-2", "bytes=1 - 2", "bytes=--1",   "bytes 0-1",
        "items=0-1",  "=0-1",        "bytes=0-1;x", "bytes=0-1,x", "bytes =0-1"}) {
    EXPECT_EQ(verdict(field, 1000), RangeVerdict::ignore) << field;
  }
}

TEST(Range, outside_of_the_file_is_unsatisfiable) {
  EXPECT_EQ(verdict("bytes=1000-", 1000), RangeVerdict::unsatisfiable);
  EXPECT_EQ(verdict("bytes=1000-2000,5000-", 1000), RangeVerdict::unsatisfiable);
  EXPECT_EQ(verdict("bytes=-0", 1000), RangeVerdict::unsatisfiable);
  EXPECT_EQ(verdict("bytes=0-", 0), RangeVerdict::unsatisfiable);
  EXPECT_EQ(verdict("bytes=-5", 0),
            RangeVerdict::ignore);  // satisfiable, and cannot be told: the whole, 200
  EXPECT_EQ(chosen("bytes=5000-,0-0", 1000), (Ranges{{0, 1}}));
}

TEST(Range, beyond_64_bits_does_not_wrap) {
  constexpr std::uint64_t most = UINT64_MAX;
  EXPECT_EQ(verdict("bytes=18446744073709551615-", 1000), RangeVerdict::unsatisfiable);
  EXPECT_EQ(verdict("bytes=18446744073709551616-", 1000), RangeVerdict::unsatisfiable);
  EXPECT_EQ(chosen("bytes=0-18446744073709551615", 1000), (Ranges{{0, 1000}}));
  EXPECT_EQ(chosen("bytes=1-99999999999999999999999999", 1000), (Ranges{{1, 999}}));
  EXPECT_EQ(chosen("bytes=-18446744073709551616", 1000), (Ranges{{0, 1000}}));
  EXPECT_EQ(chosen("bytes=0-18446744073709551615", most), (Ranges{{0, most}}));
  EXPECT_EQ(chosen("bytes=0-18446744073709551616", most), (Ranges{{0, most}}));
  EXPECT_EQ(chosen("bytes=-9223372036854775624,-9223372036854775624", 600),
            (Ranges{{0, 600}}));  // CVE-2017-7529
}

TEST(Ranges, that_meet_or_nearly_meet_are_sent_as_one_in_the_place_of_the_first) {
  EXPECT_EQ(chosen("bytes=0-9,500-509", 10'000), (Ranges{{0, 10}, {500, 10}}));
  EXPECT_EQ(chosen("bytes=500-509,0-9", 10'000), (Ranges{{500, 10}, {0, 10}}));
  EXPECT_EQ(chosen("bytes=0-9,10-19", 10'000), (Ranges{{0, 20}}));
  EXPECT_EQ(chosen("bytes=0-9,5-14", 10'000), (Ranges{{0, 15}}));
  EXPECT_EQ(chosen("bytes=0-9,60-69", 10'000), (Ranges{{0, 70}}));
  EXPECT_EQ(chosen("bytes=0-9,110-119", 10'000), (Ranges{{0, 10}, {110, 10}}));
  EXPECT_EQ(chosen("bytes=5000-5009,0-9,300-309,0-5009", 10'000), (Ranges{{0, 5010}}));
  EXPECT_EQ(chosen("bytes=0-,0-,0-", 10'000), (Ranges{{0, 10'000}}));
  EXPECT_EQ(chosen("bytes=-1,0-0", 2), (Ranges{{0, 2}}));
}

TEST(Ranges, too_many_are_ignored) {
  std::string field = "bytes=0-0";
  for (std::size_t i = 1; i < kMaxRanges; ++i) {
    field += "," + std::to_string(i * 1000) + "-" + std::to_string(i * 1000);
  }
  EXPECT_EQ(chosen(field, 1'000'000).size(), kMaxRanges);
  EXPECT_EQ(verdict(field + ",9-9", 1'000'000), RangeVerdict::ignore);
  std::string killer = "bytes=0-";  // CVE-2011-3192
  for (int i = 0; i < 1300; ++i) {
    killer += ",5-" + std::to_string(i);
  }
  EXPECT_EQ(verdict(killer, 1'000'000), RangeVerdict::ignore);
}

TEST(Ranges, lie_inside_the_file_apart_and_hold_every_byte_asked_for) {
  std::mt19937_64 random(45);
  for (int round = 0; round < 200'000; ++round) {
    const std::uint64_t size = random() % 3000;
    std::string field = "bytes=";
    std::vector<bool> asked(size, false);
    bool any = false;
    for (std::size_t n = 1 + random() % 6; n > 0; --n) {
      const std::uint64_t a = random() % 3200;
      const std::uint64_t b = a + random() % 400;
      const auto kind = random() % 3;
      field += (any ? "," : "") + (kind == 0   ? std::to_string(a) + "-" + std::to_string(b)
                                   : kind == 1 ? std::to_string(a) + "-"
                                               : "-" + std::to_string(a));
      any = true;
      for (std::uint64_t i = 0; i < size; ++i) {
        asked[i] = asked[i] || (kind == 0 ? i >= a && i <= b : kind == 1 ? i >= a : i + a >= size);
      }
    }
    const RangeSet set = select_ranges(field, size);
    std::vector<int> sent(size, 0);
    for (const ByteRange& range : set.ranges()) {
      ASSERT_GT(range.size, 0U) << field;
      ASSERT_LT(range.first, size) << field;
      ASSERT_LE(range.size, size - range.first) << field;
      for (std::uint64_t i = 0; i < range.size; ++i) {
        ++sent[range.first + i];
      }
    }
    for (std::uint64_t i = 0; i < size; ++i) {
      ASSERT_LE(sent[i], 1) << field;
      ASSERT_TRUE(!asked[i] || sent[i] == 1) << field << " of " << size;
    }
    for (std::size_t i = 0; i < set.count; ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        const ByteRange& low =
            set.items[i].first < set.items[k].first ? set.items[i] : set.items[k];
        const ByteRange& high =
            set.items[i].first < set.items[k].first ? set.items[k] : set.items[i];
        ASSERT_GE(high.first - (low.first + low.size), 100U) << field;
      }
    }
  }
}

TEST(ContentRange, tells_first_last_and_size) {
  std::string out;
  append_content_range(out, {0, 100}, 1234);
  EXPECT_EQ(out, "bytes 0-99/1234");
  out.clear();
  append_content_range(out, 1234);
  EXPECT_EQ(out, "bytes */1234");
}

TEST(Multipart, has_the_length_that_was_computed) {
  const Multipart parts{"0123456789abcdef", "text/plain; charset=utf-8", 123'456};
  for (const Ranges& ranges :
       {Ranges{{0, 1}, {1000, 9}}, Ranges{{99'999, 2}, {0, 10}, {500, 1000}}}) {
    std::string body;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      parts.append_head(body, ranges[i], i == 0);
      body.append(ranges[i].size, 'x');
    }
    parts.append_end(body);
    EXPECT_EQ(body.size(), parts.length(ranges));
  }
  std::string head;
  parts.append_head(head, {0, 10}, true);
  EXPECT_EQ(head,
            "--0123456789abcdef\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
            "0-9/123456\r\n\r\n");
}

}  // namespace
}  // namespace vigil::site

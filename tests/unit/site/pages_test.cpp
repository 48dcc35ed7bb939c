// The pages that vigil makes: hostile names stay text, links lead to the file, the policy fits the
// style.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>

#include "site/listing.hpp"
#include "site/page.hpp"
#include "site/target.hpp"

namespace vigil::site {
namespace {

// SHA-256 (FIPS 180-4), to check the hash in the policy.
std::array<std::uint8_t, 32> sha256(std::string text) {
  constexpr auto k = [] {
    std::array<std::uint32_t, 64> out{};
    std::size_t n = 0;
    for (std::uint64_t p = 2; n < 64; ++p) {
      bool prime = true;
      for (std::uint64_t d = 2; d * d <= p; ++d) {
        prime = prime && p % d != 0;
      }
      if (prime) {  // the first 32 bits of the fraction of the cube root of p
        __extension__ using Wide = unsigned __int128;
        std::uint64_t low = 0;
        std::uint64_t high = std::uint64_t{8} << 32U;
        while (high - low > 1) {
          const std::uint64_t middle = (low + high) / 2;
          // middle^3 against p * 2^96, both without their lowest 24 bits
          const Wide square = static_cast<Wide>(middle) * middle;
          const Wide cube = (square >> 24U) * middle;
          (cube <= (static_cast<Wide>(p) << 72U) ? low : high) = middle;
        }
        out[n++] = static_cast<std::uint32_t>(low);
      }
    }
    return out;
  }();
  std::array<std::uint32_t, 8> h{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const std::uint64_t bits = text.size() * 8;
  text += '\x80';
  while (text.size() % 64 != 56) {
    text += '\0';
  }
  for (int i = 7; i >= 0; --i) {
    text += static_cast<char>(bits >> (8 * static_cast<unsigned>(i)));
  }
  for (std::size_t at = 0; at < text.size(); at += 64) {
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 64; ++i) {
      if (i < 16) {
        for (std::size_t b = 0; b < 4; ++b) {
          w[i] = w[i] << 8U | static_cast<unsigned char>(text[at + i * 4 + b]);
        }
      } else {
        w[i] = w[i - 16] + w[i - 7] +
               (std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3U) +
               (std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10U);
      }
    }
    auto [a, b, c, d, e, f, g, x] = h;
    for (std::size_t i = 0; i < 64; ++i) {
      const std::uint32_t one = x + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                                ((e & f) ^ (~e & g)) + k[i] + w[i];
      const std::uint32_t two =
          (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      x = g;
      g = f;
      f = e;
      e = d + one;
      d = c;
      c = b;
      b = a;
      a = one + two;
    }
    const std::array<std::uint32_t, 8> add{a, b, c, d, e, f, g, x};
    for (std::size_t i = 0; i < 8; ++i) {
      h[i] += add[i];
    }
  }
  std::array<std::uint8_t, 32> out{};
  for (std::size_t i = 0; i < 32; ++i) {
    out[i] = static_cast<std::uint8_t>(h[i / 4] >> (24 - 8 * (i % 4)));
  }
  return out;
}

std::string base64(const std::array<std::uint8_t, 32>& bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t bit = 0; bit < 256; bit += 6) {
    std::uint32_t value = 0;
    for (std::size_t i = bit; i < bit + 6; ++i) {
      value = value << 1U | (i < 256 ? bytes[i / 8] >> (7 - i % 8) & 1U : 0U);
    }
    out += digits[value];
  }
  return out + "=";
}

TEST(PagePolicy, names_the_hash_of_the_style) {
  ASSERT_EQ(base64(sha256("abc")), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  EXPECT_NE(kPagePolicy.find("'sha256-" + base64(sha256(std::string(kPageStyle))) + "'"),
            std::string_view::npos)
      << "should be sha256-" << base64(sha256(std::string(kPageStyle)));
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + 1)) {
    ++n;
  }
  return n;
}

std::string listing(std::string_view path, std::vector<Entry> entries, Order order = {},
                    std::size_t limit = 1000) {
  sort_entries(entries, order);
  std::string out;
  append_listing(out, path, entries, order, limit);
  return out;
}

TEST(Listing, loads_nothing_and_runs_nothing) {
  const std::string page = listing("a", {{"x", false, 1, 2}, {"y.png", false, 1, 2}});
  for (const std::string_view word : {"http:", "https:", "//", "<script", "url(", "@import",
                                      "src=", "style=\"", " on", "<link", "<img"}) {
    EXPECT_EQ(page.find(word), std::string::npos) << word;
  }
}

TEST(Listing, links_hostile_names_so_that_they_lead_back_to_the_same_file) {
  for (const std::string_view name :
       {"a b", "100%", "what?", "a#b", "<script>alert(1)", "\"onload=x", "new\nline", "\xff\xfe",
        "a:b", "javascript:alert(1)", "&amp;", "it's", "back\\slash", "%2e%2e", "..x", "~",
        "\x7f"}) {
    const std::string page = listing("", {{std::string(name), false, 1, 2}});
    const std::size_t row = page.find("<tr><td><a href=\"");
    ASSERT_NE(row, std::string::npos);
    const std::size_t begin = row + 17;
    const std::string href = page.substr(begin, page.find('"', begin) - begin);
    EXPECT_EQ(href.find_first_of(":?#<>'&\\ \n"), std::string::npos) << href;
    Target target;
    parse_target("/" + href, target);
    if (name[0] != '.') {
      EXPECT_EQ(target.path, name);
    }
    EXPECT_EQ(count(page, "<script"), 0U);
    EXPECT_EQ(count(page, "<tr>"), 2U);
  }
}

TEST(Listing, leads_up_and_along_its_path_with_relative_links) {
  const std::string page = listing("usr/a<b/doc", {});
  EXPECT_NE(page.find("<a href=\"../../../\"><bdi>root</bdi></a>"), std::string::npos);
  EXPECT_NE(page.find("<a href=\"../../\"><bdi>usr</bdi></a>"), std::string::npos);
  EXPECT_NE(page.find("<a href=\"../\"><bdi>a&lt;b</bdi></a>"), std::string::npos);
  EXPECT_NE(page.find("<bdi>doc</bdi></h1>"), std::string::npos);
  EXPECT_NE(page.find("<title>/usr/a&lt;b/doc/</title>"), std::string::npos);
  EXPECT_NE(page.find("href=\"../\"><svg"), std::string::npos);
  EXPECT_NE(page.find("Nothing here."), std::string::npos);
  const std::string root = listing("", {});
  EXPECT_EQ(root.find("../"), std::string::npos);
  EXPECT_NE(root.find("<bdi>root</bdi></h1>"), std::string::npos);
}

TEST(Listing, says_how_many_entries_it_does_not_show) {
  std::vector<Entry> entries;
  for (int i = 0; i < 12; ++i) {
    entries.push_back({"f" + std::to_string(i), i < 3, 1024, 0});
  }
  const std::string page = listing("", entries, {}, 5);
  EXPECT_EQ(count(page, "<tr><td>"), 5U);
  EXPECT_NE(page.find("3 directories, 9 files, 9.0 KiB; 7 entries are not shown"),
            std::string::npos);
}

std::string names(std::vector<Entry> entries, Order order) {
  sort_entries(entries, order);
  std::string out;
  for (const Entry& entry : entries) {
    out += entry.name + ' ';
  }
  return out;
}

TEST(Listing, sorts_directories_first_then_as_asked) {
  const std::vector<Entry> entries{{"b", false, 5, 1},
                                   {"d2", true, 9, 7},
                                   {"a", false, 5, 3},
                                   {"c", false, 1, 2},
                                   {"d10", true, 1, 8}};
  EXPECT_EQ(names(entries, {SortBy::name, false}), "d2 d10 a b c ");
  EXPECT_EQ(names(entries, {SortBy::name, true}), "d10 d2 c b a ");
  EXPECT_EQ(names(entries, {SortBy::size, false}), "d2 d10 c a b ");
  EXPECT_EQ(names(entries, {SortBy::size, true}), "d2 d10 a b c ");
  EXPECT_EQ(names(entries, {SortBy::time, false}), "d2 d10 b c a ");
  EXPECT_EQ(names(entries, {SortBy::time, true}), "d10 d2 a c b ");
}

TEST(Listing, reads_its_own_links_and_ignores_the_rest_of_a_query) {
  EXPECT_EQ(parse_order(""), (Order{}));
  EXPECT_EQ(parse_order("sort=size&order=desc"), (Order{SortBy::size, true}));
  EXPECT_EQ(parse_order("x=1&order=asc&&sort=time&sort=x"), (Order{SortBy::time, false}));
  EXPECT_NE(listing("", {}, {SortBy::size, true})
                .find("aria-sort=\"descending\"><a href=\"?sort=size&amp;order=asc\">"),
            std::string::npos);
}

TEST(ErrorPage, escapes_what_it_is_told) {
  std::string page;
  append_error_page(page, 404, "No <b>.", "id\"<");
  EXPECT_NE(page.find("<b>404</b>"), std::string::npos);
  EXPECT_NE(page.find("No &lt;b&gt;."), std::string::npos);
  EXPECT_NE(page.find("request id&quot;&lt;"), std::string::npos);
  std::string text;
  append_error_text(text, 400, "Why.", "id");
  EXPECT_EQ(text, "400 Bad Request: Why.\nrequest id\n");
}

TEST(ErrorPage, goes_to_those_who_ask_for_html) {
  EXPECT_TRUE(wants_html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
  EXPECT_TRUE(wants_html("TEXT/HTML"));
  EXPECT_FALSE(wants_html("*/*"));
  EXPECT_FALSE(wants_html(""));
  EXPECT_FALSE(wants_html("text/html;q=0, text/plain"));
}

}  // namespace
}  // namespace vigil::site

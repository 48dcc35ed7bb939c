// Request targets: every spelling stays below the root, and has one reading.
#include "site/target.hpp"

#include <gtest/gtest.h>

#include <random>

namespace vigil::site {
namespace {

Target parsed(std::string_view text) {
  Target target;
  parse_target(text, target);
  return target;
}

TEST(Target, is_decoded_once_and_normalized) {
  struct Row {
    std::string_view text, path;
    bool directory;
    std::string_view query;
  };
  const Row table[] = {
      {"/", "", true, ""},
      {"/a", "a", false, ""},
      {"/a/", "a", true, ""},
      {"/a/b.html?x=1&y", "a/b.html", false, "x=1&y"},
      {"/a?", "a", false, ""},
      {"/a??b", "a", false, "?b"},
      {"//", "", true, ""},
      {"//a//b", "a/b", false, ""},
      {"/a/.", "a", true, ""},
      {"/a/./b", "a/b", false, ""},
      {"/a/..", "", true, ""},
      {"/a/../b", "b", false, ""},
      {"/a/b/../../c/", "c", true, ""},
      {"/%61%2Eb", "a.b", false, ""},
      {"/a/%2e%2E/b", "b", false, ""},
      {"/a/%2e/b", "a/b", false, ""},
      {"/%252e%252e/x", "%2e%2e/x", false, ""},
      {"/%252fetc", "%2fetc", false, ""},
      {"/%25", "%", false, ""},
      {"/a+b", "a+b", false, ""},
      {"/a%20b", "a b", false, ""},
      {"/a%3Fb", "a?b", false, ""},
      {"/a%23b", "a#b", false, ""},
      {"/a\\b", "a\\b", false, ""},
      {"/a%5c..%5cb", "a\\..\\b", false, ""},
      {"/%ff%fe", "\xff\xfe", false, ""},
      {"/%0a", "\n", false, ""},
      {"/a;v=1", "a;v=1", false, ""},
      {"/.well-known/acme/x", ".well-known/acme/x", false, ""},
      {"http://host/a/b?q", "a/b", false, "q"},
      {"HTTPS://host:80/", "", true, ""},
      {"http://host", "", true, ""},
      {"http://host?q", "", true, "q"},
      {"/a/http://host/b", "a/http:/host/b", false, ""},
  };
  for (const Row& row : table) {
    const Target target = parsed(row.text);
    EXPECT_EQ(target.fault, TargetFault::none) << row.text;
    EXPECT_EQ(target.path, row.path) << row.text;
    EXPECT_EQ(target.directory, row.directory) << row.text;
    EXPECT_EQ(target.query, row.query) << row.text;
  }
}

TEST(Target, is_refused_with_its_fault) {
  const std::pair<std::string_view, TargetFault> table[] = {
      {"", TargetFault::malformed},
      {"a", TargetFault::malformed},
      {"*", TargetFault::malformed},
      {"?q", TargetFault::malformed},
      {"/a#b", TargetFault::malformed},
      {"/a?b#c", TargetFault::malformed},
      {"/%", TargetFault::malformed},
      {"/%4", TargetFault::malformed},
      {"/%4g", TargetFault::malformed},
      {"/%%41", TargetFault::malformed},
      {"/% 1", TargetFault::malformed},
      {"/a%zz/../b", TargetFault::malformed},
      {"host:443", TargetFault::malformed},
      {"gopher://host/a", TargetFault::malformed},
      {"/%00", TargetFault::nul},
      {"/a.txt%00.html", TargetFault::nul},
      {std::string_view("/a\0b", 4), TargetFault::nul},
      {"/%2f%00", TargetFault::nul},
      {"/..", TargetFault::above_root},
      {"/../etc/passwd", TargetFault::above_root},
      {"/a/../../b", TargetFault::above_root},
      {"/%2e%2e/etc", TargetFault::above_root},
      {"/.%2e/etc", TargetFault::above_root},
      {"http://host/..", TargetFault::above_root},
      {"//..", TargetFault::above_root},
      {"/a%2fb", TargetFault::no_file},
      {"/a%2Fb", TargetFault::no_file},
      {"/..%2f..%2fetc", TargetFault::no_file},
      {"/.git/config", TargetFault::no_file},
      {"/a/.env", TargetFault::no_file},
      {"/a/...", TargetFault::no_file},
      {"/%2egit", TargetFault::no_file},
      {"/.well-known/.secret", TargetFault::no_file},
      {"/a/.well-known/x", TargetFault::no_file},
      {"/.well-knownx", TargetFault::no_file},
  };
  for (const auto& [text, fault] : table) {
    const Target target = parsed(text);
    EXPECT_EQ(target.fault, fault) << text;
    EXPECT_EQ(target.path, "") << text;
  }
  EXPECT_EQ(parsed("/" + std::string(255, 'a')).fault, TargetFault::none);
  EXPECT_EQ(parsed("/" + std::string(256, 'a')).fault, TargetFault::no_file);
  std::string deep;
  for (int i = 0; i < 2048; ++i) {
    deep += "/a";
  }
  EXPECT_EQ(parsed(deep).fault, TargetFault::none);
  EXPECT_EQ(parsed(deep + "/a").fault, TargetFault::no_file);
}

// What every path that comes out must be, whatever went in.
void expect_below_root(const Target& target, const std::string& text) {
  if (target.fault != TargetFault::none) {
    ASSERT_EQ(target.path, "") << text;
    return;
  }
  ASSERT_EQ(target.path.find('\0'), std::string::npos) << text;
  if (target.path.empty()) {
    ASSERT_TRUE(target.directory) << text;
    return;
  }
  std::string_view rest = target.path;
  bool first = true;
  while (true) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    ASSERT_FALSE(name.empty()) << text;
    ASSERT_TRUE(name[0] != '.' || (first && name == ".well-known")) << text;
    if (name.size() == rest.size()) {
      return;
    }
    rest.remove_prefix(name.size() + 1);
    first = false;
  }
}

TEST(Target, stays_below_the_root_in_a_million_spellings) {
  constexpr std::string_view pieces[] = {
      "/",    "//",  "..",  ".",     "%2e",   "%2E%2e", "%2f", "%5c",      "\\",  "a",
      "b.c",  "%",   "%00", "%252e", "%252f", "%c0%af", "?",   "/../",     "/./", "...",
      ".git", "%61", "~",   ":",     "..;",   "%u002e", "%ff", "http://h", "../", "/.well-known"};
  std::mt19937 random(46);
  Target target;
  std::string text;
  std::size_t good = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    text = random() % 16 == 0 ? "" : "/";
    for (std::size_t n = random() % 8; n > 0; --n) {
      text += random() % 12 == 0 ? std::string(1, static_cast<char>(random()))
                                 : std::string(pieces[random() % std::size(pieces)]);
    }
    parse_target(text, target);
    expect_below_root(target, text);
    if (HasFatalFailure()) {
      return;
    }
    good += target.fault == TargetFault::none ? 1U : 0U;
  }
  EXPECT_GT(good, 100'000U);  // the generator does reach the other outcome
}

TEST(Target, comes_back_from_its_own_encoding) {
  std::mt19937 random(3);
  for (int i = 0; i < 100'000; ++i) {
    std::string name(1 + random() % 20, 'x');
    for (std::size_t k = 1; k < name.size(); ++k) {
      name[k] = static_cast<char>(1 + random() % 255);
      name[k] = name[k] == '/' ? '_' : name[k];
    }
    std::string text = "/d/";
    append_encoded(text, name);
    ASSERT_EQ(parsed(text).path, "d/" + name);
  }
}

TEST(DirectoryLocation, is_the_last_segment_and_cannot_leave_the_site) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"/a", "a/"},
      {"/a/b?x=1", "b/?x=1"},
      {"//evil.example", "evil.example/"},
      {"/javascript:x", "javascript%3Ax/"},
      {"/a%0d%0aSet-Cookie:x", "a%0D%0ASet-Cookie%3Ax/"},
      {"/%5cevil", "%5Cevil/"},
      {"/a?\r\nX: y\"<>\\", "a/?%0D%0AX:%20y%22%3C%3E%5C"},
      {"/a?%41", "a/?%41"},
  };
  for (const auto& [text, location] : table) {
    std::string out;
    append_directory_location(out, parsed(text));
    EXPECT_EQ(out, location) << text;
  }
}

}  // namespace
}  // namespace vigil::site

// What the sanitizers are told (tests/CMakeLists.txt) arrives: an option or suppression that is
// lost on the way is not missed by anybody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif

#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
namespace {

std::string told(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

TEST(SanitizerOptions, ReachEveryTest) {
  EXPECT_THAT(told("UBSAN_OPTIONS"), testing::HasSubstr("print_stacktrace=1"));
  EXPECT_THAT(told("ASAN_OPTIONS"), testing::HasSubstr("strict_string_checks=1"));
  EXPECT_THAT(told("TSAN_OPTIONS"), testing::HasSubstr("/tests/support/tsan.supp"));
}

}  // namespace
#endif

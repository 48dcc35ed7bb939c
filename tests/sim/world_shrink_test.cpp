// Shrinking: what is left fails, and no less does.
#include "explore/shrink.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace vigil::sim {
namespace {

std::vector<Strike> strikes(std::uint64_t count) {
  std::vector<Strike> all;
  for (std::uint64_t i = 1; i <= count; ++i) {
    all.push_back({Fault::short_read, 0, i});
  }
  return all;
}

bool has(const std::vector<Strike>& set, std::uint64_t draw) {
  return std::find(set.begin(), set.end(), Strike{Fault::short_read, 0, draw}) != set.end();
}

bool never() { return false; }

TEST(Shrink, leaves_what_it_takes) {
  const auto fails = [](const std::vector<Strike>& set) {
    return has(set, 3) && has(set, 77) && has(set, 78);
  };
  const Shrunk shrunk = shrink(strikes(100), fails, never);
  EXPECT_TRUE(shrunk.minimal);
  EXPECT_EQ(shrunk.left.size(), 3U);
  EXPECT_TRUE(fails(shrunk.left));
  EXPECT_LT(shrunk.runs, 60U);
}

TEST(Shrink, sees_at_once_that_no_fault_is_needed) {
  const Shrunk shrunk =
      shrink(strikes(100), [](const std::vector<Strike>&) { return true; }, never);
  EXPECT_TRUE(shrunk.minimal);
  EXPECT_TRUE(shrunk.left.empty());
  EXPECT_EQ(shrunk.runs, 1U);
}

// Taking 2 away makes 1 superfluous: a round that changed something is no proof.
TEST(Shrink, any_one_of_what_is_left_is_needed) {
  const auto fails = [](const std::vector<Strike>& set) {
    return has(set, 5) && (has(set, 1) || !has(set, 2));
  };
  for (const std::uint64_t count : {5U, 6U, 7U, 31U}) {
    const Shrunk shrunk = shrink(strikes(count), fails, never);
    ASSERT_TRUE(shrunk.minimal);
    ASSERT_TRUE(fails(shrunk.left));
    for (std::size_t i = 0; i != shrunk.left.size(); ++i) {
      std::vector<Strike> rest = shrunk.left;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_FALSE(fails(rest)) << "of " << count;
    }
  }
}

TEST(Shrink, says_when_its_time_was_over_first) {
  int asked = 0;
  const auto fails = [&asked](const std::vector<Strike>& set) {
    ++asked;
    return has(set, 3) && has(set, 77);
  };
  const Shrunk shrunk = shrink(strikes(100), fails, [&asked] { return asked == 4; });
  EXPECT_FALSE(shrunk.minimal);
  EXPECT_EQ(shrunk.runs, 4U);
  EXPECT_TRUE(has(shrunk.left, 3) && has(shrunk.left, 77));
}

TEST(Shrink, of_nothing_is_nothing) {
  const Shrunk shrunk = shrink({}, [](const std::vector<Strike>&) { return true; }, never);
  EXPECT_TRUE(shrunk.minimal);
  EXPECT_TRUE(shrunk.left.empty());
}

}  // namespace
}  // namespace vigil::sim

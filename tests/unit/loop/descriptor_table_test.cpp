// The table of descriptors: what each takes of memory, and where it says that it was made.
#include "loop/descriptor_table.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <bit>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/program.hpp"

namespace vigil::test {
namespace {

// Bytes that only this process has.
std::size_t private_bytes() {
  std::ifstream in("/proc/self/smaps_rollup");
  for (std::string word; in >> word;) {
    std::size_t kilobytes = 0;
    if (word == "Private_Dirty:" && in >> kilobytes) {
      return kilobytes << 10;
    }
  }
  return 0;
}

// All that a connection has that hibernates is its descriptor.
TEST(DescriptorTable, TakesSixtyFourBytesForEach) {
  if (kSanitized) {
    VIGIL_NOT_RUN("a sanitizer keeps notes of memory, which are memory");
  }
  constexpr std::size_t kMany = 100'000;
  constexpr std::size_t kAtOnce = 64 << 10;  // for the whole table, and what else goes on
  ASSERT_EQ(::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
  DescriptorTable table;
  ASSERT_NE(table.take(), nullptr);
  const std::size_t before = private_bytes();
  ASSERT_NE(before, 0u);
  for (std::size_t i = 0; i < kMany; ++i) {
    const Descriptor* made = i % 3 == 0 ? table.take() : table.take();  // at two places
    ASSERT_NE(made, nullptr);
  }
  const std::size_t grown = private_bytes() - before;
  EXPECT_EQ(::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
  EXPECT_LE(grown, 64 * kMany + kAtOnce);
  EXPECT_GE(grown, 64 * kMany - kAtOnce);  // it was measured at all
}

TEST(DescriptorTable, KnowsWhereEachWasMade) {
  DescriptorTable table;
  std::vector<const Descriptor*> here;
  std::vector<const Descriptor*> there;
  const auto first = std::source_location::current();
  const auto second = std::source_location::current();
  for (int i = 0; i < 100; ++i) {
    here.push_back(table.take(first));
    there.push_back(table.take(second));
  }
  Descriptor& again = *table.take(first);
  table.give(again);
  EXPECT_EQ(DescriptorTable::place_of(*table.take(second)).line(), second.line());
  for (std::size_t i = 0; i < here.size(); ++i) {
    EXPECT_EQ(DescriptorTable::place_of(*here[i]).line(), first.line());
    EXPECT_EQ(DescriptorTable::place_of(*there[i]).line(), second.line());
    EXPECT_STREQ(DescriptorTable::place_of(*here[i]).file_name(), first.file_name());
  }
}

// As no program has them. What looks like a place is only compared.
std::source_location place_number(const std::vector<char>& of, std::size_t number) {
  return std::bit_cast<std::source_location>(&of[number]);
}

TEST(DescriptorTable, SaysThatItDoesNotKnowOneOfTooManyPlaces) {
  const std::vector<char> places(DescriptorTable::kPlaces + std::size_t{1});
  DescriptorTable table;
  for (std::size_t i = 0; i < DescriptorTable::kPlaces; ++i) {
    EXPECT_NE(table.take(place_number(places, i))->place, 0u);
  }
  const Descriptor* unknown = table.take(place_number(places, DescriptorTable::kPlaces));
  EXPECT_EQ(DescriptorTable::place_of(*unknown).line(), 0u);
  // Those that have their number keep it.
  const auto first =
      std::bit_cast<const char*>(DescriptorTable::place_of(*table.take(place_number(places, 0))));
  EXPECT_EQ(first, &places[0]);
  const auto last = std::bit_cast<const char*>(
      DescriptorTable::place_of(*table.take(place_number(places, DescriptorTable::kPlaces - 1))));
  EXPECT_EQ(last, &places[DescriptorTable::kPlaces - 1]);
}

}  // namespace
}  // namespace vigil::test

// What each shard has of the limits of all.
#include "serve/share.hpp"

#include <gtest/gtest.h>

namespace vigil::app {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kDescriptors = 10'000;

std::uint64_t memory_of(std::uint64_t asked, std::uint64_t usable, unsigned shards) {
  config::Configuration configuration;
  configuration.program.values.memory_limit = asked;
  const auto share =
      share_out(configuration, {.descriptors = kDescriptors, .memory = usable}, shards);
  return share ? share->memory : ~std::uint64_t{0};
}

TEST(Share, of_memory_is_an_even_part_of_what_was_asked_for) {
  EXPECT_EQ(memory_of(64 * kMiB, 1024 * kMiB, 1), 64 * kMiB);
  EXPECT_EQ(memory_of(64 * kMiB, 1024 * kMiB, 4), 16 * kMiB);
  EXPECT_EQ(memory_of(16 * kMiB, 0, 8), 4 * kMiB) << "less is too little to serve with";
}

TEST(Share, of_memory_is_four_fifths_of_the_machines_where_nobody_asked) {
  EXPECT_EQ(memory_of(0, 1000 * kMiB, 2), 400 * kMiB);
  EXPECT_EQ(memory_of(0, 0, 2), 0U) << "nobody knows what there is: no limit";
  EXPECT_EQ(memory_of(cli::kNoMemoryLimit, 1000 * kMiB, 2), 0U);
}

TEST(Share, of_connections_is_the_whole_for_each_shard) {
  config::Configuration configuration;
  configuration.program.values.connections = 41;
  const auto share = share_out(configuration, {.descriptors = kDescriptors, .memory = 0}, 4);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->connections, 41U);
}

TEST(Share, of_several_processes_is_a_part_for_each) {
  config::Configuration configuration;
  cli::Settings& settings = configuration.program.values;
  settings.processes = 4;
  settings.connections = 41;
  settings.memory_limit = 64 * kMiB;
  const auto share =
      share_out(configuration, {.descriptors = kDescriptors, .memory = 1024 * kMiB}, 2);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->connections, 11U) << "so that all of them together have as many";
  EXPECT_EQ(share->memory, 8 * kMiB);
}

}  // namespace
}  // namespace vigil::app

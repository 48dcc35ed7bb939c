// The porting template keeps what of the Selector's contract it can: it refuses to watch, waits,
// and is notified.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "poll/backends.hpp"

namespace vigil {
namespace {

using namespace std::chrono_literals;

TEST(SelectorNull, WatchesNothing) {
  const auto selector = *make_null_selector();
  EXPECT_EQ(selector->traits().name, "null");
  EXPECT_EQ(find_selector("null"), nullptr) << "it is offered to nobody";
  const Change change{Change::Action::add, Trigger::level, false, 0, kReadable, {}};
  EXPECT_EQ(selector->apply({&change, 1}).error(), std::errc::function_not_supported);
  EXPECT_TRUE(selector->apply({}));
}

TEST(SelectorNull, WaitsAndIsNotified) {
  const auto selector = *make_null_selector();
  Event room[1];
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(selector->wait(room, 3ms)->empty());
  EXPECT_GE(std::chrono::steady_clock::now() - start, 3ms);
  std::jthread other([&] { selector->notify(); });
  EXPECT_TRUE(selector->wait(room, kForever)->empty());
}

}  // namespace
}  // namespace vigil

// Counters that other threads read, and the figures of a loop made of them.
#include "vigil/base/counters.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "vigil/coro/sleep.hpp"
#include "vigil/loop/figures.hpp"
#include "vigil/runtime/run.hpp"

namespace {

using namespace vigil;
using namespace std::chrono_literals;

std::size_t bucket_of(Nanos took) {
  DurationCounter counter;
  counter.add(took);
  const Durations counted = counter.get();
  for (std::size_t i = 0; i != Durations::kBuckets; ++i) {
    if (counted.counts[i] == 1) {
      return i;
    }
  }
  return Durations::kBuckets;
}

TEST(Counters, put_a_duration_where_its_bound_says) {
  EXPECT_EQ(bucket_of(-5ns), 0u);
  EXPECT_EQ(bucket_of(0ns), 0u);
  for (std::size_t i = 0; i + 1 != Durations::kBuckets; ++i) {
    EXPECT_EQ(bucket_of(Durations::bound(i)), i);
    EXPECT_EQ(bucket_of(Durations::bound(i) + 1ns), i + 1);
  }
  EXPECT_EQ(bucket_of(kForever), Durations::kBuckets - 1);
}

TEST(Counters, sum_up_durations_and_how_many_there_were) {
  DurationCounter counter;
  for (int i = 1; i <= 100; ++i) {
    counter.add(std::chrono::microseconds(i));
  }
  EXPECT_EQ(counter.get().count(), 100u);
  EXPECT_EQ(counter.get().total, 5050us);
}

TEST(Counters, can_be_read_while_they_are_written) {
  Counter counter;
  std::jthread writer([&] {
    for (int i = 0; i < 100'000; ++i) {
      ++counter;
    }
  });
  std::uint64_t last = 0;
  while (last < 100'000) {
    const std::uint64_t now = counter.get();
    ASSERT_GE(now, last);
    last = now;
  }
}

Task<> three_sleeps(LoopFigures* at_start, LoopFigures* at_end) {
  const Loop& loop = *Loop::current();
  *at_start = loop.figures();
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(co_await sleep_for(2ms));
  }
  *at_end = loop.figures();
}

TEST(LoopFigures, count_what_tasks_awaited_by_kind) {
  LoopFigures start;
  LoopFigures end;
  ASSERT_EQ(run({}, &three_sleeps, &start, &end), 0);
  const auto sleeps = static_cast<std::size_t>(Opcode::sleep);
  EXPECT_EQ(end.operations[sleeps] - start.operations[sleeps], 3u);
  EXPECT_GE(end.turns - start.turns, 3u);
  EXPECT_GT(end.frames, 0u);
  EXPECT_GT(end.frame_bytes, 0u);
}

Task<> many_turns(LoopFigures* at_end) {
  for (int i = 0; i < 64; ++i) {
    static_cast<void>(co_await sleep_for(1us));
  }
  *at_end = Loop::current()->figures();
}

TEST(LoopFigures, time_one_turn_in_sixteen) {
  LoopFigures end;
  ASSERT_EQ(run({}, &many_turns, &end), 0);
  EXPECT_GE(end.turns, 64u);
  EXPECT_GE(end.turn_times.count(), end.turns / Loop::kTimedTurns - 1);
  EXPECT_LE(end.turn_times.count(), end.turns / Loop::kTimedTurns + 1);
}

}  // namespace

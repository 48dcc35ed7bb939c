// When a loop goes on asking and when it sleeps, by a clock of the test's own.
#include <gtest/gtest.h>

#include "vigil/loop/spin.hpp"

namespace vigil {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{Nanos(1'000'000'000)};

// Asks each microsecond until it is told to sleep; how long that took.
Nanos asks_for(Spinner& spinner, Instant& now) {
  const Instant begin = now;
  while (spinner.ask(now) && now - begin < 1s) {
    now += 1us;
  }
  return now - begin;
}

// Nothing comes until `waited` after the start of the wait: asks, sleeps, and is told.
Nanos waits(Spinner& spinner, Instant& now, Nanos waited) {
  const Instant begin = now;
  const Nanos asked = asks_for(spinner, now);
  now = begin + std::max(waited, now - begin);
  spinner.came(now);
  return asked;
}

TEST(Spinner, IsOffUnlessItIsAskedFor) {
  EXPECT_FALSE(Spinner(Spin{}).on());
  EXPECT_TRUE(Spinner(Spin{.most = 1us}).on());
  EXPECT_TRUE(Spinner(kAdaptiveSpin).on());
}

TEST(Spinner, AsksForItsTimeAndThenSleepsUntilSomethingComes) {
  Spinner spinner(Spin{.most = 50us});
  Instant now = kStart;
  EXPECT_EQ(asks_for(spinner, now), 50us);
  for (int turn = 0; turn < 3; ++turn) {  // as a wake() or a signal ends its sleep
    now += 1ms;
    EXPECT_EQ(asks_for(spinner, now), 0us) << "nothing came: it does not ask again";
  }
  spinner.came(now);
  EXPECT_EQ(asks_for(spinner, now), 50us);
  EXPECT_EQ(spinner.figures().spent, 100us);
  EXPECT_EQ(spinner.figures().in_vain, 2u);
  EXPECT_EQ(spinner.figures().met, 0u);
}

TEST(Spinner, StopsAtWhatComesAndCountsTheTimeUntilThen) {
  Spinner spinner(Spin{.most = 50us});
  Instant now = kStart;
  ASSERT_TRUE(spinner.ask(now));
  now += 20us;
  ASSERT_TRUE(spinner.ask(now));
  now += 1us;
  spinner.came(now);
  EXPECT_EQ(spinner.figures().spent, 21us);
  EXPECT_EQ(spinner.figures().met, 1u);
  EXPECT_EQ(asks_for(spinner, now), 50us) << "the time begins anew";
}

TEST(Spinner, AdaptiveBeginsToAskWhenWhatComesWouldHaveComeInTime) {
  Spinner spinner(kAdaptiveSpin);
  Instant now = kStart;
  EXPECT_EQ(waits(spinner, now, 80us), 0us) << "it does not ask before anything came";
  EXPECT_EQ(waits(spinner, now, 80us), 10us);
  EXPECT_EQ(waits(spinner, now, 80us), 20us);
  EXPECT_EQ(waits(spinner, now, 80us), 40us);
  ASSERT_TRUE(spinner.ask(now));
  now += 79us;
  ASSERT_TRUE(spinner.ask(now)) << "80 us by now";
  spinner.came(now);
  EXPECT_EQ(spinner.figures().met, 1u);
}

TEST(Spinner, AdaptiveNeverAsksForLongerThanItMay) {
  Spinner spinner(Spin{.most = 30us, .adaptive = true});
  Instant now = kStart;
  for (int i = 0; i < 10; ++i) {
    EXPECT_LE(waits(spinner, now, 30us), 30us);
  }
}

TEST(Spinner, AdaptiveGivesUpWhenNothingComes) {
  Spinner spinner(kAdaptiveSpin);
  Instant now = kStart;
  for (int i = 0; i < 10; ++i) {
    waits(spinner, now, 150us);
  }
  const Nanos before = spinner.figures().spent;
  EXPECT_GT(waits(spinner, now, 1s), 0us) << "one more time";
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(waits(spinner, now, 10ms), 0us) << "idle: it costs nothing any more";
  }
  EXPECT_LE(spinner.figures().spent - before, 200us);
}

// A clock of a simulation moves when the loop sleeps, not while it asks.
TEST(Spinner, SleepsWhenTheClockStandsStill) {
  Spinner spinner(Spin{.most = 50us});
  EXPECT_TRUE(spinner.ask(kStart));
  EXPECT_FALSE(spinner.ask(kStart));
}

}  // namespace
}  // namespace vigil

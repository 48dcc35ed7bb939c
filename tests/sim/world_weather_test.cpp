// The weather: strikes come at their rate, where and when the rules say, and one that is taken away
// leaves the others where they were.
#include "world/weather.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace vigil::sim {
namespace {

using std::chrono::seconds;

Faults half_of(std::initializer_list<Fault> which) {
  Faults faults = Faults::none();
  for (const Fault fault : which) {
    faults[fault].rate = 500'000;
  }
  return faults;
}

TEST(Weather, strikes_at_its_rate) {
  Clock clock;
  Faults faults = Faults::none();
  faults[Fault::short_read].rate = 10'000;
  Weather weather(clock, 7, faults);
  const HostId host = weather.add_host("a");
  int strikes = 0;
  for (int i = 0; i != 100'000; ++i) {
    strikes += weather.strikes(Fault::short_read, host) ? 1 : 0;
    EXPECT_FALSE(weather.strikes(Fault::short_write, host));
  }
  EXPECT_GT(strikes, 800);
  EXPECT_LT(strikes, 1200);
  EXPECT_EQ(weather.count(Fault::short_read), static_cast<std::uint64_t>(strikes));
  EXPECT_EQ(weather.struck().size(), static_cast<std::size_t>(strikes));
}

TEST(Weather, a_rule_counts_on_its_hosts_and_in_its_time_alone) {
  Clock clock;
  Faults faults = Faults::none();
  faults[Fault::crash] = {1'000'000, seconds(1), seconds(5), seconds(6), {"b"}};
  Weather weather(clock, 7, faults);
  const HostId a = weather.add_host("a");
  const HostId b = weather.add_host("b");
  EXPECT_FALSE(weather.strikes(Fault::crash, b));
  clock.jump(Clock::kBegin + seconds(5));
  EXPECT_FALSE(weather.strikes(Fault::crash, a));
  EXPECT_TRUE(weather.strikes(Fault::crash, b));
  EXPECT_EQ(weather.struck().back(), (Strike{Fault::crash, b, 2}));
  EXPECT_EQ(weather.struck().back().at, seconds(5));
  clock.jump(Clock::kBegin + seconds(6));
  EXPECT_FALSE(weather.strikes(Fault::crash, b));
}

TEST(Weather, what_lasts_lasts_no_longer_than_the_rule_says) {
  Clock clock;
  Faults faults = half_of({Fault::late_event});
  faults[Fault::late_event].longest = Nanos(10);
  Weather weather(clock, 7, faults);
  const HostId host = weather.add_host("a");
  Nanos least = kForever;
  Nanos most{};
  for (int i = 0; i != 1000; ++i) {
    const Nanos lasts = weather.lasts(Fault::late_event, host);
    if (lasts != Nanos::zero()) {
      least = std::min(least, lasts);
      most = std::max(most, lasts);
    }
  }
  EXPECT_EQ(least, Nanos(1));
  EXPECT_EQ(most, Nanos(10));
}

// Everything that a run asks of it, with the amounts of those that struck.
std::vector<std::pair<Strike, std::uint64_t>> run(std::optional<std::vector<Strike>> only) {
  Clock clock;
  Weather weather(clock, 3, half_of({Fault::short_read, Fault::lost_segment}), std::move(only));
  const HostId hosts[] = {weather.add_host("a"), weather.add_host("b")};
  std::vector<std::pair<Strike, std::uint64_t>> seen;
  for (int i = 0; i != 200; ++i) {
    for (const HostId host : hosts) {
      for (const Fault fault : {Fault::short_read, Fault::lost_segment}) {
        if (weather.strikes(fault, host)) {
          seen.emplace_back(weather.struck().back(), weather.below(fault, host, 1000));
        }
      }
    }
  }
  return seen;
}

TEST(Weather, taking_one_strike_away_leaves_the_others_where_they_were) {
  auto all = run(std::nullopt);
  ASSERT_GT(all.size(), 100U);
  std::vector<Strike> only;
  for (const auto& [strike, amount] : all) {
    only.push_back(strike);
  }
  EXPECT_EQ(run(only), all);
  const auto away = static_cast<std::ptrdiff_t>(all.size() / 2);
  only.erase(only.begin() + away);
  all.erase(all.begin() + away);
  EXPECT_EQ(run(only), all);
  EXPECT_TRUE(run(std::vector<Strike>()).empty());
}

TEST(Weather, a_schedule_strikes_where_it_says_whatever_the_rates_are) {
  Clock clock;
  Weather weather(clock, 3, Faults::none(), std::vector<Strike>{{Fault::no_memory, 1, 3}});
  weather.add_host("a");
  weather.add_host("b");
  for (std::uint64_t draw = 1; draw != 10; ++draw) {
    EXPECT_FALSE(weather.strikes(Fault::no_memory, 0));
    EXPECT_EQ(weather.strikes(Fault::no_memory, 1), draw == 3);
  }
}

TEST(Weather, one_more_draw_of_a_fault_leaves_other_faults_and_hosts_alone) {
  Clock clock;
  Weather plain(clock, 3, half_of({Fault::short_read, Fault::crash}));
  Weather other(clock, 3, half_of({Fault::short_read, Fault::crash}));
  plain.add_host("a");
  other.add_host("a");
  plain.add_host("b");
  other.add_host("b");
  for (int i = 0; i != 100; ++i) {
    static_cast<void>(other.strikes(Fault::crash, 0));
    static_cast<void>(other.strikes(Fault::short_read, 1));
    EXPECT_EQ(plain.strikes(Fault::short_read, 0), other.strikes(Fault::short_read, 0)) << i;
  }
}

TEST(Random, gives_the_same_numbers_everywhere) {
  Random random(1, "test");
  EXPECT_EQ(random.next(), Random(1, "test").next());
  EXPECT_NE(Random(1, "test").next(), Random(2, "test").next());
  EXPECT_NE(Random(1, "test").next(), Random(1, "tesu").next());
  std::uint64_t mixed = 0;
  for (int i = 0; i != 1000; ++i) {
    mixed = mixed * 31 + random.between(5, 1'000'000);
  }
  EXPECT_EQ(mixed, 2508607002020249245ULL) << "the value that every compiler and machine must find";
}

TEST(Clock, fires_alarms_by_time_and_then_by_order) {
  struct Numbered : Alarm {
    int number = 0;
    std::vector<int>* fired = nullptr;
  };
  Clock clock;
  std::vector<int> fired;
  std::vector<Numbered> alarms(100);
  for (int i = 0; i != 100; ++i) {
    Numbered& alarm = alarms[static_cast<std::size_t>(i)];
    alarm.number = i;
    alarm.fired = &fired;
    alarm.fire = [](Alarm& each) noexcept {
      auto& self = static_cast<Numbered&>(each);
      self.fired->push_back(self.number);
    };
    clock.set(alarm, Clock::kBegin + seconds((i * 37) % 10));
  }
  for (int i = 0; i < 100; i += 3) {
    clock.stop(alarms[static_cast<std::size_t>(i)]);
  }
  while (clock.fire_next()) {
  }
  std::vector<int> expected;
  for (int second = 0; second != 10; ++second) {
    for (int i = 0; i != 100; ++i) {
      if ((i * 37) % 10 == second && i % 3 != 0) {
        expected.push_back(i);
      }
    }
  }
  EXPECT_EQ(fired, expected);
  EXPECT_EQ(clock.now(), Clock::kBegin + seconds(9));
}

}  // namespace
}  // namespace vigil::sim

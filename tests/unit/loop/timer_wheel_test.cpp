// TimerWheel against a sorted map: whatever is armed, moved and stopped, the same timers fire at
// the same looks, none early, none lost.
#include "vigil/loop/timer.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace vigil {
namespace {

struct Probe : Timer {
  std::vector<Probe*>* fired = nullptr;
};

class Oracle {
 public:
  explicit Oracle(std::size_t count) : timers_(count) {
    for (Probe& timer : timers_) {
      timer.fired = &fired_;
      timer.fire = [](Timer& t) noexcept {
        static_cast<Probe&>(t).fired->push_back(static_cast<Probe*>(&t));
      };
    }
  }
  Probe& operator[](std::size_t i) { return timers_[i]; }
  void arm(TimerWheel& wheel, std::size_t i, Instant at) {
    wheel.arm(timers_[i], at);
    if (at == kNever) {
      armed_.erase(&timers_[i]);
    } else {
      armed_.insert_or_assign(&timers_[i], at);
    }
  }
  void stop(TimerWheel& wheel, std::size_t i) {
    wheel.stop(timers_[i]);
    armed_.erase(&timers_[i]);
  }
  // Looks at `now` until all is done; a timer may be late by one tick, never early.
  void look(TimerWheel& wheel, Instant now, std::size_t limit) {
    do {
      wheel.expire(now, limit);
    } while (wheel.next() <= now);
    for (Probe* timer : fired_) {
      const auto found = armed_.find(timer);
      ASSERT_NE(found, armed_.end()) << "fired, but not armed";
      ASSERT_LE(found->second, now) << "early";
      armed_.erase(found);
    }
    fired_.clear();
    constexpr Nanos kTick{1 << 20};
    for (const auto& [timer, at] : armed_) {
      ASSERT_GT(after(at, kTick), now) << "lost, or late by more than a tick";
      ASSERT_LE(wheel.next(), after(at, kTick)) << "nobody would look in time";
    }
    ASSERT_EQ(wheel.armed(), armed_.size());
    ASSERT_EQ(wheel.empty(), armed_.empty());
  }

 private:
  std::vector<Probe> timers_;
  std::vector<Probe*> fired_;
  std::map<Probe*, Instant> armed_;
};

TEST(TimerWheel, AgreesWithASortedMapOverRandomHistories) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    Instant now{Nanos(static_cast<std::int64_t>(random() >> (2 + random() % 60)))};
    TimerWheel wheel(now);
    Oracle oracle(24);
    const auto span = [&] {
      // Every magnitude alike: from nanoseconds to centuries.
      return Nanos(static_cast<std::int64_t>(random() >> (1 + random() % 62)));
    };
    for (int step = 0; step < 300 && now != kNever; ++step) {
      const std::size_t which = random() % 24;
      switch (random() % 8) {
        case 0:
          oracle.stop(wheel, which);
          break;
        case 1:
          oracle.arm(wheel, which,
                     random() % 8 == 0 ? kNever : Instant{Nanos(span())});  // may be past
          break;
        case 2:
        case 3:
        case 4:
          oracle.arm(wheel, which, after(now, span()));
          break;
        default:
          now = random() % 2 == 0 && wheel.next() != kNever && wheel.next() > now
                    ? wheel.next()
                    : after(now, Nanos(span().count() >> (10 + random() % 40)));
          if (now == kNever) {
            break;  // the end of time: nothing can be later
          }
          oracle.look(wheel, now, 1 + random() % 30);
          if (testing::Test::HasFatalFailure()) {
            FAIL() << "seed " << seed << " step " << step;
          }
      }
    }
    for (std::size_t i = 0; i < 24; ++i) {
      oracle.stop(wheel, i);
    }
    ASSERT_EQ(wheel.armed(), 0u);
    ASSERT_EQ(wheel.next(), kNever);
  }
}

// What is left over by the limit is still there: it was forgotten when nothing else was armed.
TEST(TimerWheel, KeepsWhatALimitLeftOver) {
  TimerWheel wheel(Instant{});
  std::vector<Probe*> fired;
  std::vector<Probe> timers(100);
  const Instant at{Nanos(50'000'000)};
  for (Probe& timer : timers) {
    timer.fired = &fired;
    timer.fire = [](Timer& t) noexcept {
      static_cast<Probe&>(t).fired->push_back(static_cast<Probe*>(&t));
    };
    wheel.arm(timer, at);
  }
  const Instant now = at + Nanos(1 << 20);
  std::size_t looks = 0;
  while (!wheel.empty()) {
    ASSERT_LE(wheel.next(), now);
    const std::size_t before = fired.size();
    wheel.expire(now, 7);
    ASSERT_LE(fired.size() - before, 7u);
    ASSERT_LT(++looks, 100u);
  }
  EXPECT_EQ(fired.size(), timers.size());
}

// A timer that arms itself again at once does not hold the loop for ever.
struct Again : Timer {
  TimerWheel* wheel = nullptr;
  int count = 0;
};

TEST(TimerWheel, StopsAtItsLimitWhenATimerArmsItselfAgain) {
  TimerWheel wheel(Instant{});
  Again timer;
  timer.wheel = &wheel;
  timer.fire = [](Timer& t) noexcept {
    auto& self = static_cast<Again&>(t);
    ++self.count;
    self.wheel->arm(self, Instant{});
  };
  wheel.arm(timer, Instant{});
  wheel.expire(Instant{Nanos(1'000'000'000)}, 1024);
  EXPECT_LE(timer.count, 1024);
  EXPECT_TRUE(timer.armed());
  wheel.stop(timer);
  EXPECT_TRUE(wheel.empty());
}

// A million armed; moving one later costs one store, and the timer hangs where it hung.
TEST(TimerWheel, HoldsAMillionAndMovesThemLazily) {
  TimerWheel wheel(Instant{});
  std::vector<Probe> timers(1'000'000);
  std::vector<Probe*> fired;
  fired.reserve(timers.size());
  std::mt19937_64 random(1);
  for (Probe& timer : timers) {
    timer.fired = &fired;
    timer.fire = [](Timer& t) noexcept {
      static_cast<Probe&>(t).fired->push_back(static_cast<Probe*>(&t));
    };
    wheel.arm(timer, Instant{Nanos(static_cast<std::int64_t>(random() % 60'000'000'000))});
  }
  Timer** const place = timers[5].place;
  wheel.arm(timers[5], Instant{Nanos(120'000'000'000)});
  EXPECT_EQ(timers[5].place, place);
  const Instant now{Nanos(61'000'000'000)};
  while (wheel.next() <= now) {
    wheel.expire(now, 1024);
  }
  EXPECT_EQ(fired.size(), timers.size() - 1);
  EXPECT_TRUE(timers[5].armed());
  wheel.stop(timers[5]);
  EXPECT_TRUE(wheel.empty());
}

}  // namespace
}  // namespace vigil

// Timers and the length of waits: never early, at any length, by any clause of P1.2, P1.3 and P5.2.
// Hazards 20, 21, 22.
#include <sched.h>
#include <sys/wait.h>

#include <random>

#include "tests/support/not_run.hpp"
#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

using Clock = std::chrono::steady_clock;

class PollerTimer : public PollerTest {};
VIGIL_ON_EVERY_BACKEND(PollerTimer);

TEST_P(PollerTimer, IsNeverEarly) {
  std::minstd_rand random(11);
  for (int i = 0; i < 50; ++i) {
    const Nanos span{random() % 3'000'000};
    const Instant start = Clock::now();
    const Token timer = add(Source::timer(span));
    const auto events = next();
    EXPECT_GE(Clock::now() - start, span);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, Kind::timer);
    EXPECT_EQ(events[0].ready, kReadable);
    EXPECT_EQ(events[0].data, 1);
    EXPECT_EQ(events[0].slot, timer);
    ASSERT_TRUE(poller.remove(timer));
  }
}

TEST_P(PollerTimer, WaitIsNeverEarly) {  // P1.2: the wait's own limit, with odd nanoseconds
  std::minstd_rand random(13);
  for (int i = 0; i < 50; ++i) {
    const Nanos span{random() % 3'000'000};
    const Instant start = Clock::now();
    EXPECT_TRUE(wait(span).empty());
    EXPECT_GE(Clock::now() - start, span);
  }
}

TEST_P(PollerTimer,
       ShortWaitsDoNotSpin) {  // P1.2: rounded up, so that a millisecond's rest is slept, not burnt
  EXPECT_LE(returns_within(999us), 2);
}

TEST_P(PollerTimer, WaitOfZeroOrLessDoesNotBlock) {  // P1.3
  EXPECT_TRUE(wait(Nanos{-1}).empty());
  EXPECT_TRUE(wait(Nanos::min()).empty());
  EXPECT_TRUE(wait(Nanos::zero()).empty());
}

TEST_P(PollerTimer, PeriodicOnesAddUp) {
  const Instant start = Clock::now();
  add(Source::timer(1ms, 1ms));
  std::int64_t count = 0;
  while (count < 20 && !HasFailure()) {
    count += next()[0].data;
    EXPECT_LE(count, (Clock::now() - start) / 1ms) << "early";
  }
  while (Clock::now() - start < 30ms) {
  }
  EXPECT_GE(next()[0].data, 1) << "one event for all that nobody waited for";
}

TEST_P(PollerTimer, FiresOnceWithoutAPeriod) {
  add(Source::timer(1ms));
  EXPECT_EQ(next()[0].data, 1);
  EXPECT_EQ(returns_within(10ms), 1);
}

TEST_P(PollerTimer, ZeroAndThePastFireAtOnce) {
  const Token zero = add(Source::timer(Nanos::zero()));
  EXPECT_EQ(next()[0].slot, zero);
  const Token below = add(Source::timer(Nanos{-5}));
  EXPECT_EQ(next()[0].slot, below);
  const Token past = add(Source::timer_at(Clock::now() - 1h));
  EXPECT_EQ(next()[0].slot, past);
  const Token epoch = add(Source::timer_at(Instant{}));
  EXPECT_EQ(next()[0].slot, epoch);
}

TEST_P(PollerTimer, AbsoluteOneFiresAtItsInstant) {
  const Instant when = Clock::now() + 3ms;
  add(Source::timer_at(when));
  next();
  EXPECT_GE(Clock::now(), when);
}

TEST_P(PollerTimer, HugeSpansNeitherFireNorWrap) {  // hazards 20, 22
  for (const Nanos span : {kForever, kForever - Nanos{1}, Nanos{std::int64_t{1} << 62},
                           Nanos{std::chrono::milliseconds{std::int64_t{1} << 31}},
                           Nanos{std::chrono::milliseconds{std::int64_t{1} << 32}},
                           Nanos{std::chrono::milliseconds{(std::int64_t{1} << 31) - 1}}}) {
    add(Source::timer(span));
    add(Source::timer(1h, span));
    add(Source::timer_at(after(Clock::now(), span)));
  }
  EXPECT_TRUE(now().empty());
  EXPECT_TRUE(wait(2ms).empty());
}

TEST_P(PollerTimer,
       HugeWaitsAreNotCutToNothing) {  // hazards 20, 22: an event ends them, not an overflow
  for (const Nanos at_most : {kForever, kForever - Nanos{1}, Nanos{std::int64_t{1} << 62},
                              Nanos{std::chrono::milliseconds{std::int64_t{1} << 31}},
                              Nanos{std::chrono::milliseconds{std::int64_t{1} << 32}}}) {
    const Token timer = add(Source::timer(2ms));
    const auto events = wait(at_most);
    ASSERT_EQ(events.size(), 1U) << at_most.count();
    ASSERT_TRUE(poller.remove(timer));
  }
}

TEST_P(PollerTimer, PeriodOfForeverFiresOnce) {
  add(Source::timer(Nanos::zero(), kForever));
  EXPECT_EQ(next()[0].data, 1);
  EXPECT_TRUE(wait(2ms).empty());
}

TEST_P(PollerTimer, ModifyStartsAnewAndForgets) {
  const Token timer = add(Source::timer(Nanos::zero(), 1us));
  const Instant start = Clock::now();
  while (Clock::now() - start < 1ms) {
  }
  const Instant modified = Clock::now();
  ASSERT_TRUE(poller.modify(timer, Source::timer(3ms).with_cookie(8)));
  const auto events = next();
  EXPECT_GE(Clock::now() - modified, 3ms);
  EXPECT_EQ(events[0].data, 1);
  EXPECT_EQ(events[0].cookie, 8U);
  ASSERT_TRUE(poller.modify(timer, Source::timer(kForever)));
  EXPECT_TRUE(wait(2ms).empty()) << "stopped";
}

TEST_P(PollerTimer, OneShotPeriodicOneIsSilentUntilRearmed) {  // P5.1
  const Token timer = add(Source::timer(1ms, 1ms).with_trigger(Trigger::oneshot));
  EXPECT_EQ(next()[0].slot, timer);
  EXPECT_EQ(returns_within(10ms), 1);
  ASSERT_TRUE(poller.rearm(timer));
  EXPECT_EQ(next()[0].slot, timer);
}

TEST_P(PollerTimer, ZeroTimerSetAgainAndAgainDoesNotStarveASocket) {  // hazard 23
  const Pair pair = socket_pair();
  const Token timer = add(Source::timer(Nanos::zero()).with_cookie(1));
  add(Source::descriptor(pair.ours.get(), kReadable).with_cookie(2));
  put(pair.theirs, "x");
  bool told = false;
  for (int i = 0; i < 10 && !told; ++i) {
    for (const Event& event : next()) {
      told = told || event.cookie == 2;
    }
    ASSERT_TRUE(poller.modify(timer, Source::timer(Nanos::zero()).with_cookie(1)));
  }
  EXPECT_TRUE(told);
}

TEST_P(PollerTimer, NegativePeriodIsRefused) {
  EXPECT_EQ(poller.add(Source::timer(1ms, Nanos{-1})).error(), PollerErrc::bad_time);
}

// 0: all is well; else the step that failed.
int keeps_time(const std::string& backend) {
  auto poller = Poller::create({.backend = backend, .audit = Audit::off});
  Event room[4];
  const Instant start = Clock::now();
  if (start.time_since_epoch() < std::chrono::seconds(1'000'000'000)) {
    return 2;
  }
  if (!poller || !poller->add(Source::timer_at(start + 3ms)) || !poller->add(Source::timer(3ms))) {
    return 3;
  }
  for (std::size_t told = 0; told < 2;) {
    const auto events = poller->wait(room, kPatience);
    if (!events || Clock::now() - start < 3ms || Clock::now() - start > kPatience) {
      return 4;
    }
    told += events->size();
  }
  const Instant again = Clock::now();
  const auto none = poller->wait(room, 3ms);
  return none && none->empty() && Clock::now() - again >= 3ms ? 0 : 5;
}

TEST_P(PollerTimer,
       ClockThatRunsForThirtyYearsIsKept) {  // hazard 20: a time namespace, 10^9 s ahead
  const pid_t child = ::fork();
  if (child == 0) {
    const Fd offsets(::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC));
    constexpr std::string_view kAhead = "monotonic 1000000000 0";
    if (::unshare(CLONE_NEWTIME) != 0 || offsets.get() < 0 ||
        ::write(offsets.get(), kAhead.data(), kAhead.size()) < 0) {
      ::_exit(77);
    }
    const pid_t inside = ::fork();  // the namespace is its children's
    if (inside == 0) {
      ::_exit(keeps_time(GetParam()));
    }
    int status = -1;
    ::waitpid(inside, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    VIGIL_NOT_RUN("a time namespace needs CAP_SYS_ADMIN");
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace vigil::test

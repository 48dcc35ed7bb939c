// Sources that end: removed, closed, duplicated, their number or place given to another. Clause P4;
// hazards 5, 7.
#include <time.h>

#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerLifetime : public PollerTest {};
VIGIL_ON_EVERY_BACKEND(PollerLifetime);

Nanos cpu_of_this_thread() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + Nanos(used.tv_nsec);
}

TEST_P(PollerLifetime, ClosedDescriptorLeaves) {  // P4.4
  Pair pair = socket_pair();
  const Pair other = socket_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable | kWritable));
  add(Source::descriptor(other.ours.get(), kReadable).with_cookie(2));
  ASSERT_EQ(next()[0].ready, kWritable);
  pair.ours.reset();
  EXPECT_LE(returns_within(20ms), 2);
  put(other.theirs, "x");
  EXPECT_EQ(next()[0].cookie, 2U) << "the others are served";
  EXPECT_EQ(poller.remove(token).error(), PollerErrc::closed_descriptor);
  EXPECT_FALSE(poller.is_current(token)) << "gone in any case";
}

TEST_P(PollerLifetime, ManyClosedDescriptorsLeaveAtOnce) {  // P4.4
  std::vector<Pair> pairs;
  for (int i = 0; i < 100; ++i) {
    pairs.push_back(socket_pair());
    add(Source::descriptor(pairs.back().ours.get(), kWritable));
  }
  EXPECT_EQ(now().size(), 100U);
  for (Pair& pair : pairs) {
    pair.ours.reset();
  }
  EXPECT_LE(returns_within(20ms), 2);
}

TEST_P(PollerLifetime, NumberGivenToANewFileIsANewSource) {  // P4.1, hazard 5
  Pair old = socket_pair();
  const int number = old.ours.get();
  const Token before = add(Source::descriptor(number, kReadable).with_cookie(1));
  old.ours.reset();
  Pair young = socket_pair();
  ASSERT_EQ(young.ours.get(), number) << "the system gives out the lowest free number";
  const Token after = add(Source::descriptor(number, kReadable).with_cookie(2));
  EXPECT_NE(before, after);
  EXPECT_FALSE(poller.is_current(before));
  EXPECT_EQ(poller.size(), 1U);
  put(young.theirs, "x");
  const auto events = next();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].cookie, 2U);
  EXPECT_EQ(events[0].slot, after);
  EXPECT_EQ(poller.remove(before).error(), PollerErrc::unknown_source);
  EXPECT_EQ(next()[0].cookie, 2U) << "the old token does not reach the new source";
}

TEST_P(PollerLifetime, PlaceOfARemovedSourceGetsANewGeneration) {  // P4.1
  const Pair pair = socket_pair();
  std::vector<Token> tokens;
  for (int i = 0; i < 100; ++i) {
    tokens.push_back(add(Source::descriptor(pair.ours.get(), kReadable)));
    for (int j = 0; j < i; ++j) {
      ASSERT_NE(tokens.back(), tokens[static_cast<std::size_t>(j)]);
    }
    ASSERT_TRUE(poller.remove(tokens.back()));
    ASSERT_FALSE(poller.is_current(tokens.back()));
  }
}

TEST_P(PollerLifetime, RemovalWithinABatchIsSeenByIsCurrent) {  // P4.2, hazard 5
  const Pair one = socket_pair();
  const Pair two = socket_pair();
  const Token tokens[] = {add(Source::descriptor(one.ours.get(), kWritable).with_cookie(0)),
                          add(Source::descriptor(two.ours.get(), kWritable).with_cookie(1))};
  const auto events = now();
  ASSERT_EQ(events.size(), 2U);
  ASSERT_TRUE(poller.remove(tokens[events[1].cookie]));  // while the first event is handled
  EXPECT_TRUE(poller.is_current(events[0].slot));
  EXPECT_FALSE(poller.is_current(events[1].slot));
}

TEST_P(PollerLifetime, RemovedBeforeItIsClosedADuplicateReportsNothing) {  // P4.3, hazard 7
  Pair pair = socket_pair();
  const Fd duplicate(::dup(pair.ours.get()));
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable));
  ASSERT_TRUE(poller.close(token));
  const int closed = pair.ours.release();
  EXPECT_EQ(::fcntl(closed, F_GETFD), -1) << "close() closes it";
  put(pair.theirs, "x");
  const Nanos before = cpu_of_this_thread();
  EXPECT_EQ(returns_within(50ms), 1);
  EXPECT_LT(cpu_of_this_thread() - before, 5ms);
  EXPECT_EQ(poller.stale_events(), 0U);
}

TEST_P(PollerLifetime,
       ClosedWithoutRemovalADuplicateReportsToNobodyElse) {  // P4.1, hazards 5 and 7
  Pair old = socket_pair();
  const int number = old.ours.get();
  const Fd duplicate(::dup(number));
  add(Source::descriptor(number, kReadable).with_cookie(1));
  old.ours.reset();
  Pair young = socket_pair();
  ASSERT_EQ(young.ours.get(), number);
  add(Source::descriptor(number, kReadable).with_cookie(2));
  put(old.theirs, "for the old one");  // epoll still reports it, under the old cookie
  for (const Event& event : wait(10ms)) {
    ADD_FAILURE() << "cookie " << event.cookie << " was told bytes of a closed descriptor";
  }
  if (poller.backend() == "epoll") {
    EXPECT_GT(poller.stale_events(), 0U);
  }
  put(young.theirs, "x");
  const auto events = next();
  EXPECT_EQ(events[0].cookie, 2U);
}

TEST_P(PollerLifetime, NumberGivenToATimerIsTheTimers) {  // P4.1
  Pair pair = socket_pair();
  const int number = pair.ours.get();
  const Token closed = add(Source::descriptor(number, kReadable));
  pair.ours.reset();
  const Token timer =
      add(Source::timer(1ms).with_cookie(4));  // opens a descriptor: the free number
  EXPECT_FALSE(poller.is_current(closed));
  EXPECT_FALSE(poller.remove(closed));
  EXPECT_EQ(next()[0].slot, timer);
}

TEST_P(PollerLifetime, DescriptorsOfTheProgramStayOpen) {  // P4.5
  const Pair pair = socket_pair();
  {
    Poller other = make();
    ASSERT_TRUE(other.add(Source::descriptor(pair.ours.get(), kReadable)));
    Poller moved = std::move(other);
    EXPECT_EQ(moved.size(), 1U);
  }
  EXPECT_GE(::fcntl(pair.ours.get(), F_GETFD), 0);
}

TEST_P(PollerLifetime, SameDescriptorMayBeInTwoPollers) {
  const Pair pair = socket_pair();
  Poller other = make();
  ASSERT_TRUE(other.add(Source::descriptor(pair.ours.get(), kReadable)));
  add(Source::descriptor(pair.ours.get(), kReadable));
  put(pair.theirs, "x");
  Event room[4];
  EXPECT_EQ(next().size(), 1U);
  EXPECT_EQ(other.wait(room, kPatience)->size(), 1U);
}

}  // namespace
}  // namespace vigil::test

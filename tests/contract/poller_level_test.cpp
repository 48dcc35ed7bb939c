// Level-triggered descriptors: told as long as it holds. Clauses P1, P2.1, P2.7, P2.8, P3.5.
#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerLevel : public PollerTest {};
VIGIL_ON_EVERY_BACKEND(PollerLevel);

TEST_P(PollerLevel, IsToldAtEveryWaitWhileBytesWait) {  // P2.1
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable).with_cookie(77));
  EXPECT_EQ(ready_now(), 0U);
  put(pair.theirs, "abc");
  for (int i = 0; i < 3; ++i) {
    const auto events = next();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].ready, kReadable);
    EXPECT_EQ(events[0].kind, Kind::descriptor);
    EXPECT_EQ(events[0].cookie, 77U);
    EXPECT_EQ(events[0].data, 0);
  }
  EXPECT_EQ(drain(pair.ours), "abc");
  EXPECT_EQ(ready_now(), 0U);
}

TEST_P(PollerLevel, TellsOnlyTheDirectionsAskedFor) {
  const Pair pair = socket_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable));
  put(pair.theirs, "x");
  EXPECT_EQ(ready_now(), kReadable);
  ASSERT_TRUE(poller.modify(token, Source::descriptor(pair.ours.get(), kWritable).with_cookie(5)));
  const auto events = next();
  EXPECT_EQ(events[0].ready, kWritable);
  EXPECT_EQ(events[0].cookie, 5U);  // P3.5
  ASSERT_TRUE(poller.modify(token, Source::descriptor(pair.ours.get(), kReadable | kWritable)));
  EXPECT_EQ(ready_now(), kReadable | kWritable);
}

TEST_P(PollerLevel, WritableEndsWhenTheBufferIsFull) {
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kWritable));
  EXPECT_EQ(ready_now(), kWritable);
  fill(pair.ours);
  EXPECT_EQ(ready_now(), 0U);
  drain(pair.theirs);
  EXPECT_EQ(next()[0].ready, kWritable);
}

TEST_P(PollerLevel, PausedSourceTellsNothingUntilInterestReturns) {  // P2.8
  const Pair pair = socket_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable));
  ASSERT_TRUE(poller.modify(token, Source::descriptor(pair.ours.get(), 0)));
  put(pair.theirs, "x");
  EXPECT_EQ(ready_now(), 0U);
  ASSERT_TRUE(poller.modify(token, Source::descriptor(pair.ours.get(), kReadable)));
  EXPECT_EQ(ready_now(), kReadable);
}

TEST_P(PollerLevel, RemovedSourceTellsNothing) {
  const Pair pair = socket_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable));
  put(pair.theirs, "x");
  ASSERT_TRUE(poller.remove(token));
  EXPECT_EQ(ready_now(), 0U);
  EXPECT_EQ(poller.size(), 0U);
}

TEST_P(PollerLevel, BatchOfChangesIsCarriedOutInOrderAndSkipsWhatFails) {  // P4.8
  const Pair one = socket_pair();
  const Pair two = socket_pair();
  PollerChange changes[4];
  changes[0].source = Source::descriptor(one.ours.get(), kWritable).with_cookie(1);
  changes[1].source = Source::descriptor(one.ours.get(), kWritable);  // a double add
  changes[2].source = Source::descriptor(two.ours.get(), kWritable).with_cookie(2);
  changes[3].action = PollerChange::Action::remove;
  changes[3].token = Token{12345, 1};
  const auto done = poller.apply(changes);
  EXPECT_EQ(done.error(), PollerErrc::already_added);
  EXPECT_FALSE(changes[0].error);
  EXPECT_EQ(changes[1].error, PollerErrc::already_added);
  EXPECT_FALSE(changes[2].error);
  EXPECT_EQ(changes[3].error, PollerErrc::unknown_source);
  EXPECT_EQ(now().size(), 2U);
  EXPECT_TRUE(poller.is_current(changes[0].token));
  EXPECT_TRUE(poller.remove(changes[2].token));
  EXPECT_EQ(now().size(), 1U);
}

TEST_P(PollerLevel, PriorityIsUrgentData) {
  const Pair pair = tcp_pair();
  add(Source::descriptor(pair.ours.get(), kPriority));
  EXPECT_EQ(ready_now(), 0U);
  ASSERT_EQ(::send(pair.theirs.get(), "!", 1, MSG_OOB), 1);
  EXPECT_EQ(next()[0].ready & kPriority, kPriority);
}

}  // namespace
}  // namespace vigil::test

// One-shot descriptors: told once with all that is ready, then silent until armed. Clauses P2.6,
// P2.7.
#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerOneshot : public PollerTest {
 protected:
  void fires_once_and_disarms(Trigger trigger) {
    const Pair pair = socket_pair();
    const Token token = add(Source::descriptor(pair.ours.get(), kReadable | kWritable, trigger));
    EXPECT_EQ(ready_now(), kWritable);
    put(pair.theirs, "x");
    EXPECT_EQ(ready_now(), 0U) << "disarmed in both directions";
    ASSERT_TRUE(poller.rearm(token));
    EXPECT_EQ(next()[0].ready, kReadable | kWritable);
    EXPECT_EQ(ready_now(), 0U);
    ASSERT_TRUE(poller.modify(
        token, Source::descriptor(pair.ours.get(), kReadable, trigger).with_cookie(9)));
    const auto events = next();
    EXPECT_EQ(events[0].ready, kReadable);
    EXPECT_EQ(events[0].cookie, 9U);
  }

  void tells_no_hangup_while_disarmed(Trigger trigger) {
    Pair pair = socket_pair();
    const Token token = add(Source::descriptor(pair.ours.get(), kReadable, trigger));
    put(pair.theirs, "x");
    EXPECT_EQ(next()[0].ready, kReadable);
    pair.theirs.reset();
    EXPECT_EQ(ready_now(), 0U);
    EXPECT_LE(returns_within(20ms), 2);
    ASSERT_TRUE(poller.rearm(token));
    EXPECT_EQ(next()[0].ready & kReadable, kReadable);
  }
};
VIGIL_ON_EVERY_BACKEND(PollerOneshot);

TEST_P(PollerOneshot, LevelFiresOnceAndDisarms) { fires_once_and_disarms(Trigger::oneshot); }
TEST_P(PollerOneshot, EdgeFiresOnceAndDisarms) { fires_once_and_disarms(Trigger::edge_oneshot); }
TEST_P(PollerOneshot, LevelIsSilentAtHangupWhileDisarmed) {
  tells_no_hangup_while_disarmed(Trigger::oneshot);
}
TEST_P(PollerOneshot, EdgeIsSilentAtHangupWhileDisarmed) {
  tells_no_hangup_while_disarmed(Trigger::edge_oneshot);
}

TEST_P(PollerOneshot, WouldBlockDoesNotArm) {
  const Pair pair = socket_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kWritable, Trigger::edge_oneshot));
  EXPECT_EQ(ready_now(), kWritable);
  poller.would_block(token, kWritable);
  EXPECT_EQ(ready_now(), 0U);
}

}  // namespace
}  // namespace vigil::test

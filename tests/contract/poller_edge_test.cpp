// Edge-triggered descriptors: told once, never lost, on backends with edges and without. Clauses
// P2.2 to P2.7.
#include <atomic>
#include <random>
#include <thread>

#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerEdge : public PollerTest {
 protected:
  Token add_edge(const Fd& descriptor, std::uint32_t interest = kReadable) {
    return add(Source::descriptor(descriptor.get(), interest, Trigger::edge));
  }
};
VIGIL_ON_EVERY_BACKEND(PollerEdge);

TEST_P(PollerEdge, FiresOnceUntilDrained) {  // P2.2
  const Pair pair = socket_pair();
  const Token token = add_edge(pair.ours);
  EXPECT_EQ(ready_now(), 0U);
  put(pair.theirs, "one");
  EXPECT_EQ(next()[0].ready, kReadable);
  EXPECT_EQ(ready_now(), 0U) << "told again without anything new";
  EXPECT_EQ(drain(pair.ours), "one");
  poller.would_block(token, kReadable);
  EXPECT_EQ(ready_now(), 0U);
  put(pair.theirs, "two");
  EXPECT_EQ(next()[0].ready, kReadable);
}

TEST_P(PollerEdge, TellsWhatWasReadyBeforeItWasAdded) {  // P2.2
  const Pair pair = socket_pair();
  put(pair.theirs, "early");
  add_edge(pair.ours, kReadable | kWritable);
  EXPECT_EQ(ready_now(), kReadable | kWritable);
  EXPECT_EQ(ready_now(), 0U);
}

TEST_P(PollerEdge, BytesThatComeBetweenTheDrainAndTheWordAreTold) {  // P2.2, hazards 3 and 17
  const Pair pair = socket_pair();
  const Token token = add_edge(pair.ours);
  put(pair.theirs, "one");
  ASSERT_EQ(next()[0].ready, kReadable);
  EXPECT_EQ(drain(pair.ours), "one");
  put(pair.theirs, "two");
  poller.would_block(token, kReadable);
  EXPECT_EQ(next()[0].ready, kReadable);
  EXPECT_EQ(drain(pair.ours), "two");
}

TEST_P(PollerEdge, WordSaidTooEarlyLosesNothing) {  // P2.3
  const Pair pair = socket_pair();
  const Token token = add_edge(pair.ours, kReadable | kWritable);
  poller.would_block(token, kReadable | kWritable);
  put(pair.theirs, "one");
  EXPECT_EQ(next()[0].ready & kReadable, kReadable);
  EXPECT_EQ(drain(pair.ours), "one");
  poller.would_block(token, kReadable);
  poller.would_block(token, kReadable);
  put(pair.theirs, "two");
  EXPECT_EQ(next()[0].ready & kReadable, kReadable);
}

TEST_P(PollerEdge, WritableIsToldAnewAfterTheBufferWasFull) {
  const Pair pair = socket_pair();
  const Token token = add_edge(pair.ours, kWritable);
  EXPECT_EQ(ready_now(), kWritable);
  EXPECT_EQ(ready_now(), 0U);
  fill(pair.ours);
  poller.would_block(token, kWritable);
  EXPECT_EQ(ready_now(), 0U);
  drain(pair.theirs);
  EXPECT_EQ(next()[0].ready, kWritable);
}

TEST_P(PollerEdge, DirectionsAreToldApart) {
  const Pair pair = socket_pair();
  const Token token = add_edge(pair.ours, kReadable | kWritable);
  EXPECT_EQ(ready_now(), kWritable);
  put(pair.theirs, "x");
  EXPECT_EQ(next()[0].ready & kReadable, kReadable);
  drain(pair.ours);
  poller.would_block(token, kReadable);
  EXPECT_EQ(ready_now(), 0U) << "writable was told, and is no news";
}

TEST_P(PollerEdge, ModifyAndRearmTellAgain) {  // P2.7
  const Pair pair = socket_pair();
  const Token token = add_edge(pair.ours);
  put(pair.theirs, "x");
  EXPECT_EQ(next()[0].ready, kReadable);
  ASSERT_TRUE(poller.rearm(token));
  EXPECT_EQ(ready_now(), kReadable);
  ASSERT_TRUE(poller.modify(
      token, Source::descriptor(pair.ours.get(), kReadable, Trigger::edge).with_cookie(3)));
  const auto events = now();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].cookie, 3U);
}

TEST_P(PollerEdge, EndOfTheStreamIsToldThoughItCameWithBytes) {
  const Pair pair = socket_pair();
  const Token token = add_edge(pair.ours, kReadable | kPeerClosed);
  put(pair.theirs, "last words");
  ::shutdown(pair.theirs.get(), SHUT_WR);
  const auto events = next();
  EXPECT_EQ(events[0].ready & kReadable, kReadable);
  if (tells_endings()) {
    EXPECT_EQ(events[0].ready & kPeerClosed, kPeerClosed);
  }
  EXPECT_EQ(drain(pair.ours), "last words");  // P3.3
  poller.would_block(token, kReadable);
}

TEST_P(PollerEdge,
       NoEdgeIsLostUnderTraffic) {  // P2.2: every interleaving that two threads can find
  constexpr int kMessages = 100'000;
  const Pair pair = socket_pair();
  const Token token = add_edge(pair.ours);
  std::atomic<int> taken{0};
  std::jthread writer([&, theirs = pair.theirs.get()] {
    std::minstd_rand random(7);
    for (int sent = 0; sent < kMessages;) {
      if (::write(theirs, "m", 1) == 1) {
        ++sent;
      }
      // Often alone in flight, so that a lost edge would be the last one.
      while (random() % 4 != 0 && taken.load() < sent) {
        std::this_thread::yield();
      }
    }
  });
  char some[64];
  int received = 0;
  while (received < kMessages && !HasFailure()) {
    next();
    for (;;) {
      const ssize_t got = ::read(pair.ours.get(), some, sizeof some);
      if (got > 0) {
        received += static_cast<int>(got);
        taken.store(received);
      }
      if (got < static_cast<ssize_t>(sizeof some)) {
        break;
      }
    }
    poller.would_block(token, kReadable);
  }
  EXPECT_EQ(received, kMessages);
  taken.store(kMessages);
}

}  // namespace
}  // namespace vigil::test

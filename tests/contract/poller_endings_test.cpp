// The end of a stream, half-close, hang-up and error: the table of clause P3, and nothing spins.
// Hazards 9, 10, 11.
#include <sys/wait.h>

#include "tests/support/children.hpp"
#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerEndings : public PollerTest {
 protected:
  // Exactly `ready` where endings can be told; elsewhere their directions alone.
  void expect_ready(std::uint32_t told, std::uint32_t ready) {
    EXPECT_EQ(told, tells_endings() ? ready : ready & ~kEnding);
  }
};
VIGIL_ON_EVERY_BACKEND(PollerEndings);

TEST_P(PollerEndings, HalfCloseIsReadableAndNamedWhenAskedFor) {
  const Pair pair = tcp_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable | kPeerClosed));
  ::shutdown(pair.theirs.get(), SHUT_WR);
  expect_ready(next()[0].ready, kReadable | kPeerClosed);
  ASSERT_TRUE(poller.modify(token, Source::descriptor(pair.ours.get(), kReadable)));
  EXPECT_EQ(next()[0].ready, kReadable) << "not asked for";
}

TEST_P(PollerEndings, HalfCloseAloneCanBeWaitedFor) {  // P3.4
  const Pair pair = tcp_pair();
  add(Source::descriptor(pair.ours.get(), kPeerClosed));
  EXPECT_TRUE(now().empty());
  ::shutdown(pair.theirs.get(), SHUT_WR);
  EXPECT_EQ(next()[0].ready, tells_endings() ? kPeerClosed : kReadable);
}

TEST_P(PollerEndings, BothDirectionsEndedIsHungUp) {
  const Pair pair = tcp_pair();
  add(Source::descriptor(pair.ours.get(), kReadable | kWritable | kPeerClosed));
  ::shutdown(pair.ours.get(), SHUT_WR);
  ::shutdown(pair.theirs.get(), SHUT_WR);
  for (std::uint32_t told = 0; (told & kReadable) == 0 && !HasFailure();) {
    told = next()[0].ready;
    if ((told & kReadable) != 0) {
      expect_ready(told, kReadable | kWritable | kPeerClosed | kHungUp);
    }
  }
}

TEST_P(PollerEndings, ResetIsTold) {
  Pair pair = tcp_pair();
  add(Source::descriptor(pair.ours.get(), kReadable | kWritable | kPeerClosed));
  reset_on_close(pair.theirs);
  pair.theirs.reset();
  std::uint32_t told = next()[0].ready;
  while ((told & kReadable) == 0 && !HasFailure()) {
    told = next()[0].ready;
  }
  expect_ready(told, kReadable | kWritable | kPeerClosed | kHungUp | kError);
  char byte;
  EXPECT_EQ(::recv(pair.ours.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_P(PollerEndings, ResetReachesAWriterThatDoesNotRead) {  // P3.2
  Pair pair = tcp_pair();
  fill(pair.ours);
  add(Source::descriptor(pair.ours.get(), kWritable));
  EXPECT_EQ(ready_now(), 0U);
  reset_on_close(pair.theirs);
  pair.theirs.reset();
  EXPECT_EQ(next()[0].ready & kWritable, kWritable);
  EXPECT_EQ(::send(pair.ours.get(), "x", 1, MSG_NOSIGNAL), -1);
}

TEST_P(PollerEndings, PausedSourceDoesNotSpinAtAReset) {  // P2.8, hazard 9
  Pair pair = tcp_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), 0));
  reset_on_close(pair.theirs);
  pair.theirs.reset();
  EXPECT_TRUE(wait(5ms).empty()) << "told while paused";
  EXPECT_LE(returns_within(30ms), 2);
  ASSERT_TRUE(poller.modify(token, Source::descriptor(pair.ours.get(), kReadable)));
  EXPECT_EQ(next()[0].ready & kReadable, kReadable);
}

TEST_P(PollerEndings, SourcePausedAfterAResetDoesNotSpin) {  // hazards 9 and 10
  Pair pair = tcp_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable));
  reset_on_close(pair.theirs);
  pair.theirs.reset();
  EXPECT_EQ(next()[0].ready & kReadable, kReadable);
  ASSERT_TRUE(poller.modify(token, Source::descriptor(pair.ours.get(), 0)));
  EXPECT_LE(returns_within(30ms), 2);
  ASSERT_TRUE(poller.remove(token));
  EXPECT_EQ(returns_within(10ms), 1);
}

TEST_P(PollerEndings, EdgeSourceDoesNotSpinAtAReset) {
  Pair pair = tcp_pair();
  add(Source::descriptor(pair.ours.get(), kReadable | kWritable | kPeerClosed, Trigger::edge));
  EXPECT_EQ(next()[0].ready, kWritable);
  reset_on_close(pair.theirs);
  pair.theirs.reset();
  EXPECT_EQ(next()[0].ready & kReadable, kReadable);
  EXPECT_LE(returns_within(30ms), 2);
}

TEST_P(PollerEndings, LastWriterOfAPipeIsAReadableEnd) {  // hazard 11: Linux tells HUP without IN
  Pipe pipe = make_pipe();
  add(Source::descriptor(pipe.reader.get(), kReadable));
  pipe.writer.reset();
  expect_ready(next()[0].ready, kReadable | kHungUp);
  char byte;
  EXPECT_EQ(::read(pipe.reader.get(), &byte, 1), 0);
}

TEST_P(PollerEndings, BytesOfAPipeComeBeforeItsEnd) {  // P3.3
  Pipe pipe = make_pipe();
  add(Source::descriptor(pipe.reader.get(), kReadable));
  put(pipe.writer, "left");
  pipe.writer.reset();
  expect_ready(next()[0].ready, kReadable | kHungUp);
  EXPECT_EQ(drain(pipe.reader), "left");
  expect_ready(next()[0].ready, kReadable | kHungUp);
}

TEST_P(PollerEndings, EndOfAChildsOutputIsDeliveredOnceToAnEdge) {  // hazard 11
  Pipe pipe = make_pipe();
  const Token token = add(Source::descriptor(pipe.reader.get(), kReadable, Trigger::edge));
  const pid_t child = fork_child([writer = pipe.writer.get()](ChildSystem& system) {
    system.write(writer, "from the child");
    return 0;
  });
  pipe.writer.reset();
  std::string text;
  int ends = 0;
  while (ends == 0 && !HasFailure()) {
    next();
    char some[64];
    ssize_t got;
    while ((got = ::read(pipe.reader.get(), some, sizeof some)) > 0) {
      text.append(some, static_cast<std::size_t>(got));
    }
    ends += got == 0;
    if (got < 0) {
      poller.would_block(token, kReadable);
    }
  }
  EXPECT_EQ(text, "from the child");
  EXPECT_EQ(ready_now(), 0U) << "the end was told already";
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST_P(PollerEndings, LastReaderOfAPipeIsAWritableError) {
  Pipe pipe = make_pipe();
  fill(pipe.writer);
  add(Source::descriptor(pipe.writer.get(), kWritable));
  EXPECT_EQ(ready_now(), 0U);
  pipe.reader.reset();
  expect_ready(next()[0].ready, kWritable | kError);
}

TEST_P(PollerEndings, FailedConnectIsWritable) {
  sockaddr_in address;
  tcp_listener(address).reset();  // nobody listens there any more
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  add(Source::descriptor(client.get(), kWritable));
  EXPECT_EQ(next()[0].ready & kWritable, kWritable);
  int failure = 0;
  socklen_t size = sizeof failure;
  ASSERT_EQ(::getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &failure, &size), 0);
  EXPECT_EQ(failure, ECONNREFUSED);
}

}  // namespace
}  // namespace vigil::test

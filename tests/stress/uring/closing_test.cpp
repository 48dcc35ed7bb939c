// Closing, releasing and ending while the kernel holds something. Hazards 8, 24, 26.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "tests/stress/uring/ring_fixture.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/when.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class Closing : public RingTest {};
INSTANTIATE_ON_RINGS(Closing);

bool readable_within(int handle, int milliseconds) {
  pollfd watched{handle, POLLIN, 0};
  return ::poll(&watched, 1, milliseconds) == 1;
}

TEST_P(Closing, EndsAConnectionThatTheRingStillReceivesFrom) {
  run([]() -> Task<> {
    for (int i = 0; i < 50; ++i) {
      auto making = make_ends();
      Ends ends = co_await std::move(making);
      co_await arm(&ends);
      if (i % 2 == 1) {
        CO_ASSERT_TRUE(ends.peer.write("under way"));
      }
      ends.stream.close();
      co_await yield();
      co_await yield();
      EXPECT_TRUE(readable_within(ends.peer.get(), 1000)) << "the peer was told no end";
      EXPECT_EQ(ends.peer.read(), "");
    }
  });
}

// hazard 8
TEST_P(Closing, LeavesADuplicateAlone) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    co_await arm(&ends);
    Handle duplicate(::dup(ends.stream.native_handle()));
    ends.stream.close();
    co_await yield();
    co_await yield();
    const std::uint64_t before = Loop::current()->turns();
    for (int i = 0; i < 10; ++i) {
      CO_ASSERT_TRUE(ends.peer.write("for the duplicate"));
      co_await sleep_for(1ms);
    }
    EXPECT_LE(Loop::current()->turns() - before, 40u) << "a stream that was closed reports";
    std::string all;
    while (readable_within(duplicate.get(), 0)) {
      all += duplicate.read();
    }
    EXPECT_EQ(all.size(), 170u) << "the ring took bytes of a stream that was closed";
    duplicate.close();
    EXPECT_TRUE(readable_within(ends.peer.get(), 1000)) << "the ring still holds the socket";
  });
}

TEST_P(Closing, FreesAListenersAddressAtOnce) {
  run([]() -> Task<> {
    auto listener = TcpListener::listen(Address::loopback(0));
    CO_ASSERT_OK(listener);
    const Address at = *listener->local_address();
    for (int i = 0; i < 20; ++i) {
      auto connecting = TcpStream::connect(at);
      auto client = co_await std::move(connecting);
      CO_ASSERT_OK(client);
      auto accepted = co_await listener->accept();  // its multishot is armed from here on
      CO_ASSERT_OK(accepted);
      auto early = TcpStream::connect(at);  // nobody accepts this one
      auto unasked = co_await std::move(early);
      CO_ASSERT_OK(unasked);
      co_await sleep_for(1ms);
      listener->close();
      auto again = TcpListener::listen(at);
      CO_ASSERT_OK(again);
      listener = std::move(again);
      auto end = co_await unasked->receive();
      EXPECT_FALSE(end && !end->empty());
    }
  });
}

TEST_P(Closing, ReleasesASocketThatIsItsNewOwnersAlone) {
  run([]() -> Task<> {
    for (int i = 0; i < 20; ++i) {
      auto making = make_ends();
      Ends ends = co_await std::move(making);
      co_await arm(&ends);
      auto taken = ends.stream.release();
      CO_ASSERT_OK(taken);
      Handle released(taken->take());
      CO_ASSERT_TRUE(ends.peer.write("for the new owner"));
      co_await yield();
      EXPECT_TRUE(readable_within(released.get(), 1000));
      EXPECT_EQ(released.read(), "for the new owner");
      released.close();
      EXPECT_TRUE(readable_within(ends.peer.get(), 1000));
    }
  });
}

// hazard 25: both are in one batch, and the first one's task closes the other.
TEST_P(Closing, TakesBackTheBuffersOfAStreamThatWasClosed) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends first = co_await std::move(making);
    for (int i = 0; i < 100; ++i) {
      auto making_other = make_ends();
      Ends other = co_await std::move(making_other);
      co_await arm(&other);
      CO_ASSERT_TRUE(first.peer.write("first"));
      CO_ASSERT_TRUE(other.peer.write("for nobody"));
      auto woken = co_await first.stream.receive();
      CO_ASSERT_OK(woken);
      other.stream.close();
    }
  });
}

// The last turn's closings wait for a next one, which does not come.
TEST_P(Closing, EndsWithItsLoop) {
  const std::size_t before = open_handles();
  for (int i = 0; i < 20; ++i) {
    auto loop = Loop::create({.engine = GetParam()});
    ASSERT_TRUE(loop) << loop.error().message();
    Scope root(nullptr);
    ASSERT_TRUE(root.spawn([]() -> Task<> {
      auto making = make_ends();
      Ends ends = co_await std::move(making);
      co_await arm(&ends);
    }));
    while (root.live() != 0) {
      (*loop)->turn();
    }
  }
  EXPECT_EQ(open_handles(), before) << "a handle leaked";
}

}  // namespace
}  // namespace vigil::test

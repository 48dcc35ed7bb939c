// Sending without a copy, on the ring: the bytes are the kernel's until the peer has them, and
// where it copies all the same, the option turns itself off. Hazard 24.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tests/stress/uring/ring_fixture.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/when.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class ZeroCopy : public RingTest {
 protected:
  void SetUp() override {
    RingTest::SetUp();
    if (!IsSkipped() && !uring::probe(uring::Feature::send_zc).available) {
      GTEST_SKIP() << "not run: send_zc is " << uring::probe(uring::Feature::send_zc).why;
    }
  }
};
INSTANTIATE_ON_RINGS(ZeroCopy);

// More than the peer takes without reading, less than the socket does.
constexpr std::size_t kHeld = 300'000;

// A stream whose peer takes some kilobytes without reading; it gets them when it reads.
Task<Ends> make_narrow_ends() {
  auto making = make_ends(32768);
  Ends ends = co_await std::move(making);
  EXPECT_TRUE(ends.stream.set(SocketOption::Name::send_buffer, 1 << 20));
  co_return std::move(ends);
}

Task<> send_one(TcpStream* to, const std::string* text, bool* ended, Result<>* how) {
  *how = co_await to->send_zero_copy(as_bytes(*text));
  *ended = true;
}

std::string read_exactly(const Handle& from, std::size_t size) {
  std::string got;
  while (got.size() < size) {
    const std::string some = from.read(size - got.size());
    if (some.empty()) {
      break;
    }
    got += some;
  }
  return got;
}

// Whether the kernel has taken `size` bytes in all: the writer has none left to give.
bool taken(const TcpStream& stream) {
  const Op* writer = stream.descriptor()->writer;
  return writer == nullptr || writer->size == 0;
}

// The loopback copies when it delivers, and says so with its last word: the first send is without a
// copy and ends when the peer has read, the second is plain and ends when the socket has it.
TEST_P(ZeroCopy, KeepsTheBytesUntilThePeerHasThemAndTurnsItselfOffWhereTheyWereCopied) {
  run([]() -> Task<> {
    auto making = make_narrow_ends();
    Ends ends = co_await std::move(making);
    for (const bool lent : {true, false}) {
      const std::string text = payload(1, lent, kHeld);
      bool ended = false;
      Result<> how;
      auto sending = scoped(
          [](Scope& scope, Ends* on, const std::string* what, bool* over, Result<>* outcome,
             bool waits) -> Task<> {
            CO_ASSERT_OK(scope.spawn(&send_one, &on->stream, what, over, outcome));
            while (!taken(on->stream)) {
              co_await sleep_for(1ms);
            }
            co_await sleep_for(20ms);
            EXPECT_EQ(*over, !waits) << (waits ? "it ended while the kernel had its bytes"
                                               : "the kernel had said that it copies");
            const std::string got = read_exactly(on->peer, what->size());
            EXPECT_TRUE(got == *what);
          },
          &ends, &text, &ended, &how, lent);
      co_await std::move(sending);
      EXPECT_TRUE(ended);
      EXPECT_TRUE(how) << how.error().message();
    }
  });
}

Task<> cancelled_while_lent(bool close_at_once) {
  auto making = make_narrow_ends();
  Ends ends = co_await std::move(making);
  std::string text = payload(2, 2, kHeld);
  const std::string kept = text;
  bool ended = false;
  Result<> how;
  auto sending = scoped(
      [](Scope& scope, Ends* on, const std::string* what, bool* over, Result<>* outcome) -> Task<> {
        CO_ASSERT_OK(scope.spawn(&send_one, &on->stream, what, over, outcome));
        while (!taken(on->stream)) {
          co_await sleep_for(1ms);
        }
        EXPECT_FALSE(*over);
        scope.cancel();
      },
      &ends, &text, &ended, &how);
  co_await std::move(sending);
  CO_ASSERT_TRUE(ended);
  CO_ASSERT_TRUE(!how);
  EXPECT_EQ(how.error(), std::errc::operation_canceled);
  text.assign(text.size(), '#');  // ours again: not to be sent
  if (close_at_once) {
    ends.stream.close();
    co_await yield();
  }
  std::string got;
  for (std::string some = ends.peer.read(); !some.empty(); some = ends.peer.read()) {
    got += some;
  }
  EXPECT_EQ(errno, ECONNRESET) << "the connection was not reset";
  EXPECT_TRUE(kept.starts_with(got)) << "the peer got bytes that were ours again";
  EXPECT_LT(got.size(), kHeld);
}

// The peer never reads: without a reset the kernel would have the bytes for ever.
TEST_P(ZeroCopy, GivesTheBytesBackAtACancelByResettingTheConnection) {
  run([]() -> Task<> {
    for (const bool close_at_once : {false, true}) {
      auto one = cancelled_while_lent(close_at_once);
      co_await std::move(one);
    }
  });
}

// A reader beside it is told of the reset once, and the stream can be closed.
TEST_P(ZeroCopy, LeavesTheReaderToHearOfTheReset) {
  run([]() -> Task<> {
    auto making = make_narrow_ends();
    Ends ends = co_await std::move(making);
    co_await arm(&ends);
    const std::string text = payload(3, 3, kHeld);
    bool ended = false;
    Result<> how;
    auto both = scoped(
        [](Scope& scope, Ends* on, const std::string* what, bool* over,
           Result<>* outcome) -> Task<> {
          CO_ASSERT_OK(scope.spawn(
              [](TcpStream* from) -> Task<> {
                auto got = co_await from->receive();
                EXPECT_FALSE(got) << "a reset was told as an end";
              },
              &on->stream));
          auto limited = timeout(20ms, [](TcpStream* to, const std::string* all) -> Task<Result<>> {
            co_return co_await to->send_zero_copy(as_bytes(*all));
          }(&on->stream, what));
          *outcome = co_await std::move(limited);
          *over = true;
        },
        &ends, &text, &ended, &how);
    co_await std::move(both);
    EXPECT_TRUE(ended);
    EXPECT_EQ(how.error(), std::errc::timed_out);
  });
}

Task<> send_and_read(bool* right) {
  auto making = make_ends();
  Ends ends = co_await std::move(making);
  for (unsigned round = 0; round < 3; ++round) {
    const std::string text = payload(4, round, 40'000);
    CO_ASSERT_OK(co_await ends.stream.send_zero_copy(as_bytes(text)));
    *right = read_exactly(ends.peer, text.size()) == text;
    CO_ASSERT_TRUE(*right);
  }
}

constexpr int kServed = 7;

int serve_in_this_process(const std::string& engine, bool (*then)()) {
  register_ring_of_eight();
  auto loop = Loop::create({.engine = engine});
  if (!loop) {
    return 1;
  }
  if (!then()) {
    return 3;
  }
  bool right = false;
  run_to_end(**loop, &send_and_read, &right);
  return right && !testing::Test::HasFailure() ? kServed : 2;
}

bool give_root_up() { return ::geteuid() != 0 || ::setresuid(65534, 65534, 65534) == 0; }

bool lock_nothing() {
  const rlimit nothing{.rlim_cur = 0, .rlim_max = 0};
  return ::setrlimit(RLIMIT_MEMLOCK, &nothing) == 0;
}

// Memory that the kernel reads later counts as locked: beyond the limit it copies.
TEST_P(ZeroCopy, IsAPlainSendWhereNoMoreMemoryMayBeLocked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string engine = GetParam();
  EXPECT_EXIT(::_exit(give_root_up() ? serve_in_this_process(engine, &lock_nothing) : 4),
              testing::ExitedWithCode(kServed), "");
}

// In a process of its own, since what the ring can do is asked once.
TEST(WithoutZeroCopy, IsAPlainSend) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ::setenv("VIGIL_URING_WITHOUT", "send_zc", 1);
        const auto ring = uring::probe(uring::Feature::ring);
        const bool off = !uring::probe(uring::Feature::send_zc).available;
        ::_exit(!ring.available ? kServed
                : off           ? serve_in_this_process(
                            "uring", +[] { return true; })
                      : 5);
      },
      testing::ExitedWithCode(kServed), "");
}

}  // namespace
}  // namespace vigil::test

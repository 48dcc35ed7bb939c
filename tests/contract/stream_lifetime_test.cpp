// Streams that were closed: what is under way for them reaches nobody else (semantics L3), on every
// engine.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/streams.hpp"
#include "vigil/coro/when.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class StreamLifetimeTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(StreamLifetimeTest);

// L3.1, hazards 5 and 6: what was under way for a closed stream does not reach its successor.
TEST_P(StreamLifetimeTest, GivesANewStreamNoEventOfTheOldOneInItsPlace) {
  run([]() -> Task<> {
    auto listener = TcpListener::listen(Address::loopback(0));
    CO_ASSERT_OK(listener);
    auto making = make_ends();
    Ends waker = co_await std::move(making);
    for (unsigned round = 0; round < 200; ++round) {
      auto making_old = make_ends();
      Ends old = co_await std::move(making_old);
      CO_ASSERT_TRUE(waker.peer.write("w"));
      CO_ASSERT_TRUE(
          old.peer.write("stale"));  // ready in one batch with the waker, which runs first
      auto woken = co_await waker.stream.receive();
      CO_ASSERT_OK(woken);
      const int number = old.stream.descriptor()->handle;
      old.stream.close();
      auto making_new = make_ends();
      Ends fresh = co_await std::move(making_new);
      if (round == 0) {
        EXPECT_LE(fresh.stream.descriptor()->handle, number + 2);
      }
      const std::string text = payload(3, round, 20);
      auto receiving = timeout(5s, [](TcpStream* from) -> Task<Result<std::string>> {
        auto got = co_await from->receive();
        if (!got) {
          co_return std::unexpected(got.error());
        }
        co_return std::string(as_text(got->bytes()));
      }(&fresh.stream));
      std::jthread later([&] {
        if (round % 10 == 0) {
          std::this_thread::sleep_for(1ms);
        }
        EXPECT_TRUE(fresh.peer.write(text));
      });
      auto got = co_await std::move(receiving);
      CO_ASSERT_OK(got);
      EXPECT_EQ(*got, text);
    }
  });
}

// L3.2, hazard 7: a duplicate that stays open keeps the loop neither busy nor confused.
TEST_P(StreamLifetimeTest, IsForgottenWhenClosedThoughADuplicateIsOpen) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    const Handle duplicate(::dup(ends.stream.native_handle()));
    ends.stream.close();
    for (int i = 0; i < 10; ++i) {
      CO_ASSERT_TRUE(ends.peer.write("for nobody"));
      co_await sleep_for(1ms);
    }
    const std::uint64_t before = Loop::current()->turns();
    co_await sleep_for(20ms);
    EXPECT_LE(Loop::current()->turns() - before, 30u);
  });
}

}  // namespace
}  // namespace vigil::test

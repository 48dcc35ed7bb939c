// A loop that asks for a while before it sleeps does all that one that sleeps does, on every
// engine.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/streams.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/scoped.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class SpinTest : public EngineTest {
 protected:
  template <TaskBody F, class... A>
  void spin(Spin how, F body, A... args) {
    LoopOptions options;
    options.spin = how;
    run_with(options, body, std::move(args)...);
  }
};
INSTANTIATE_ON_EVERY_ENGINE(SpinTest);

constexpr Spin kLong{.most = 1s};

Task<> answers(TcpStream* stream) {
  for (unsigned i = 0; i < 50; ++i) {
    const std::string expected = payload(1, i, 64);
    auto receiving = receive_exactly(*stream, 64);
    const std::string got = co_await std::move(receiving);
    EXPECT_EQ(got, expected);
    const std::string answer = payload(2, i, 64);
    CO_ASSERT_OK(co_await stream->send(as_bytes(answer)));
  }
}

Task<> exchanges() {
  auto making = make_both();
  auto both = co_await std::move(making);
  auto whole = scoped(
      [](Scope& scope, Both* ends) -> Task<> {
        CO_ASSERT_OK(scope.spawn(&answers, &ends->second));
        for (unsigned i = 0; i < 50; ++i) {
          const std::string question = payload(1, i, 64);
          CO_ASSERT_OK(co_await ends->first.send(as_bytes(question)));
          auto receiving = receive_exactly(ends->first, 64);
          const std::string got = co_await std::move(receiving);
          EXPECT_EQ(got, payload(2, i, 64));
        }
      },
      &both);
  co_await std::move(whole);
}

TEST_P(SpinTest, ExchangesWhatItIsSent) {
  spin(kLong, &exchanges);
  spin(kAdaptiveSpin, &exchanges);
  spin(Spin{.most = 1us}, &exchanges);
}

TEST_P(SpinTest, FiresTimersInTimeWhileItAsks) {
  spin(kLong, []() -> Task<> {
    for (int i = 0; i < 5; ++i) {
      const Instant before = Loop::current()->engine().now();
      CO_ASSERT_OK(co_await sleep_for(5ms));
      const Nanos took = Loop::current()->engine().now() - before;
      EXPECT_GE(took, 5ms);
      EXPECT_LT(took, 900ms) << "it asked on until it gave up";
    }
  });
}

TEST_P(SpinTest, MeetsWhatOtherThreadsPost) {
  spin(kLong, []() -> Task<> {
    const Instant before = Loop::current()->engine().now();
    for (int i = 0; i < 5; ++i) {
      auto working = offload([](int n) { return n * n; }, i);
      auto squared = co_await std::move(working);
      CO_ASSERT_OK(squared);
      EXPECT_EQ(*squared, i * i);
    }
    EXPECT_LT(Loop::current()->engine().now() - before, 900ms);
  });
}

// A time that passes without a word is the loop's to sleep through.
TEST_P(SpinTest, SleepsAfterItsTime) {
  spin(Spin{.most = 100us}, []() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      CO_ASSERT_OK(co_await sleep_for(10ms));
    }
    const SpinFigures& figures = Loop::current()->spin_figures();
    EXPECT_GE(figures.in_vain, 3u);
    EXPECT_LT(Loop::current()->turns(), 100'000u);
  });
}

TEST_P(SpinTest, CountsNothingWhenItIsOff) {
  spin(Spin{}, []() -> Task<> {
    CO_ASSERT_OK(co_await sleep_for(1ms));
    const SpinFigures& figures = Loop::current()->spin_figures();
    EXPECT_EQ(figures.spent, 0ns);
    EXPECT_EQ(figures.met + figures.in_vain, 0u);
  });
}

// wake() ends a wait: while the loop asks, too, the turn comes back.
TEST_P(SpinTest, TurnsComeBackAfterAWake) {
  LoopOptions options;
  options.engine = GetParam();
  options.spin = kLong;
  auto loop = Loop::create(options);
  ASSERT_TRUE(loop);
  (*loop)->wake();
  (*loop)->turn();
  EXPECT_GE((*loop)->turns(), 1u);
}

}  // namespace
}  // namespace vigil::test

// Channels between shards: order, bound, end, and one wake for many.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>

#include "tests/support/shards_fixture.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil::test {
namespace {

using Numbers = ShardChannel<std::unique_ptr<int>>;

Task<Result<int>> read_all(Numbers* from) {
  int next = 0;
  for (;;) {
    const auto got = co_await from->receive();
    if (!got) {
      EXPECT_EQ(got.error(), std::errc::broken_pipe);
      co_return next;
    }
    EXPECT_EQ(**got, next++);
  }
}

Task<> read_elsewhere(Shards* shards, Numbers* from, Result<int>* count) {
  auto reading = shards->run_on(1, &read_all, from);
  *count = co_await std::move(reading);
}

Task<> write_all(Scope& scope, Shards* shards, Numbers* numbers, int count, Result<int>* seen) {
  CO_ASSERT_TRUE(scope.spawn(&read_elsewhere, shards, numbers, seen));
  for (int i = 0; i != count; ++i) {
    auto value = std::make_unique<int>(i);
    CO_ASSERT_OK(co_await numbers->send(std::move(value)));
  }
  numbers->close();
}

TEST(ShardChannel, KeepsTheOrderOfWhatPassesThroughAFewPlaces) {
  for (const std::size_t capacity : {1u, 3u, 256u}) {
    run_shards(
        {.count = 2},
        [](Shards& shards, std::size_t places) -> Task<> {
          constexpr int kCount = 20'000;
          Numbers numbers(places);
          Result<int> seen = 0;
          auto all = scoped(&write_all, &shards, &numbers, kCount, &seen);
          co_await std::move(all);
          EXPECT_EQ(seen.value(), kCount);
        },
        capacity);
  }
}

TEST(ShardChannel, LosesNothingToACancel) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    Numbers numbers(1);
    // A receive that is cancelled took nothing.
    auto waiting = shards.run_on(
        1,
        [](Numbers* from) -> Task<Result<>> {
          auto receiving = [](Numbers* of) -> Task<Result<std::unique_ptr<int>>> {
            co_return co_await of->receive();
          }(from);
          auto limited = timeout(std::chrono::milliseconds(5), std::move(receiving));
          const auto got = co_await std::move(limited);
          co_return got ? Result<>() : Result<>(std::unexpected(got.error()));
        },
        &numbers);
    const Result<> none = co_await std::move(waiting);
    EXPECT_EQ(none.error(), std::errc::timed_out);
    auto first = std::make_unique<int>(0);
    CO_ASSERT_OK(co_await numbers.send(std::move(first)));
    // A send that is cancelled left its value where it was.
    auto second = std::make_unique<int>(1);
    auto sending = [](Numbers* to, std::unique_ptr<int>* value) -> Task<Result<>> {
      co_return co_await to->send(std::move(*value));
    }(&numbers, &second);
    auto limited = timeout(std::chrono::milliseconds(5), std::move(sending));
    const Result<> sent = co_await std::move(limited);
    EXPECT_EQ(sent.error(), std::errc::timed_out);
    CO_ASSERT_TRUE(second != nullptr);
    numbers.close();
    auto reading = shards.run_on(1, &read_all, &numbers);
    const Result<int> count = co_await std::move(reading);
    EXPECT_EQ(count.value(), 1);
  });
}

// Keeps its shard's thread, so that what is sent there meanwhile is seen together.
Task<> hold(std::atomic<bool>* held, std::atomic<bool>* let_go) {
  *held = true;
  while (!*let_go) {
  }
  co_return;
}

Task<> hold_elsewhere(Shards* shards, std::atomic<bool>* held, std::atomic<bool>* let_go) {
  auto holding = shards->run_on(1, &hold, held, let_go);
  static_cast<void>(co_await std::move(holding));
}

Task<> send_to_busy(Scope& scope, Shards* shards, Numbers* numbers, Result<int>* seen,
                    std::array<std::atomic<bool>, 2>* flags) {
  auto& [held, let_go] = *flags;
  CO_ASSERT_TRUE(scope.spawn(&read_elsewhere, shards, numbers, seen));
  co_await sleep_for(std::chrono::milliseconds(5));
  CO_ASSERT_TRUE(scope.spawn(&hold_elsewhere, shards, &held, &let_go));
  while (!held) {
    co_await sleep_for(std::chrono::milliseconds(1));
  }
  const std::uint64_t before = shards->loop(1).wakes();
  for (std::size_t i = 0; i != numbers->capacity(); ++i) {
    EXPECT_TRUE(numbers->try_send(std::make_unique<int>(static_cast<int>(i))));
  }
  EXPECT_LE(shards->loop(1).wakes() - before, 1u);
  let_go = true;
  numbers->close();
}

TEST(ShardChannel, WakesItsReceiverOnceForMany) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    Numbers numbers(1000);
    Result<int> seen = 0;
    std::array<std::atomic<bool>, 2> flags{};
    auto all = scoped(&send_to_busy, &shards, &numbers, &seen, &flags);
    co_await std::move(all);
    EXPECT_EQ(seen.value(), 1000);
  });
}

}  // namespace
}  // namespace vigil::test

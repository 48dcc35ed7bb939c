// Calls between shards: where they run, what comes home, and how they end early.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/support/shards_fixture.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil::test {
namespace {

Task<unsigned> where(Shards* shards) { co_return shards->here(); }

TEST(Shards, RunWhereTheyAreToldAndBringTheResultHome) {
  run_shards({.count = 3}, [](Shards& shards) -> Task<> {
    for (unsigned shard = 0; shard != shards.size(); ++shard) {
      auto call = shards.run_on(shard, &where, &shards);
      const Result<unsigned> seen = co_await std::move(call);
      EXPECT_EQ(seen.value(), shard);
      EXPECT_EQ(shards.here(), 0u);
    }
  });
}

TEST(Shards, MoveArgumentsThereAndResultsHome) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    auto text = std::make_unique<std::string>(10'000, 'x');
    auto call = shards.run_on(
        1,
        [](std::unique_ptr<std::string> given) -> Task<Result<std::unique_ptr<std::string>>> {
          co_await sleep_for(std::chrono::milliseconds(1));
          given->append("y");
          co_return std::move(given);
        },
        std::move(text));
    const auto got = co_await std::move(call);
    CO_ASSERT_TRUE(got.has_value());
    EXPECT_EQ((*got)->size(), 10'001u);
  });
}

TEST(Shards, BringErrorsAndExceptionsHome) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    auto failing =
        shards.run_on(1, []() -> Task<Result<int>> { co_return error(std::errc::no_such_device); });
    const Result<int> failed = co_await std::move(failing);
    EXPECT_EQ(failed.error(), std::errc::no_such_device);
    std::string said;
    try {
      auto throwing = shards.run_on(1, []() -> Task<int> {
        co_await yield();
        throw std::runtime_error("from the other side");
      });
      static_cast<void>(co_await std::move(throwing));
    } catch (const std::runtime_error& thrown) {
      said = thrown.what();
    }
    EXPECT_EQ(said, "from the other side");
  });
}

TEST(Shards, CarryACancelOver) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    auto call = shards.run_on(
        1, []() -> Task<Result<>> { co_return co_await sleep_for(std::chrono::hours(1)); });
    auto limited = timeout(std::chrono::milliseconds(20), std::move(call));
    const Result<> slept = co_await std::move(limited);
    CO_ASSERT_TRUE(!slept);
    EXPECT_EQ(slept.error(), std::errc::timed_out);
  });
}

TEST(Shards, LetAResultStandThatCameBeforeTheCancel) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    // The other end ignores the cancel for a while: what it returns all the same counts.
    auto call = shards.run_on(1, []() -> Task<Result<int>> {
      auto stubborn = shielded(std::chrono::seconds(5), []() -> Task<Result<int>> {
        co_await sleep_for(std::chrono::milliseconds(60));
        co_return 7;
      }());
      co_return co_await std::move(stubborn);
    });
    auto limited = timeout(std::chrono::milliseconds(10), std::move(call));
    const Result<int> got = co_await std::move(limited);
    EXPECT_EQ(got.value(), 7);
  });
}

TEST(Shards, GatherFromAllAndTellAll) {
  static std::atomic<int> told{0};
  told = 0;
  run_shards({.count = 4}, [](Shards& shards) -> Task<> {
    auto gathering = shards.gather(&where, &shards);
    const auto all = co_await std::move(gathering);
    CO_ASSERT_TRUE(all.size() == 4u);
    for (unsigned shard = 0; shard != 4; ++shard) {
      EXPECT_EQ(all[shard].value(), shard);
    }
    auto telling = shards.broadcast([]() -> Task<> {
      ++told;
      co_return;
    });
    EXPECT_TRUE(co_await std::move(telling));
  });
  EXPECT_EQ(told, 4);
}

Task<Result<int>> back_and_forth(Shards* shards, int left) {
  if (left == 0) {
    co_return 0;
  }
  auto next =
      shards->run_on((shards->here() + 1) % shards->size(), &back_and_forth, shards, left - 1);
  const Result<int> deeper = co_await std::move(next);
  if (!deeper) {
    co_return std::unexpected(deeper.error());
  }
  co_return *deeper + 1;
}

TEST(Shards, CallEachOtherWhileTheyAreCalled) {
  // Deeper than the mailboxes hold: a call that runs takes no place in one.
  run_shards({.count = 3, .mailbox = 2}, [](Shards& shards) -> Task<> {
    auto deep = back_and_forth(&shards, 100);
    const Result<int> depth = co_await std::move(deep);
    EXPECT_EQ(depth.value(), 100);
  });
}

// Holds its shard's thread, so that calls stay in the mailbox.
Task<> hold(std::atomic<bool>* held, std::atomic<bool>* let_go) {
  *held = true;
  while (!*let_go) {
  }
  co_return;
}

TEST(Shards, WaitInOrderForAPlaceInAFullMailbox) {
  struct Seen {
    std::atomic<bool> held{false};
    std::atomic<bool> let_go{false};
    std::vector<int> order;  // shard 1's
    int timed_out = 0;       // shard 0's
  } seen;
  run_shards(
      {.count = 2, .mailbox = 2},
      [](Shards& shards, Seen* all) -> Task<> {
        auto whole = scoped(
            [](Scope& scope, Shards* set, Seen* into) -> Task<> {
              const auto call = [](Shards* on, Seen* with, int number) -> Task<> {
                auto one = on->run_on(
                    1,
                    [](Seen* log, int which) -> Task<> {
                      log->order.push_back(which);
                      co_return;
                    },
                    with, number);
                static_cast<void>(co_await std::move(one));
              };
              CO_ASSERT_TRUE(scope.spawn(
                  [](Shards* on, Seen* with) -> Task<> {
                    auto holding = on->run_on(1, &hold, &with->held, &with->let_go);
                    static_cast<void>(co_await std::move(holding));
                  },
                  set, into));
              while (!into->held) {
                co_await sleep_for(std::chrono::milliseconds(1));
              }
              for (int number = 0; number != 10; ++number) {
                CO_ASSERT_TRUE(scope.spawn(call, set, into, number));
              }
              // It stands behind them, and its time is over before there is a place.
              auto late = set->run_on(1, []() -> Task<> { co_return; });
              auto limited = timeout(std::chrono::milliseconds(30), std::move(late));
              const Result<> result = co_await std::move(limited);
              into->timed_out += !result && result.error() == std::errc::timed_out ? 1 : 0;
              into->let_go = true;
            },
            &shards, all);
        co_await std::move(whole);
      },
      &seen);
  EXPECT_EQ(seen.timed_out, 1);
  EXPECT_EQ(seen.order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(Shards, EndWhatStillRunsElsewhereWithTheirSet) {
  static std::atomic<int> ended{0};
  ended = 0;
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    auto whole = scoped(
        [](Scope& scope, Shards* set) -> Task<> {
          CO_ASSERT_TRUE(scope.spawn(
              [](Shards* on) -> Task<> {
                auto endless = on->run_on(1, []() -> Task<> {
                  co_await sleep_for(std::chrono::hours(1));
                  ++ended;
                });
                static_cast<void>(co_await std::move(endless));
              },
              set));
          co_await sleep_for(std::chrono::milliseconds(5));
          scope.cancel();
        },
        &shards);
    co_await std::move(whole);
  });
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace vigil::test

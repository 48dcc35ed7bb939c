// Mutex, semaphore, event and channel (semantics T4), and the lanes (L4), on every engine.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <memory>
#include <stdexcept>
#include <thread>

#include "tests/support/streams.hpp"
#include "vigil/coro/channel.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/coro/sync.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class SyncTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(SyncTest);

// T4.1: no two hold it, and who asked first is first.
Task<> holds(Mutex* mutex, int self, int* inside, std::vector<int>* order) {
  auto guard = co_await mutex->lock();
  CO_ASSERT_OK(guard);
  EXPECT_EQ(++*inside, 1);
  order->push_back(self);
  co_await yield();
  --*inside;
}

TEST_P(SyncTest, MutexIsHeldByOneInTheOrderOfAsking) {
  run([]() -> Task<> {
    Mutex mutex;
    int inside = 0;
    std::vector<int> order;
    auto whole = scoped(
        [](Scope& scope, Mutex* of, int* count, std::vector<int>* turns) -> Task<> {
          for (int i = 0; i < 100; ++i) {
            CO_ASSERT_OK(scope.spawn(&holds, of, i, count, turns));
          }
          co_return;
        },
        &mutex, &inside, &order);
    co_await std::move(whole);
    CO_ASSERT_TRUE(order.size() == 100);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_FALSE(mutex.is_locked());
  });
}

// T4.2: five tasks each take a permit, wait, are cancelled or not, at every combination and with
// the cancel before and after the grant: at the end all permits are back.
Task<> takes(Semaphore* semaphore, std::uint32_t count, int* granted) {
  auto permit = co_await semaphore->acquire(count);
  *granted += permit ? 1 : 0;
  static_cast<void>(co_await sleep_for(0ns));
}
Task<> in_own_scope(Semaphore* semaphore, std::uint32_t count, int* granted, Scope** inner) {
  auto whole = scoped(
      [](Scope& scope, Semaphore* of, std::uint32_t many, int* into, Scope** self) -> Task<> {
        *self = &scope;
        co_await takes(of, many, into);
        *self = nullptr;
      },
      semaphore, count, granted, inner);
  co_await std::move(whole);
}

TEST_P(SyncTest, SemaphoreLosesNoPermitWhoeverIsCancelledWhenever) {
  run([]() -> Task<> {
    for (unsigned cancelled = 0; cancelled < 32; ++cancelled) {
      for (const bool after_grant : {false, true}) {
        Semaphore semaphore(3);
        int granted = 0;
        auto whole = scoped(
            [](Scope& scope, Semaphore* of, unsigned who, bool later, int* count) -> Task<> {
              std::array<Scope*, 5> inner{};
              auto first = of->try_acquire(3);
              constexpr std::uint32_t kCounts[] = {2, 1, 3, 1, 2};
              for (std::size_t i = 0; i < inner.size(); ++i) {
                CO_ASSERT_OK(scope.spawn(&in_own_scope, of, kCounts[i], count, &inner[i]));
              }
              if (later) {
                first.release();
              }
              for (std::size_t i = 0; i < inner.size(); ++i) {
                if ((who >> i & 1) != 0 && inner[i] != nullptr) {
                  inner[i]->cancel();
                }
              }
              first.release();
              while (scope.live() != 0) {
                co_await yield();
              }
            },
            &semaphore, cancelled, after_grant, &granted);
        co_await std::move(whole);
        EXPECT_EQ(semaphore.available(), 3u) << cancelled;
        EXPECT_GE(granted, 5 - std::popcount(cancelled));
      }
    }
  });
}

// T4.2: the head of the line leaves, and lets those behind it pass.
TEST_P(SyncTest, SemaphoreServesThoseBehindOneThatGaveUp) {
  run([]() -> Task<> {
    Semaphore semaphore(1);
    int granted = 0;
    auto whole = scoped(
        [](Scope& scope, Semaphore* of, int* count) -> Task<> {
          Scope* greedy = nullptr;
          CO_ASSERT_OK(scope.spawn(&in_own_scope, of, 2u, count, &greedy));
          CO_ASSERT_OK(scope.spawn(&takes, of, 1u, count));
          co_await sleep_for(1ms);
          EXPECT_EQ(*count, 0);
          greedy->cancel();
        },
        &semaphore, &granted);
    co_await std::move(whole);
    EXPECT_EQ(granted, 1);
  });
}

TEST_P(SyncTest, EventLetsAllGoOnAndStays) {
  run([]() -> Task<> {
    ManualResetEvent event;
    int woken = 0;
    auto whole = scoped(
        [](Scope& scope, ManualResetEvent* at, int* count) -> Task<> {
          auto one = [](ManualResetEvent* on, int* into) -> Task<> {
            CO_ASSERT_OK(co_await on->wait());
            ++*into;
          };
          for (int i = 0; i < 10; ++i) {
            CO_ASSERT_OK(scope.spawn(one, at, count));
          }
          co_await yield();
          EXPECT_EQ(*count, 0);
          at->set();
          at->reset();  // those that were let go stay so
          EXPECT_EQ(*count, 0) << "set() ran somebody";
          co_await yield();
          co_await yield();
          EXPECT_EQ(*count, 10);
          at->set();
          CO_ASSERT_OK(co_await at->wait());
        },
        &event, &woken);
    co_await std::move(whole);
  });
}

// T4.4: a locker that never has to wait gives way to the others all the same.
TEST_P(SyncTest, GrantsThatNeverWaitStarveNobody) {
  run([]() -> Task<> {
    bool over = false;
    std::uint64_t rounds = 0;
    auto whole = scoped(
        [](Scope& scope, bool* done, std::uint64_t* count) -> Task<> {
          auto greedy = [](bool* until_then, std::uint64_t* into) -> Task<> {
            Mutex mutex;
            while (!*until_then) {
              auto guard = co_await mutex.lock();
              ++*into;
            }
          };
          CO_ASSERT_OK(scope.spawn(greedy, done, count));
          co_await sleep_for(2ms);
          *done = true;
        },
        &over, &rounds);
    co_await std::move(whole);
    EXPECT_GT(rounds, 64u);
  });
}

// L1.3: the share of a resumption is everybody's whom it starts: the first to use it up does not
// free the next from it (the count ran past zero).
TEST_P(SyncTest, TasksStartedInOneResumptionShareItsBudget) {
  run([]() -> Task<> {
    std::array<std::uint64_t, 10> rounds{};
    auto whole = scoped(
        [](Scope& scope, std::array<std::uint64_t, 10>* counts) -> Task<> {
          auto one = [](std::uint64_t* count) -> Task<> {
            Mutex mutex;
            for (int i = 0; i < 1000; ++i) {
              auto guard = co_await mutex.lock();
              ++*count;
            }
          };
          for (std::uint64_t& count : *counts) {
            CO_ASSERT_OK(scope.spawn(one, &count));
          }
          for (const std::uint64_t count : *counts) {
            EXPECT_LE(count, Loop::kInline);
          }
          co_return;
        },
        &rounds);
    co_await std::move(whole);
    for (const std::uint64_t count : rounds) {
      EXPECT_EQ(count, 1000u);
    }
  });
}

// T4.3: every capacity, several of each side: each value arrives once, and each receiver has each
// sender's in order.
TEST_P(SyncTest, ChannelCarriesEveryValueOnceAndInOrder) {
  run([]() -> Task<> {
    for (const std::size_t capacity : {0u, 1u, 2u, 7u, 1000u}) {
      Channel<std::unique_ptr<int>> channel(capacity);
      std::array<std::vector<int>, 2> got;
      auto whole = scoped(
          [](Scope& scope, Channel<std::unique_ptr<int>>* through,
             std::array<std::vector<int>, 2>* into, std::size_t most) -> Task<> {
            auto receiver = [](Channel<std::unique_ptr<int>>* from,
                               std::vector<int>* to) -> Task<> {
              while (auto value = co_await from->receive()) {
                to->push_back(**value);
              }
            };
            auto senders = scoped(
                [](Scope& inner, Channel<std::unique_ptr<int>>* to, std::size_t bound) -> Task<> {
                  auto sender = [](Channel<std::unique_ptr<int>>* at, int self,
                                   std::size_t limit) -> Task<> {
                    for (int i = 0; i < 300; ++i) {
                      auto value = std::make_unique<int>(self * 1000 + i);
                      CO_ASSERT_OK(co_await at->send(std::move(value)));
                      EXPECT_LE(at->size(), limit);
                    }
                  };
                  for (int i = 0; i < 3; ++i) {
                    CO_ASSERT_OK(inner.spawn(sender, to, i, bound));
                  }
                  co_return;
                },
                through, most);
            CO_ASSERT_OK(scope.spawn(receiver, through, &(*into)[0]));
            CO_ASSERT_OK(scope.spawn(receiver, through, &(*into)[1]));
            co_await std::move(senders);
            through->close();
          },
          &channel, &got, capacity);
      co_await std::move(whole);
      std::vector<bool> seen(3000);
      for (const std::vector<int>& one : got) {
        int last[3] = {-1, -1, -1};
        for (const int value : one) {
          EXPECT_GT(value % 1000, last[value / 1000]);
          last[value / 1000] = value % 1000;
          EXPECT_FALSE(seen[static_cast<std::size_t>(value)]);
          seen[static_cast<std::size_t>(value)] = true;
        }
      }
      EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 900);
    }
  });
}

// T4.3: a cancel at any moment neither loses nor doubles a value.
TEST_P(SyncTest, ChannelLosesNothingToACancel) {
  run([]() -> Task<> {
    for (const std::size_t capacity : {0u, 1u, 3u}) {
      for (int cancel_sender = 0; cancel_sender < 12; ++cancel_sender) {
        Channel<std::string> channel(capacity);
        int accepted = 0;
        int received = 0;
        auto whole = scoped(
            [](Scope& scope, Channel<std::string>* through, int when, int* in, int* out) -> Task<> {
              auto sender = [](Channel<std::string>* to, int* count) -> Task<> {
                for (int i = 0; i < 5; ++i) {
                  std::string value = "value " + std::to_string(i);
                  auto sent = co_await to->send(std::move(value));
                  if (!sent) {
                    EXPECT_EQ(value.size(), 7u) << "an error took the value";  // NOLINT
                    break;
                  }
                  ++*count;
                }
              };
              auto receiver = [](Channel<std::string>* from, int* count) -> Task<> {
                while (auto value = co_await from->receive()) {
                  ++*count;
                  co_await yield();
                }
              };
              CO_ASSERT_OK(scope.spawn(sender, through, in));
              CO_ASSERT_OK(scope.spawn(receiver, through, out));
              for (int i = 0; i < when; ++i) {
                co_await yield();
              }
              scope.cancel();
            },
            &channel, cancel_sender, &accepted, &received);
        co_await std::move(whole);
        while (channel.try_receive()) {
          ++received;
        }
        EXPECT_EQ(accepted, received) << capacity << " " << cancel_sender;
      }
    }
  });
}

TEST_P(SyncTest, ClosedChannelGivesOutWhatIsInsideAndThenSaysSo) {
  run([]() -> Task<> {
    Channel<int> channel(4);
    EXPECT_TRUE(channel.try_send(1));
    CO_ASSERT_OK(co_await channel.send(2));
    channel.close();
    EXPECT_FALSE(channel.try_send(3));
    auto refused = co_await channel.send(4);
    EXPECT_EQ(refused.error(), std::errc::broken_pipe);
    auto one = co_await channel.receive();
    CO_ASSERT_OK(one);
    EXPECT_EQ(*one, 1);
    EXPECT_EQ(channel.try_receive(), 2);
    auto end = co_await channel.receive();
    EXPECT_EQ(end.error(), std::errc::broken_pipe);
  });
}

// ---- Lanes ----

int adds(int a, std::string text) { return a + static_cast<int>(text.size()); }

// L4.1
TEST_P(SyncTest, OffloadedWorkRunsElsewhereAndComesBack) {
  run([]() -> Task<> {
    auto sum = offload(&adds, 40, std::string("ab"));
    auto got = co_await std::move(sum);
    CO_ASSERT_OK(got);
    EXPECT_EQ(*got, 42);
    auto where = offload([] { return std::this_thread::get_id(); });
    auto thread = co_await std::move(where);
    CO_ASSERT_OK(thread);
    EXPECT_NE(*thread, std::this_thread::get_id());
    bool thrown = false;
    try {
      auto failing = offload([] { throw std::runtime_error("from the lane"); });
      static_cast<void>(co_await std::move(failing));
    } catch (const std::runtime_error& e) {
      thrown = std::string(e.what()) == "from the lane";
    }
    EXPECT_TRUE(thrown);
    auto fails = offload([]() -> Result<int> { return error(std::errc::no_link); });
    auto failed_there = co_await std::move(fails);
    EXPECT_EQ(failed_there.error(), std::errc::no_link);
    const LaneFigures figures = Loop::current()->call_lane().figures();
    EXPECT_EQ(figures.started, 4u);
    EXPECT_EQ(figures.queued, 0u);
  });
}

void blocks(std::atomic<bool>* until_then, std::atomic<int>* begun) {
  ++*begun;
  while (!*until_then) {
    std::this_thread::sleep_for(100us);
  }
}

Task<> offloads(std::atomic<bool>* until_then, std::atomic<int>* begun, std::error_code* outcome) {
  auto call = offload(&blocks, until_then, begun);
  auto done = co_await std::move(call);
  *outcome = done ? std::error_code() : done.error();
}

// L4.2, L4.3: one thread and room for two: the third waits outside under its deadline; a cancel
// takes back what was not begun, and lets stand what was.
TEST_P(SyncTest, FullLaneMakesTheCallerWaitUnderItsDeadline) {
  run_with({.call_lane = {.threads = 1, .capacity = 2}}, []() -> Task<> {
    std::atomic<bool> release = false;
    std::atomic<int> begun = 0;
    std::array<std::error_code, 4> outcomes;
    auto whole = scoped(
        [](Scope& scope, std::atomic<bool>* until_then, std::atomic<int>* count,
           std::array<std::error_code, 4>* into) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&offloads, until_then, count, &(*into)[0]));
          CO_ASSERT_OK(scope.spawn(&offloads, until_then, count, &(*into)[1]));
          while (*count == 0) {
            co_await sleep_for(100us);
          }
          auto third = [](std::atomic<bool>* then, std::atomic<int>* started) -> Task<Result<>> {
            co_return co_await offload(&blocks, then, started);
          };
          auto limited = timeout(3ms, third(until_then, count));
          auto late = co_await std::move(limited);
          EXPECT_EQ(late.error(), std::errc::timed_out);
          const LaneFigures figures = Loop::current()->call_lane().figures();
          EXPECT_EQ(figures.delayed, 1u);
          EXPECT_EQ(figures.cancelled, 1u);
          EXPECT_EQ(figures.threads, 1u);
          CO_ASSERT_OK(scope.spawn(&offloads, until_then, count, &(*into)[2]));
          scope.cancel();
          *until_then = true;
        },
        &release, &begun, &outcomes);
    co_await std::move(whole);
    EXPECT_EQ(begun, 1);
    EXPECT_FALSE(static_cast<bool>(outcomes[0])) << "it was begun, so its result stands";
    EXPECT_EQ(outcomes[1], std::errc::operation_canceled);
    EXPECT_EQ(outcomes[2], std::errc::operation_canceled);
  });
}

// L4.1: many at once through a small lane, while the loop serves others.
TEST_P(SyncTest, ServesOthersWhileLanesWork) {
  run_with({.call_lane = {.threads = 3, .capacity = 8}}, []() -> Task<> {
    std::atomic<int> done = 0;
    auto whole = scoped(
        [](Scope& scope, std::atomic<int>* count) -> Task<> {
          auto one = [](std::atomic<int>* into) -> Task<> {
            auto call = offload([](std::atomic<int>* at) { ++*at; }, into);
            auto result = co_await std::move(call);
            CO_ASSERT_OK(result);
          };
          for (int i = 0; i < 2000; ++i) {
            CO_ASSERT_OK(scope.spawn(one, count));
          }
          auto making = make_both();
          Both both = co_await std::move(making);
          CO_ASSERT_OK(co_await both.first.send(as_bytes("meanwhile")));
          auto got = co_await both.second.receive();
          CO_ASSERT_OK(got);
        },
        &done);
    co_await std::move(whole);
    EXPECT_EQ(done, 2000);
  });
}

}  // namespace
}  // namespace vigil::test

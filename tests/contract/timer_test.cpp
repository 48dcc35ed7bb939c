// Time and turning (semantics L1, L2), on every engine: no test waits longer than it must, and none
// asks for a timer to be punctual on a busy machine.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "tests/support/not_run.hpp"
#include "tests/support/streams.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class TimerTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(TimerTest);

Instant clock_now() {
  return std::chrono::time_point_cast<Nanos>(std::chrono::steady_clock::now());
}

Task<> sleeps(Nanos span, int* early) {
  const Instant before = clock_now();
  CO_ASSERT_OK(co_await sleep_for(span));
  *early += clock_now() < before + span ? 1 : 0;
}

// L2.1, hazards 20 to 22
TEST_P(TimerTest, IsNeverEarly) {
  run([]() -> Task<> {
    int early = 0;
    auto whole = scoped(
        [](Scope& scope, int* count) -> Task<> {
          for (int i = 0; i < 2000; ++i) {
            CO_ASSERT_OK(scope.spawn(&sleeps, Nanos(i * 7919 % 30'000'000), count));
          }
          co_return;
        },
        &early);
    co_await std::move(whole);
    EXPECT_EQ(early, 0);
  });
}

// L2.1: also after the same turn computed for longer than the sleep.
TEST_P(TimerTest, CountsASleepFromTheCallAndNotFromTheTurn) {
  run([]() -> Task<> {
    co_await sleep_for(0ns);
    static_cast<void>(Loop::current()->now());
    std::this_thread::sleep_for(20ms);
    const Instant before = clock_now();
    CO_ASSERT_OK(co_await sleep_for(10ms));
    EXPECT_GE(clock_now(), before + 10ms);
  });
}

// L2.1: between turns the loop's clock does not stand still, as a foreign loop would find.
TEST_P(TimerTest, ClockGoesOnBetweenTurns) {
  auto loop = Loop::create({.engine = GetParam()});
  ASSERT_TRUE(loop);
  for (int i = 0; i < 2; ++i) {
    const Instant before = (*loop)->now();
    std::this_thread::sleep_for(2ms);
    EXPECT_GE((*loop)->now(), before + 2ms);
    (*loop)->turn(Instant{});
  }
}

// L2.3: the lengths at which other loops wrapped round; none of them fires.
TEST_P(TimerTest, WaitsForLengthsThatOverflowElsewhere) {
  run([]() -> Task<> {
    int fired = 0;
    auto whole = scoped(
        [](Scope& scope, int* count) -> Task<> {
          auto one = [](Nanos span, int* into) -> Task<> {
            const Result<> slept = co_await sleep_for(span);
            *into += slept ? 1 : 0;
          };
          for (const Nanos span :
               {Nanos(2147483647ms), Nanos(2147483648ms), Nanos(4294967295ms), Nanos(4294967296ms),
                Nanos(24h * 365 * 100), kForever - Nanos(1), kForever}) {
            CO_ASSERT_OK(scope.spawn(one, span, count));
          }
          co_await sleep_for(20ms);
          scope.cancel();
        },
        &fired);
    co_await std::move(whole);
    EXPECT_EQ(fired, 0);
  });
}

// L2.4, hazard 23
TEST_P(TimerTest, LetsOthersRunBetweenSleepsOfNoLength) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    bool stop = false;
    auto whole = scoped(
        [](Scope& scope, Ends* on, bool* over) -> Task<> {
          auto spins = [](bool* until_then, Nanos span) -> Task<> {
            while (!*until_then) {
              CO_ASSERT_OK(co_await sleep_for(span));
            }
          };
          CO_ASSERT_OK(scope.spawn(spins, over, Nanos(0)));
          CO_ASSERT_OK(scope.spawn(spins, over, Nanos(-5)));
          for (unsigned i = 0; i < 20; ++i) {
            CO_ASSERT_TRUE(on->peer.write(payload(0, i, 10)));
            auto got = co_await on->stream.receive();
            CO_ASSERT_OK(got);
            EXPECT_EQ(as_text(got->bytes()), payload(0, i, 10));
          }
          *over = true;
        },
        &ends, &stop);
    co_await std::move(whole);
  });
}

// L2.2: more than a turn fires, all due at once: none is left behind when nothing else is armed.
TEST_P(TimerTest, FiresTenThousandThatAreDueTogether) {
  run([]() -> Task<> {
    const Instant at = after(clock_now(), 5ms);
    int woken = 0;
    auto whole = scoped(
        [](Scope& scope, Instant when, int* count) -> Task<> {
          auto one = [](Instant until_then, int* into) -> Task<> {
            CO_ASSERT_OK(co_await sleep_until(until_then));
            ++*into;
          };
          for (int i = 0; i < 10'000; ++i) {
            CO_ASSERT_OK(scope.spawn(one, when, count));
          }
          co_return;
        },
        at, &woken);
    co_await std::move(whole);
    EXPECT_EQ(woken, 10'000);
  });
}

// L1.5, hazard 1
struct Letter : Op {
  std::uint64_t* seen = nullptr;
};

TEST_P(TimerTest, SeesEveryLetterOfOtherThreads) {
  auto loop = Loop::create({.engine = GetParam()});
  ASSERT_TRUE(loop);
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kLetters = 250'000;
  std::uint64_t seen = 0;
  std::vector<Letter> letters(kThreads * kLetters);
  for (Letter& letter : letters) {
    letter.seen = &seen;
    letter.complete = [](Op& op) { ++*static_cast<Letter&>(op).seen; };
  }
  {
    std::vector<std::jthread> posters;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      posters.emplace_back([&, thread] {
        for (std::size_t i = 0; i < kLetters; ++i) {
          (*loop)->post(letters[thread * kLetters + i]);
          if (i % 5000 == 0) {
            std::this_thread::sleep_for(100us);  // so that the loop goes to sleep now and then
          }
        }
      });
    }
    const Instant limit = after(clock_now(), 30s);
    while (seen < letters.size() && clock_now() < limit) {
      const Instant before = clock_now();
      (*loop)->turn(after(before, 5s));
      EXPECT_LT(clock_now() - before, 4s) << "a letter came without a wake";
    }
  }
  EXPECT_EQ(seen, letters.size());
  expect_clean(**loop);
}

// L1.4: the loop lives inside another one, which polls its handle.
TEST_P(TimerTest, LivesInsideAForeignLoop) {
  auto loop = Loop::create({.engine = GetParam()});
  ASSERT_TRUE(loop);
  const bool pollable = (*loop)->engine().traits().pollable;
  EXPECT_EQ((*loop)->handle() != kNoHandle, pollable);
  std::uint64_t seen = 0;
  Letter letter;
  letter.seen = &seen;
  letter.complete = [](Op& op) { ++*static_cast<Letter&>(op).seen; };
  {
    Scope root(nullptr);
    auto main_task = []() -> Task<> {
      auto making = make_both();
      Both both = co_await std::move(making);
      for (unsigned i = 0; i < 50; ++i) {
        const std::string text = payload(4, i, 3000);
        CO_ASSERT_OK(co_await both.first.send(as_bytes(text)));
        auto receiving = receive_exactly(both.second, text.size());
        const std::string got = co_await std::move(receiving);
        EXPECT_EQ(got, text);
        CO_ASSERT_OK(co_await sleep_for(200us));
      }
    };
    ASSERT_TRUE(root.spawn(main_task));
    std::jthread other([&] { (*loop)->post(letter); });
    int turns = 0;
    while ((root.live() != 0 || seen == 0) && ++turns < 100'000) {
      const Nanos limit = until((*loop)->next(), clock_now());
      pollfd watched{(*loop)->handle(), POLLIN, 0};
      // Without a handle a foreign loop can but look now and then.
      const int at_most = pollable ? ceil_milliseconds(std::min<Nanos>(limit, 5s)) : 1;
      const int got = ::poll(&watched, pollable ? 1 : 0, at_most);
      EXPECT_FALSE(pollable && got == 0 && limit > 4s) << "something was ready and nobody told";
      (*loop)->turn(Instant{});
    }
    EXPECT_EQ(root.live(), 0u);
  }
  EXPECT_EQ(seen, 1u);
  expect_clean(**loop);
}

// A poll(2) of the ring itself is not woken where its work waits for the loop's thread
// (IORING_SETUP_DEFER_TASKRUN): it found what was there when its own time was over.
TEST_P(TimerTest, TellsAForeignLoopAtOnceOfBytesFromElsewhere) {
  auto loop = Loop::create({.engine = GetParam()});
  ASSERT_TRUE(loop);
  if (!(*loop)->engine().traits().pollable) {
    VIGIL_NOT_RUN("the engine has no handle");
  }
  {
    Scope root(nullptr);
    int heard = 0;
    ASSERT_TRUE(root.spawn(
        [](int* count) -> Task<> {
          auto making = make_ends();
          Ends ends = co_await std::move(making);
          std::jthread other([from = &ends.peer] {
            for (int i = 0; i < 3; ++i) {
              std::this_thread::sleep_for(20ms);
              EXPECT_TRUE(from->write("x"));
            }
          });
          while (*count < 3) {
            auto got = co_await ends.stream.receive();
            CO_ASSERT_OK(got);
            *count += static_cast<int>(got->bytes().size());
          }
        },
        &heard));
    while (root.live() != 0) {
      pollfd watched{(*loop)->handle(), POLLIN, 0};
      const Instant before = clock_now();
      ::poll(&watched, 1, (*loop)->next() == Instant{} ? 0 : 20'000);
      ASSERT_LT(clock_now() - before, 15s) << "bytes were there and nobody told";
      (*loop)->turn(Instant{});
    }
    EXPECT_EQ(heard, 3);
  }
  expect_clean(**loop);
}

// L1.6, hazard 36
TEST_P(TimerTest, GoesOnWhenAForkedChildClosesItsCopy) {
  run([]() -> Task<> {
    auto making = make_both();
    Both both = co_await std::move(making);
    const pid_t child = ::fork();
    if (child == 0) {
      for (int handle = 3; handle < 1024; ++handle) {
        ::close(handle);
      }
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    for (unsigned i = 0; i < 10; ++i) {
      CO_ASSERT_OK(co_await both.first.send(as_bytes(payload(5, i, 64))));
      auto got = co_await both.second.receive();
      CO_ASSERT_OK(got);
      EXPECT_EQ(as_text(got->bytes()), payload(5, i, 64));
    }
  });
}

}  // namespace
}  // namespace vigil::test

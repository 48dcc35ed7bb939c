// Tasks, scopes, cancel and deadlines (semantics T1 to T3), on every engine.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <stdexcept>
#include <thread>

#include "tests/support/not_run.hpp"
#include "tests/support/streams.hpp"
#include "vigil/coro/channel.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/coro/this_task.hpp"
#include "vigil/coro/wait.hpp"
#include "vigil/coro/when.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VIGIL_BIG_FRAMES
#endif
#if __has_feature(thread_sanitizer)
#define VIGIL_BIG_FRAMES
#define VIGIL_OPERATOR_NEW_IS_TAKEN
#endif
#endif

namespace {
bool no_memory = false;
}  // namespace

#ifndef VIGIL_OPERATOR_NEW_IS_TAKEN
// What the slab asks for memory: fails on demand.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (no_memory) {
    return nullptr;
  }
  try {
    return ::operator new(size);
  } catch (...) {
    return nullptr;
  }
}
#endif

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class ScopeTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(ScopeTest);

Task<int> at_once(int value) { co_return value; }

// T1.3
TEST_P(ScopeTest, AwaitsAMillionEndsInALoopWithoutStack) {
  run([]() -> Task<> {
    long sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      sum += co_await at_once(1);
    }
    EXPECT_EQ(sum, 1'000'000);
  });
}

// Frames of a million levels are 200 MB, and several times that under a sanitizer.
#ifdef VIGIL_BIG_FRAMES
constexpr int kLevels = 200'000;
#else
constexpr int kLevels = 1'000'000;
#endif

Task<int> deep(int levels) {
  co_await yield();  // so that starting the chain needs no stack either
  if (levels == 0) {
    co_return 0;
  }
  const int below = co_await deep(levels - 1);
  co_return below + 1;
}

// T1.3
TEST_P(ScopeTest, EndsAChainOfAMillionAwaitsWithoutStack) {
  run([]() -> Task<> {
    const int levels = co_await deep(kLevels);
    EXPECT_EQ(levels, kLevels);
  });
}

// T2.4: a chain that long is also cancelled without stack.
Task<> deep_wait(int levels, Result<>* outcome) {
  co_await yield();
  if (levels == 0) {
    *outcome = co_await sleep_until(kNever);
  } else {
    co_await deep_wait(levels - 1, outcome);
  }
}

TEST_P(ScopeTest, CancelsAChainOfAHundredThousandAwaits) {
  run([]() -> Task<> {
    Result<> outcome;
    auto whole = scoped(
        [](Scope& scope, Result<>* into) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&deep_wait, 100'000, into));
          co_await sleep_for(1ms);
          while (Loop::current()->next() == Instant{}) {
            co_await sleep_for(5ms);
          }
          scope.cancel();
        },
        &outcome);
    co_await std::move(whole);
    EXPECT_EQ(outcome.error(), std::errc::operation_canceled);
  });
}

// Keeps the bytes in the frame, whatever the optimiser knows.
void use(const std::array<char, 5000>& bytes) { asm volatile("" : : "r"(bytes.data()) : "memory"); }

// T1.4
Task<Result<int>> large(std::array<char, 5000> bytes) {
  use(bytes);
  co_await yield();
  use(bytes);
  co_return bytes[4999];
}
Task<int> large_plain(std::array<char, 5000> bytes) {
  use(bytes);
  co_await yield();
  use(bytes);
  co_return bytes[4999];
}
Task<> large_child(std::array<char, 5000> bytes) {
  use(bytes);
  co_await yield();
  use(bytes);
}

TEST_P(ScopeTest, SaysThatThereWasNoMemoryForAFrame) {
#ifdef VIGIL_OPERATOR_NEW_IS_TAKEN
  VIGIL_NOT_RUN("the thread sanitizer has an operator new of its own, which does not fail");
#endif
  run([]() -> Task<> {
    no_memory = true;
    auto as_result = large({});
    auto as_value = large_plain({});
    no_memory = false;
    EXPECT_FALSE(static_cast<bool>(as_result));
    auto result = co_await std::move(as_result);
    EXPECT_EQ(result.error(), std::errc::not_enough_memory);
    bool thrown = false;
    try {
      static_cast<void>(co_await std::move(as_value));
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    auto whole = scoped([](Scope& scope) -> Task<> {
      no_memory = true;
      auto spawned = scope.spawn(&large_child, std::array<char, 5000>{});
      no_memory = false;
      EXPECT_EQ(spawned.error(), std::errc::not_enough_memory);
      EXPECT_EQ(scope.live(), 0u);
      co_return;
    });
    co_await std::move(whole);
  });
}

// T1.5
TEST_P(ScopeTest, RefusesToDestroyASuspendedTask) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto loop = Loop::create({.engine = GetParam()});
        Scope root(nullptr);
        static_cast<void>(root.spawn([]() -> Task<> { co_await sleep_until(kNever); }));
      },
      "a scope was destroyed while tasks run in it");
}

// L1.2, hazard 37
TEST_P(ScopeTest, RefusesANestedTurn) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 co_await yield();
                 Loop::current()->turn();
               }),
               "turn was called by a task");
}

Task<> throws_after(Nanos span, const char* what) {
  co_await sleep_for(span);
  throw std::runtime_error(what);
}
Task<> sleeps_until_cancelled(int* cancelled) {
  auto slept = co_await sleep_until(kNever);
  *cancelled += slept.error() == std::errc::operation_canceled ? 1 : 0;
}

// T2.2
TEST_P(ScopeTest, CancelsTheOthersWhenOneThrowsAndThrowsAfterTheJoin) {
  run([]() -> Task<> {
    int cancelled = 0;
    std::string caught;
    try {
      auto whole = scoped(
          [](Scope& scope, int* count) -> Task<> {
            CO_ASSERT_OK(scope.spawn(&sleeps_until_cancelled, count));
            CO_ASSERT_OK(scope.spawn(&throws_after, Nanos(1ms), "first"));
            CO_ASSERT_OK(scope.spawn(&sleeps_until_cancelled, count));
            co_await sleeps_until_cancelled(count);
          },
          &cancelled);
      co_await std::move(whole);
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    EXPECT_EQ(caught, "first");
    EXPECT_EQ(cancelled, 3);
  });
}

// T2.3
class QuietHost : public Host {
 public:
  Nanos wall_time() noexcept override { return native_host().wall_time(); }
  void entropy(std::span<std::byte> fill) noexcept override { native_host().entropy(fill); }
  std::optional<std::string> environment(const char* name) override {
    return native_host().environment(name);
  }
  void log(std::string_view line) noexcept override { lines.emplace_back(line); }
  Result<std::unique_ptr<Crew>> start(Body& body, Role role, unsigned most) noexcept override {
    return refuse ? Result<std::unique_ptr<Crew>>(error(EAGAIN))
                  : native_host().start(body, role, most);
  }
  std::vector<std::string> lines;
  bool refuse = false;
};

TEST_P(ScopeTest, LetsAnIsolatedTaskFailAlone) {
  QuietHost host;
  run_with({.host = &host}, []() -> Task<> {
    int cancelled = 0;
    auto whole = scoped(
        [](Scope& scope, int* count) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&sleeps_until_cancelled, count));
          CO_ASSERT_OK(scope.spawn_isolated(&throws_after, Nanos(0), "alone"));
          while (scope.failures() == 0) {
            co_await sleep_for(1ms);
          }
          EXPECT_EQ(scope.failures(), 1u);
          EXPECT_EQ(*count, 0);
          EXPECT_FALSE(scope.cancelled());
          scope.cancel();
        },
        &cancelled);
    co_await std::move(whole);
    EXPECT_EQ(cancelled, 1);
  });
  ASSERT_EQ(host.lines.size(), 1u);
  EXPECT_NE(host.lines[0].find("alone"), std::string::npos);
}

// T2.7
TEST_P(ScopeTest, TellsTheEarliestDeadlineAround) {
  run([]() -> Task<> {
    const Instant none = co_await this_task::deadline();
    EXPECT_EQ(none, kNever);
    auto inner = []() -> Task<Result<Instant>> { co_return co_await this_task::deadline(); };
    auto outer = [](decltype(inner) make) -> Task<Result<Instant>> {
      auto later = timeout(1h, make());
      co_return co_await std::move(later);
    };
    const Instant before = Loop::current()->engine().now();
    auto sooner = timeout(1min, outer(inner));
    auto seen = co_await std::move(sooner);
    CO_ASSERT_OK(seen);
    EXPECT_GE(*seen, before + 1min - 1s);
    EXPECT_LT(*seen, before + 2min);
  });
}

// T2.8: the outer deadline is not the inner one's.
TEST_P(ScopeTest, NamesOnlyItsOwnDeadline) {
  run([]() -> Task<> {
    auto inner = []() -> Task<Result<>> {
      auto long_one =
          timeout(1h, []() -> Task<Result<>> { co_return co_await sleep_until(kNever); }());
      auto result = co_await std::move(long_one);
      EXPECT_EQ(result.error(), std::errc::operation_canceled);
      co_return result;
    };
    auto whole = timeout(3ms, inner());
    auto result = co_await std::move(whole);
    EXPECT_EQ(result.error(), std::errc::timed_out);
  });
}

// T2.8: a value that came all the same wins.
TEST_P(ScopeTest, KeepsAValueThatCameAfterTheDeadline) {
  run([]() -> Task<> {
    auto stubborn = []() -> Task<Result<int>> {
      static_cast<void>(co_await sleep_until(kNever));
      co_return 7;
    };
    auto whole = timeout(2ms, stubborn());
    auto result = co_await std::move(whole);
    CO_ASSERT_OK(result);
    EXPECT_EQ(*result, 7);
  });
}

// T2.9
Task<Result<>> says_goodbye(int* said) {
  auto slept = co_await sleep_for(5ms);
  *said += slept ? 1 : 0;
  co_return slept;
}
Task<> waits_then_says_goodbye(Nanos grace, int* said) {
  static_cast<void>(co_await sleep_until(kNever));
  auto goodbye = shielded(grace, says_goodbye(said));
  static_cast<void>(co_await std::move(goodbye));
  auto after_it = co_await sleep_for(0ns);
  EXPECT_EQ(after_it.error(), std::errc::operation_canceled);
}

TEST_P(ScopeTest, ShieldsACleanUpForItsTime) {
  run([]() -> Task<> {
    for (const bool enough : {true, false}) {
      int said = 0;
      auto whole = scoped(
          [](Scope& scope, Nanos grace, int* count) -> Task<> {
            CO_ASSERT_OK(scope.spawn(&waits_then_says_goodbye, grace, count));
            co_await sleep_for(1ms);
            scope.cancel();
          },
          enough ? Nanos(10s) : Nanos(1ms), &said);
      co_await std::move(whole);
      EXPECT_EQ(said, enough ? 1 : 0);
    }
  });
}

// T2.5: a result that exists stands, though its task was cancelled before it could see it.
TEST_P(ScopeTest, KeepsAResultThatCameBeforeTheCancel) {
  run([]() -> Task<> {
    ManualResetEvent event;
    int granted = 0;
    auto whole = scoped(
        [](Scope& scope, ManualResetEvent* at, int* count) -> Task<> {
          auto one = [](ManualResetEvent* on, int* into) -> Task<> {
            auto waited = co_await on->wait();
            *into += waited ? 1 : 0;
          };
          CO_ASSERT_OK(scope.spawn(one, at, count));
          at->set();
          scope.cancel();
        },
        &event, &granted);
    co_await std::move(whole);
    EXPECT_EQ(granted, 1);
  });
}

// T3.1
TEST_P(ScopeTest, AllReturnsEveryResultInOrder) {
  run([]() -> Task<> {
    auto late = [](Nanos span, std::string text) -> Task<std::string> {
      co_await sleep_for(span);
      co_return text;
    };
    auto nothing = []() -> Task<> { co_await yield(); };
    auto mixed = all(late(3ms, "a"), at_once(2), nothing());
    auto three = co_await std::move(mixed);
    EXPECT_EQ(std::get<0>(three), "a");
    EXPECT_EQ(std::get<1>(three), 2);
    std::vector<Task<std::string>> tasks;
    for (int i = 0; i < 20; ++i) {
      tasks.push_back(late(std::chrono::microseconds((20 - i) * 100), std::to_string(i)));
    }
    auto many = all(std::move(tasks));
    auto texts = co_await std::move(many);
    CO_ASSERT_TRUE(texts.size() == 20);
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(texts[static_cast<std::size_t>(i)], std::to_string(i));
    }
  });
}

TEST_P(ScopeTest, AnyReturnsTheFirstAndCancelsTheOthers) {
  run([]() -> Task<> {
    int cancelled = 0;
    auto waits = [](int* count) -> Task<int> {
      co_await sleeps_until_cancelled(count);
      co_return -1;
    };
    auto after_some = [](Nanos span, int value) -> Task<int> {
      co_await sleep_for(span);
      co_return value;
    };
    auto race = any(waits(&cancelled), after_some(2ms, 5), sleeps_until_cancelled(&cancelled));
    auto first = co_await std::move(race);
    EXPECT_EQ(first.index(), 1u);
    EXPECT_EQ(std::get<1>(first), 5);
    EXPECT_EQ(cancelled, 2);
    std::vector<Task<int>> tasks;
    tasks.push_back(waits(&cancelled));
    tasks.push_back(at_once(9));
    tasks.push_back(waits(&cancelled));  // never starts
    auto many = any(std::move(tasks));
    auto which = co_await std::move(many);
    EXPECT_EQ(which.index, 1u);
    EXPECT_EQ(which.value, 9);
    EXPECT_EQ(cancelled, 3);
    bool thrown = false;
    try {
      auto failing = any(throws_after(1ms, "x"), sleeps_until_cancelled(&cancelled));
      static_cast<void>(co_await std::move(failing));
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_EQ(cancelled, 4);
  });
}

// hazard 31: the root is cancelled after any number of turns; nothing is left (the fixture looks).
Task<> busy_tree(Scope& scope, int depth) {
  for (int i = 0; i < 3 && depth > 0; ++i) {
    auto branch = [](int below) -> Task<> {
      auto tree = scoped(&busy_tree, below);
      co_await std::move(tree);
    };
    static_cast<void>(scope.spawn(branch, depth - 1));
  }
  auto making = make_both();
  Both both = co_await std::move(making);
  for (int i = 0; i < 20 && both.first.is_open(); ++i) {
    const std::string text = payload(static_cast<unsigned>(depth), static_cast<unsigned>(i), 100);
    if (!co_await both.first.send(as_bytes(text))) {
      break;
    }
    auto got = co_await both.second.receive();
    if (!got || !co_await sleep_for(100us)) {
      break;
    }
    EXPECT_EQ(as_text(got->bytes()), text);
  }
}

TEST_P(ScopeTest, LeavesNothingBehindWhereverItIsCancelled) {
  for (int turns = 0; turns < 40; ++turns) {
    auto loop = Loop::create({.engine = GetParam()});
    ASSERT_TRUE(loop);
    {
      Scope root(nullptr);
      auto tree = [](int depth) -> Task<> {
        auto whole = scoped(&busy_tree, depth);
        co_await std::move(whole);
      };
      ASSERT_TRUE(root.spawn(tree, 2));
      for (int i = 0; i < turns && root.live() != 0; ++i) {
        (*loop)->turn();
      }
      root.cancel();
      while (root.live() != 0) {
        (*loop)->turn();
      }
    }
    expect_clean(**loop);
  }
}

}  // namespace
}  // namespace vigil::test

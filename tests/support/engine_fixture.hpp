// EngineTest: runs a task on each engine in turn, and fails unless nothing is left behind: no
// descriptor, operation, frame, buffer or timer in the loop, no open handle in the process.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vigil/coro/scoped.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::test {

// The engines of this machine, or those that VIGIL_TEST_ENGINES names.
inline std::vector<std::string> engine_names() {
  const char* chosen = std::getenv("VIGIL_TEST_ENGINES");
  const std::string all = chosen != nullptr ? chosen : engines();
  std::vector<std::string> names;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find_first_of(", ", at), all.size());
    if (end != at) {
      names.push_back(all.substr(at, end - at));
    }
    at = end + 1;
  }
  return names;
}

// Google Test takes letters, digits and underscores.
inline std::string as_test_name(std::string name) {
  std::ranges::replace(name, '-', '_');
  return name;
}

inline std::size_t open_handles() {
  DIR* directory = ::opendir("/proc/self/fd");
  std::size_t count = 0;
  while (directory != nullptr && ::readdir(directory) != nullptr) {
    ++count;
  }
  ::closedir(directory);
  return count;
}

inline void expect_clean(const Loop& loop) {
  const Ledger ledger = loop.ledger();
  EXPECT_EQ(ledger.descriptors, 0u) << "a stream, file or socket is still open";
  EXPECT_EQ(ledger.operations, 0u) << "an operation is still in flight";
  EXPECT_EQ(ledger.frames, 0u) << "a task's frame is still alive";
  EXPECT_EQ(ledger.buffers, 0u) << "a lease was not given back";
  EXPECT_EQ(ledger.timers, 0u) << "a timer is still armed";
  EXPECT_TRUE(ledger.clean());
}

// Runs `body(args...)`, a Task<>, on `loop` to its end, and what it left to the lanes.
template <TaskBody F, class... A>
void run_to_end(Loop& loop, F body, A... args) {
  constexpr auto kLimit = std::chrono::seconds(30);
  constexpr std::uint64_t kTurns = 5'000'000;
  {
    Scope root(nullptr);
    ASSERT_TRUE(root.spawn(body, std::move(args)...));
    const auto end = std::chrono::steady_clock::now() + kLimit;
    const auto limit = after(loop.now(), kLimit);
    bool cancelled = false;
    while (root.live() != 0 || loop.ledger().operations != 0 || loop.next() == Instant{}) {
      const bool over = root.live() == 0 && loop.ledger().operations == 0;
      loop.turn(over ? Instant{} : cancelled ? kNever : limit);
      if (!cancelled && (loop.turns() > kTurns || std::chrono::steady_clock::now() >= end)) {
        ADD_FAILURE() << (loop.turns() > kTurns ? "the loop spins: it was cancelled"
                                                : "the test did not end in 30 s: it was cancelled");
        cancelled = true;
        root.cancel();
      }
    }
    if (auto failure = ScopeAccess::take_failure(root)) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        ADD_FAILURE() << "an exception left the test's task: " << e.what();
      }
    }
  }
  expect_clean(loop);
}

// Its parameter is the engine's name.
class EngineTest : public testing::TestWithParam<std::string> {
 protected:
  // Runs `body(args...)`, a Task<> whose arguments are moved into its frame, on the engine under
  // test; checks the ledger, and that the process has the handles it had before.
  template <TaskBody F, class... A>
  void run(F body, A... args) {
    run_with(LoopOptions{}, body, std::move(args)...);
  }

  template <TaskBody F, class... A>
  void run_with(LoopOptions options, F body, A... args) {
    const std::size_t before = open_handles();
    options.engine = GetParam();
    {
      auto loop = Loop::create(options);
      ASSERT_TRUE(loop) << GetParam() << ": " << loop.error().message();
      run_to_end(**loop, body, std::move(args)...);
    }
    EXPECT_EQ(open_handles(), before) << "a handle leaked";
  }
};

}  // namespace vigil::test

// ASSERT_TRUE for a task's body: gtest's own returns, where a coroutine must co_return.
#define CO_ASSERT_TRUE(condition)               \
  if (!(condition)) {                           \
    ADD_FAILURE() << #condition << " is false"; \
    co_return;                                  \
  } else                                        \
    static_cast<void>(0)

// For a Result: says the error.
#define CO_ASSERT_OK(expression)                                                \
  if (auto&& co_assert_result = expression; !co_assert_result) {                \
    ADD_FAILURE() << #expression << ": " << co_assert_result.error().message(); \
    co_return;                                                                  \
  } else                                                                        \
    static_cast<void>(0)

// Runs the tests of `Suite`, an EngineTest, on every engine.
#define INSTANTIATE_ON_EVERY_ENGINE(Suite)                                              \
  INSTANTIATE_TEST_SUITE_P(On, Suite, testing::ValuesIn(::vigil::test::engine_names()), \
                           [](const testing::TestParamInfo<std::string>& engine_name) { \
                             return ::vigil::test::as_test_name(engine_name.param);     \
                           })

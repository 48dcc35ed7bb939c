// Cause: timeout() and shielded() counted from the loop's clock, which stands still during a turn.
// In a turn that had computed for longer than the deadline, what was started under it had no time
// at all. Semantics L2.1.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/engine_fixture.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class DeadlinesCountFromTheirCall : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(DeadlinesCountFromTheirCall);

// Leaves the loop's clock behind the system's by `span`, in the turn that goes on with the caller.
void compute_for(std::chrono::milliseconds span) {
  static_cast<void>(Loop::current()->now());
  std::this_thread::sleep_for(span);
}

Task<Result<>> sleeps_until_cancelled() { co_return co_await sleep_until(kNever); }

TEST_P(DeadlinesCountFromTheirCall, OfATimeout) {
  run([]() -> Task<> {
    co_await sleep_for(0ns);
    compute_for(60ms);
    const auto before = std::chrono::steady_clock::now();
    auto limited = timeout(40ms, sleeps_until_cancelled());
    const Result<> ended = co_await std::move(limited);
    EXPECT_GE(std::chrono::steady_clock::now() - before, 40ms);
    EXPECT_EQ(ended.error(), std::errc::timed_out);
  });
}

TEST_P(DeadlinesCountFromTheirCall, OfAShield) {
  run([]() -> Task<> {
    auto whole = scoped([](Scope& scope) -> Task<> {
      co_await sleep_for(0ns);
      compute_for(60ms);
      scope.cancel();
      const auto before = std::chrono::steady_clock::now();
      auto last = shielded(40ms, sleeps_until_cancelled());
      const Result<> ended = co_await std::move(last);
      EXPECT_GE(std::chrono::steady_clock::now() - before, 40ms);
      EXPECT_EQ(ended.error(), std::errc::operation_canceled);
    });
    co_await std::move(whole);
  });
}

}  // namespace
}  // namespace vigil::test

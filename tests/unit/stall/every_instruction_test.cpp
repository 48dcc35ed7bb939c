// A dump may be asked for by a signal, which comes at any instruction of the loop's thread. Here
// one comes at each: the processor's trap flag stops it after every instruction, while tasks are
// made, await each other, are cancelled, time out and end; and each time the lists are walked.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdint>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/not_run.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/coro/this_task.hpp"
#include "vigil/loop/dump.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#if !defined(__has_feature)
#define VIGIL_MAY_TRAP 1
#elif !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer)
#define VIGIL_MAY_TRAP 1
#endif
#endif

#if defined(VIGIL_MAY_TRAP)

constexpr std::size_t kRecords = 64;
constexpr std::uint32_t kWitnesses = 3;  // tasks of the scope that changes, older than all others
constexpr std::size_t kMost = 40;        // tasks and scopes that there are at once, at most

struct Walks {
  DumpRoom* room = nullptr;
  std::uint64_t taken = 0;
  std::uint64_t wrong = 0;
  std::size_t most = 0;
};
Walks walks;

void walk_at_trap(int) {
  const Loop* loop = Loop::current();
  if (loop == nullptr || walks.room == nullptr) {
    return;
  }
  take_dump(*loop, *walks.room);
  ++walks.taken;
  walks.most = std::max(walks.most, walks.room->records().size());
  std::uint32_t witnesses = 0;
  for (const DumpRecord& record : walks.room->records()) {
    witnesses += record.tag;
  }
  // A task that was there all the while is missing; or it went round and round.
  if (witnesses != kWitnesses || walks.room->left_out() != 0 ||
      walks.room->records().size() > kMost) {
    ++walks.wrong;
  }
  take_running(*loop, *walks.room);
}

// The stack below is the compiler's (128 bytes of it), so out of its way.
[[gnu::noinline]] void trap_each_instruction() {
  asm volatile("subq $128, %%rsp; pushfq; orq $0x100, (%%rsp); popfq; addq $128, %%rsp" ::
                   : "memory", "cc");
}
[[gnu::noinline]] void trap_no_more() {
  asm volatile("subq $128, %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; addq $128, %%rsp" ::
                   : "memory", "cc");
}

Task<> wait_for(ManualResetEvent* event) { static_cast<void>(co_await event->wait()); }
Task<> witness(ManualResetEvent* event) {
  co_await this_task::set_tag(1);
  static_cast<void>(co_await event->wait());
}
Task<Result<>> sleep_long() { co_return co_await sleep_for(1h); }
Task<int> add(int one, int other) { co_return one + other; }
Task<> end_early() {
  auto sum = add(1, 2);
  EXPECT_EQ(co_await std::move(sum), 3);
  co_await yield();
}

Task<> work(Scope& scope) {
  ManualResetEvent event;
  ManualResetEvent last;
  for (std::uint32_t i = 0; i != kWitnesses; ++i) {
    EXPECT_TRUE(scope.spawn(&witness, &last));
  }
  trap_each_instruction();
  for (int i = 0; i != 3; ++i) {
    EXPECT_TRUE(scope.spawn(&wait_for, &event));
    EXPECT_TRUE(scope.spawn(&end_early));
    EXPECT_TRUE(scope.spawn([]() -> Task<> {
      auto limited = timeout(1h, sleep_long());
      static_cast<void>(co_await std::move(limited));
    }));
  }
  co_await yield();
  auto inside = scoped([](Scope& inner) -> Task<> {
    EXPECT_TRUE(inner.spawn(&end_early));
    co_await yield();
  });
  co_await std::move(inside);
  auto late = timeout(1ms, sleep_long());
  static_cast<void>(co_await std::move(late));
  event.set();
  co_await yield();
  trap_no_more();
  scope.cancel();
}

class EveryInstruction : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(On, EveryInstruction, testing::Values(engine_names().front()));

TEST_P(EveryInstruction, FindsListsThatAreWhole) {
  auto room = DumpRoom::make(kRecords);
  ASSERT_TRUE(room);
  walks = {.room = &*room};
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = &walk_at_trap;
  ASSERT_EQ(::sigaction(SIGTRAP, &action, &before), 0);
  run([]() -> Task<> {
    auto all = scoped(&work);
    co_await std::move(all);
  });
  ::sigaction(SIGTRAP, &before, nullptr);
  EXPECT_GT(walks.taken, 2'000u) << "it was not stopped at each instruction";
  EXPECT_GE(walks.most, 15u) << "it saw no tasks";
  EXPECT_EQ(walks.wrong, 0u);
}

#else

TEST(EveryInstruction, FindsListsThatAreWhole) {
  VIGIL_NOT_RUN("it takes an x86-64 processor's trap flag, and no sanitizer");
}

#endif

}  // namespace
}  // namespace vigil::test

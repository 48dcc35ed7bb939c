// Signals awaited, and the thread's mask as it was afterwards.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <string>

#include "tests/support/engine_fixture.hpp"
#include "vigil/os/signals.hpp"

namespace vigil {
namespace {

using namespace std::chrono_literals;

class OsSignals : public test::EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(OsSignals);

bool is_blocked(int number) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return ::sigismember(&mask, number) == 1;
}

// To this thread: the test's process may have others.
void raise_here(int number) { ::pthread_kill(::pthread_self(), number); }

TEST_P(OsSignals, EachIsToldToWhoWaits) {
  run([]() -> Task<> {
    auto signals = os::Signals::open({SIGUSR1, SIGUSR2});
    CO_ASSERT_OK(signals);
    auto all = scoped(
        [](Scope& scope, os::Signals* from) -> Task<> {
          const auto wait_for = [](os::Signals* source, int number) -> Task<> {
            auto signal = co_await source->next();
            CO_ASSERT_OK(signal);
            EXPECT_EQ(signal->number, number);
            EXPECT_EQ(signal->sender, ::getpid());
          };
          CO_ASSERT_OK(scope.spawn(wait_for, from, SIGUSR2));  // parked
          raise_here(SIGUSR2);
          co_return;
        },
        &*signals);
    co_await std::move(all);
    raise_here(SIGUSR1);  // before anybody asks
    auto first = co_await signals->next();
    CO_ASSERT_OK(first);
    EXPECT_EQ(first->number, SIGUSR1);
  });
}

TEST_P(OsSignals, TheMaskIsAsItWasAfterwards) {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
  ASSERT_FALSE(is_blocked(SIGUSR1));
  run([]() -> Task<> {
    auto signals = os::Signals::open({SIGUSR1, SIGUSR2});
    CO_ASSERT_OK(signals);
    os::Signals moved = std::move(*signals);
    EXPECT_TRUE(is_blocked(SIGUSR1));
    EXPECT_TRUE(is_blocked(SIGUSR2));
    co_return;
  });
  EXPECT_FALSE(is_blocked(SIGUSR1));
  EXPECT_TRUE(is_blocked(SIGUSR2)) << "somebody else had blocked it";
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

TEST_P(OsSignals, CancelLosesNone) {
  run([]() -> Task<> {
    auto signals = os::Signals::open({SIGUSR1});
    CO_ASSERT_OK(signals);
    auto waiting = signals->next();
    auto limited = timeout(1ms, std::move(waiting));
    auto nothing = co_await std::move(limited);
    EXPECT_EQ(nothing.error(), std::errc::timed_out);
    raise_here(SIGUSR1);
    auto signal = co_await signals->next();
    CO_ASSERT_OK(signal);
    EXPECT_EQ(signal->number, SIGUSR1);
  });
}

TEST_P(OsSignals, RealTimeOnesAreQueuedWithTheirValue) {
  run([]() -> Task<> {
    auto signals = os::Signals::open({SIGRTMIN + 3});
    CO_ASSERT_OK(signals);
    for (int value = 1; value <= 3; ++value) {
      sigval carried{};
      carried.sival_int = value;
      CO_ASSERT_TRUE(::pthread_sigqueue(::pthread_self(), SIGRTMIN + 3, carried) == 0);
    }
    for (int value = 1; value <= 3; ++value) {
      auto signal = co_await signals->next();
      CO_ASSERT_OK(signal);
      EXPECT_EQ(signal->value, value);
    }
  });
}

TEST_P(OsSignals, WhatNobodyCanTakeIsRefused) {
  run([]() -> Task<> {
    for (const int number : {0, -1, 65, SIGKILL, SIGSTOP, SIGSEGV}) {
      auto signals = os::Signals::open({SIGUSR1, number});
      EXPECT_EQ(signals.error(), std::errc::invalid_argument) << number;
    }
    EXPECT_FALSE(is_blocked(SIGUSR1));
    co_return;
  });
}

}  // namespace
}  // namespace vigil

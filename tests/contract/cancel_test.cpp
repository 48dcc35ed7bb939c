// Cancel and deadlines at every kind of wait (semantics T2), on every engine.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>

#include "tests/support/streams.hpp"
#include "vigil/coro/channel.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/coro/this_task.hpp"
#include "vigil/coro/wait.hpp"
#include "vigil/coro/when.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class CancelTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(CancelTest);

// T2.5, T2.6: every kind of wait ends with operation_canceled, once, and holds nothing after.
using Waiting = Task<std::error_code> (*)(Ends*);

Task<std::error_code> waits_receive(Ends* ends) {
  auto got = co_await ends->stream.receive();
  co_return got ? std::error_code() : got.error();
}
Task<std::error_code> waits_read(Ends* ends) {
  std::array<std::byte, 8> room;
  auto got = co_await ends->stream.read(room);
  co_return got ? std::error_code() : got.error();
}
Task<std::error_code> waits_send(Ends* ends) {
  const std::string much(std::size_t{32} << 20, 'x');
  auto sent = co_await ends->stream.send(as_bytes(much));
  co_return sent ? std::error_code() : sent.error();
}
Task<std::error_code> waits_send_many(Ends* ends) {
  const std::string much(std::size_t{32} << 20, 'x');
  std::array<ByteView, 2> parts{as_bytes(much), as_bytes(much)};
  auto sent = co_await ends->stream.send(std::span<ByteView>(parts));
  co_return sent ? std::error_code() : sent.error();
}
Task<std::error_code> waits_accept(Ends*) {
  auto listener = TcpListener::listen(Address::loopback(0));
  auto got = co_await listener->accept();
  co_return got ? std::error_code() : got.error();
}
Task<std::error_code> waits_shared_accept(Ends*) {
  auto listener = TcpListener::listen(Address::loopback(0), {.shared = true});
  auto got = co_await listener->accept();
  co_return got ? std::error_code() : got.error();
}
Task<std::error_code> waits_sleep(Ends*) {
  auto slept = co_await sleep_for(1h);
  co_return slept ? std::error_code() : slept.error();
}
Task<std::error_code> waits_event(Ends*) {
  ManualResetEvent event;
  auto waited = co_await event.wait();
  co_return waited ? std::error_code() : waited.error();
}
Task<std::error_code> waits_mutex(Ends*) {
  Mutex mutex;
  const auto held = mutex.try_lock();
  auto waited = co_await mutex.lock();
  co_return waited ? std::error_code() : waited.error();
}
Task<std::error_code> waits_semaphore(Ends*) {
  Semaphore semaphore(1);
  auto waited = co_await semaphore.acquire(2);
  EXPECT_EQ(semaphore.available(), 1u);
  co_return waited ? std::error_code() : waited.error();
}
Task<std::error_code> waits_channel_receive(Ends*) {
  Channel<int> channel(1);
  auto waited = co_await channel.receive();
  co_return waited ? std::error_code() : waited.error();
}
Task<std::error_code> waits_channel_send(Ends*) {
  Channel<std::string> channel(0);
  std::string value = "kept";
  auto waited = co_await channel.send(std::move(value));
  EXPECT_EQ(value, "kept");  // NOLINT: an error leaves it
  co_return waited ? std::error_code() : waited.error();
}
Task<std::error_code> waits_readable(Ends* ends) {
  auto ready = co_await wait_readable(ends->peer.get());
  co_return ready ? std::error_code() : ready.error();
}
Task<std::error_code> waits_deeper(Ends* ends) {
  auto whole = scoped(
      [](Scope&, Ends* inner) -> Task<std::error_code> {
        auto inner_wait = waits_receive(inner);
        co_return co_await std::move(inner_wait);
      },
      ends);
  co_return co_await std::move(whole);
}
Task<std::error_code> waits_all(Ends* ends) {
  auto both = all(waits_receive(ends), waits_sleep(ends));
  auto codes = co_await std::move(both);
  EXPECT_EQ(std::get<0>(codes), std::get<1>(codes));
  co_return std::get<0>(codes);
}
Task<std::error_code> waits_any(Ends* ends) {
  auto first = any(waits_receive(ends), waits_sleep(ends));
  auto code = co_await std::move(first);
  co_return code.index() == 0 ? std::get<0>(code) : std::get<1>(code);
}

constexpr std::pair<const char*, Waiting> kWaits[] = {
    {"receive", &waits_receive},
    {"read", &waits_read},
    {"send", &waits_send},
    {"send many", &waits_send_many},
    {"accept", &waits_accept},
    {"shared accept", &waits_shared_accept},
    {"sleep", &waits_sleep},
    {"event", &waits_event},
    {"mutex", &waits_mutex},
    {"semaphore", &waits_semaphore},
    {"channel receive", &waits_channel_receive},
    {"channel send", &waits_channel_send},
    {"readable", &waits_readable},
    {"scope", &waits_deeper},
    {"all", &waits_all},
    {"any", &waits_any},
};

Task<> keeps(Waiting wait, Ends* ends, std::error_code* outcome, bool* again) {
  auto first = wait(ends);
  *outcome = co_await std::move(first);
  // Cancelled once is cancelled: what follows is not even tried.
  auto slept = co_await sleep_for(0ns);
  auto sent = co_await ends->stream.send(as_bytes("x"));
  *again = slept.error() == std::errc::operation_canceled &&
           sent.error() == std::errc::operation_canceled;
  const bool cancelled = co_await this_task::cancelled();
  *again = *again && cancelled;
}

TEST_P(CancelTest, CancelEndsEveryKindOfWait) {
  for (const auto& [name, wait] : kWaits) {
    SCOPED_TRACE(name);
    run(
        [](Waiting waiting) -> Task<> {
          for (const bool already : {false, true}) {
            auto making = make_ends();
            Ends ends = co_await std::move(making);
            std::error_code outcome;
            bool again = false;
            auto whole = scoped(
                [](Scope& scope, bool before, Waiting what, Ends* on, std::error_code* into,
                   bool* later) -> Task<> {
                  if (before) {
                    scope.cancel();
                  }
                  CO_ASSERT_OK(scope.spawn(&keeps, what, on, into, later));
                  if (!before) {
                    EXPECT_FALSE(static_cast<bool>(*into)) << "it did not wait";
                    co_await sleep_for(3ms);
                    scope.cancel();
                    scope.cancel();
                    EXPECT_FALSE(*later) << "cancel resumed somebody";
                  }
                },
                already, waiting, &ends, &outcome, &again);
            co_await std::move(whole);
            EXPECT_EQ(outcome, std::errc::operation_canceled);
            EXPECT_TRUE(again);
          }
        },
        wait);
  }
}

// T2.7, T2.8
TEST_P(CancelTest, DeadlineReachesEverythingInsideAndIsNamedByItsOwner) {
  for (const auto& [name, wait] : kWaits) {
    SCOPED_TRACE(name);
    run(
        [](Waiting waiting) -> Task<> {
          auto making = make_ends();
          Ends ends = co_await std::move(making);
          const auto before = std::chrono::steady_clock::now();
          auto waits = [](Waiting what, Ends* on) -> Task<Result<int>> {
            auto wait_on = what(on);
            const std::error_code code = co_await std::move(wait_on);
            if (code) {
              co_return std::unexpected(code);
            }
            co_return 1;
          };
          auto limited = timeout(5ms, waits(waiting, &ends));
          auto result = co_await std::move(limited);
          CO_ASSERT_TRUE(!result);
          EXPECT_EQ(result.error(), std::errc::timed_out);
          EXPECT_GE(std::chrono::steady_clock::now() - before, 5ms);
          const bool cancelled = co_await this_task::cancelled();
          EXPECT_FALSE(cancelled);
        },
        wait);
  }
}

}  // namespace
}  // namespace vigil::test

// Names: numbers at once, the rest beside the loop, and a deadline that does not wait for the
// system.
#include <gtest/gtest.h>
#include <netdb.h>

#include <semaphore>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/not_run.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/loop/system_arguments.hpp"
#include "vigil/net/resolve.hpp"

namespace vigil {
namespace {

using namespace std::chrono_literals;

class Resolving : public test::EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(Resolving);

// The system's calls, with a resolver that answers when it is told, and what it is told.
class SlowResolver final : public Syscalls {
 public:
  std::int32_t recv(NativeHandle handle, std::byte* to, std::size_t size) noexcept override {
    return native_syscalls().recv(handle, to, size);
  }
  std::int32_t send(NativeHandle handle, const std::byte* from,
                    std::size_t size) noexcept override {
    return native_syscalls().send(handle, from, size);
  }
  std::int32_t perform(Op& op) noexcept override {
    if (op.code != Opcode::resolve) {
      return native_syscalls().perform(op);
    }
    entered.release();
    answer.acquire();
    auto& args = *reinterpret_cast<ResolveArgs*>(op.data);
    asked += args.name;
    std::size_t count = 0;
    for (const char* text : {"[2001:db8::1]:0", "[2001:db8::2]:0", "[2001:db8::1]:0", "192.0.2.1:0",
                             "192.0.2.2:0", "192.0.2.3:0"}) {
      args.found[count] = Address::parse(text)->name();
      args.found[count++].port = args.port;
    }
    return static_cast<std::int32_t>(count);
  }
  void close(NativeHandle handle) noexcept override { native_syscalls().close(handle); }
  Instant now() noexcept override { return native_syscalls().now(); }

  std::counting_semaphore<> entered{0};
  std::counting_semaphore<> answer{0};
  std::string asked;
};

TEST_P(Resolving, NumbersNeedNoThread) {
  run([]() -> Task<> {
    for (const char* text : {"127.0.0.1", "::1", "2001:db8::7"}) {
      auto found = co_await resolve(text, 80);
      CO_ASSERT_OK(found);
      CO_ASSERT_TRUE(found->size() == 1);
      EXPECT_EQ(found->front().host(), text);
      EXPECT_EQ(found->front().port(), 80);
    }
    auto wrong = co_await resolve("127.0.0.1", 80, AddressFamily::ipv6);
    EXPECT_EQ(wrong.error(), ResolveError::no_address);
    EXPECT_EQ(Loop::current()->resolver().figures().threads, 0u);
  });
}

TEST_P(Resolving, ANameOfThisMachineIsFound) {
  addrinfo* known = nullptr;
  if (::getaddrinfo("localhost", nullptr, nullptr, &known) != 0) {
    VIGIL_NOT_RUN("this machine does not know the name localhost (/etc/hosts)");
  }
  ::freeaddrinfo(known);
  run([]() -> Task<> {
    auto found = co_await resolve("localhost", 443, AddressFamily::ipv4);
    CO_ASSERT_OK(found);
    EXPECT_EQ(*found, std::vector<Address>(1, Address::loopback(443)));
    for (const std::string& bad : {std::string(), std::string(300, 'a'), std::string("a\0b", 3)}) {
      auto nothing = co_await resolve(bad, 1);
      EXPECT_EQ(nothing.error(), std::errc::invalid_argument);
    }
  });
}

TEST_P(Resolving, FamiliesComeInTurnAndEachAddressOnce) {
  SlowResolver slow;
  slow.answer.release();
  run_with({.syscalls = &slow}, []() -> Task<> {
    auto found = co_await resolve("name.example", 8080);
    CO_ASSERT_OK(found);
    std::string order;
    for (const Address& address : *found) {
      order += address.host() + " ";
      EXPECT_EQ(address.port(), 8080);
    }
    EXPECT_EQ(order, "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 192.0.2.3 ");
  });
  EXPECT_EQ(slow.asked, "name.example");
}

// The thread is still in the system when the task has gone: it owns what it writes to.
TEST_P(Resolving, ADeadlineDoesNotWaitForTheSystem) {
  SlowResolver slow;
  run_with(
      {.resolver = {.threads = 1, .capacity = 4}, .syscalls = &slow},
      [](SlowResolver* system) -> Task<> {
        auto running = scoped(
            [](Scope& scope, SlowResolver* until) -> Task<> {
              CO_ASSERT_OK(scope.spawn([]() -> Task<> {
                auto nothing = co_await resolve("running.example", 1);
                EXPECT_EQ(nothing.error(), std::errc::operation_canceled);
              }));
              co_await sleep_for(1ms);
              until->entered.acquire();  // the thread is in the call
              scope.set_deadline(after(Loop::current()->now(), 1ms));
            },
            system);
        co_await std::move(running);
        auto asking = resolve("queued.example", 1);
        auto limited = timeout(10ms, std::move(asking));
        auto nothing = co_await std::move(limited);
        EXPECT_EQ(nothing.error(), std::errc::timed_out);
        EXPECT_EQ(Loop::current()->resolver().operations(), 1u) << "the thread is not back";
        system->answer.release(2);
      },
      &slow);
  EXPECT_EQ(slow.asked, "running.example") << "what had not begun was taken back";
}

}  // namespace
}  // namespace vigil

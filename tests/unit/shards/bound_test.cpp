// Sockets that one process keeps, and others accept from.
#include "vigil/runtime/bound.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/shards_fixture.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/runtime/accept.hpp"

namespace vigil::test {
namespace {

using Opened = Result<BoundSockets>;

Opened bound(AcceptStrategy how, unsigned shards) {
  return BoundSockets::open(Address::loopback(0), {}, how, shards);
}

Task<Result<TcpStream>> connect(Address to) {
  auto connecting = TcpStream::connect(to);
  co_return co_await std::move(connecting);
}

Task<Result<TcpStream>> accept(TcpListener* from) { co_return co_await from->accept(); }

TEST(Bound, HasASocketForEachShardOrOneForAll) {
  run_shards({.count = 1}, [](Shards&) -> Task<> {
    const auto group = bound(AcceptStrategy::reuseport, 6);
    CO_ASSERT_OK(group);
    EXPECT_EQ(group->handles().size(), 6u);
    const auto exclusive = bound(AcceptStrategy::exclusive, 6);
    CO_ASSERT_OK(exclusive);
    EXPECT_EQ(exclusive->handles().size(), 1u);
    EXPECT_NE(group->address().port(), 0);
    EXPECT_NE(group->address(), exclusive->address());
    co_return;
  });
}

TEST(Bound, RefusesWhatCannotBe) {
  run_shards({.count = 1}, [](Shards&) -> Task<> {
    EXPECT_EQ(bound(AcceptStrategy::reuseport_cpu, 2).error(), std::errc::invalid_argument);
    const auto there = bound(AcceptStrategy::reuseport, 2);
    CO_ASSERT_OK(there);
    // A group takes in whoever asks: this one must not be two programs'.
    EXPECT_EQ(BoundSockets::open(there->address(), {}, AcceptStrategy::reuseport, 2).error(),
              std::errc::address_in_use);
    co_return;
  });
}

// Who accepts goes away, and who comes then waits for the next.
TEST(Bound, OutlivesWhoAccepts) {
  run_shards({.count = 1}, [](Shards& shards) -> Task<> {
    const auto sockets = bound(AcceptStrategy::exclusive, 1);
    CO_ASSERT_OK(sockets);
    const auto adopt = [&] {
      return Acceptors::adopt(shards, sockets->handles(), Acceptors::Adopted::lent, {},
                              AcceptStrategy::exclusive);
    };
    auto first = adopt();
    CO_ASSERT_OK(first);
    auto gone = (*first)->take();
    CO_ASSERT_OK(gone);
    gone->close();
    first->reset();
    auto connecting = connect(sockets->address());
    auto client = co_await std::move(connecting);
    CO_ASSERT_OK(client);
    auto second = adopt();
    CO_ASSERT_OK(second);
    auto listener = (*second)->take();
    CO_ASSERT_OK(listener);
    auto accepting = timeout(std::chrono::seconds(20), accept(&*listener));
    const auto accepted = co_await std::move(accepting);
    EXPECT_TRUE(accepted);
  });
}

TEST(Bound, LetsNobodyInWhoComesTooLate) {
  run_shards({.count = 1}, [](Shards& shards) -> Task<> {
    auto sockets = bound(AcceptStrategy::exclusive, 1);
    CO_ASSERT_OK(sockets);
    auto acceptors = Acceptors::adopt(shards, sockets->handles(), Acceptors::Adopted::lent, {},
                                      AcceptStrategy::exclusive);
    CO_ASSERT_OK(acceptors);
    auto listener = (*acceptors)->take();
    CO_ASSERT_OK(listener);
    auto connecting = connect(sockets->address());
    const auto early = co_await std::move(connecting);
    CO_ASSERT_OK(early);
    sockets->refuse();
    auto trying = timeout(std::chrono::milliseconds(200), connect(sockets->address()));
    const auto late = co_await std::move(trying);
    EXPECT_EQ(late.error(), std::errc::timed_out);
    auto accepting = timeout(std::chrono::seconds(20), accept(&*listener));
    const auto accepted = co_await std::move(accepting);
    EXPECT_TRUE(accepted) << "who was let in before";
  });
}

}  // namespace
}  // namespace vigil::test

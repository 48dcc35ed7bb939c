// Each way to accept on several shards: every connection is answered, and comes to whom it should.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "tests/support/peer.hpp"
#include "tests/support/shards_fixture.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/net/udp.hpp"
#include "vigil/runtime/accept.hpp"

namespace vigil::test {
namespace {

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

Task<Result<>> serve_here(Acceptors* acceptors) {
  auto listener = acceptors->take();
  if (!listener) {
    co_return std::unexpected(listener.error());
  }
  auto serving = serve(*listener, {}, echo);
  co_return co_await std::move(serving);
}

Task<> serve_on(Shards* shards, unsigned shard, Acceptors* acceptors) {
  auto serving = shards->run_on(shard, &serve_here, acceptors);
  const Result<> ended = co_await std::move(serving);
  EXPECT_EQ(ended.error(), std::errc::operation_canceled);
}

Task<> hand_out(Acceptors* acceptors) {
  Drain never(kForever);
  auto handing = acceptors->hand_out(never);
  static_cast<void>(co_await std::move(handing));
}

using Clients = void (*)(const Acceptors* acceptors);

Task<> serve_while(Scope& scope, Shards* shards, Acceptors* acceptors, Clients clients) {
  CO_ASSERT_TRUE(scope.spawn(&hand_out, acceptors));
  for (unsigned shard = 0; shard != shards->size(); ++shard) {
    CO_ASSERT_TRUE(scope.spawn(&serve_on, shards, shard, acceptors));
  }
  auto running = offload(clients, static_cast<const Acceptors*>(acceptors));
  EXPECT_TRUE(co_await std::move(running));
  scope.cancel();
}

using Opened = Result<std::unique_ptr<Acceptors>>;

Opened opened(Shards& shards, AcceptStrategy how) {
  return Acceptors::open(shards, Address::parse("127.0.0.1:0").value(), {}, how);
}

// With a socket of which somebody else has another handle.
Opened adopted(Shards& shards, AcceptStrategy how) {
  auto elsewhere = TcpListener::listen(Address::parse("127.0.0.1:0").value());
  EXPECT_TRUE(elsewhere);
  const std::array one{elsewhere->native_handle()};
  return Acceptors::adopt(shards, one, Acceptors::Adopted::lent, {}, how);
}

// Runs `clients` on a thread beside an echo on three shards.
void with_echo(AcceptStrategy strategy, Clients clients, unsigned count = 3,
               Opened (*open)(Shards&, AcceptStrategy) = &opened) {
  run_shards(
      {.count = count},
      [](Shards& shards, AcceptStrategy how, Clients each,
         Opened (*make)(Shards&, AcceptStrategy)) -> Task<> {
        auto acceptors = make(shards, how);
        CO_ASSERT_OK(acceptors);
        auto all = scoped(&serve_while, &shards, acceptors->get(), each);
        co_await std::move(all);
      },
      strategy, clients, open);
}

// Connections that stay, each with its own words.
std::vector<Peer> connect(const Acceptors& acceptors, int count) {
  std::vector<Peer> peers;
  for (int i = 0; i != count; ++i) {
    peers.emplace_back(acceptors.address().port());
    EXPECT_TRUE(peers.back().echoes("hello " + std::to_string(i)));
  }
  return peers;
}

class Accepting : public testing::TestWithParam<AcceptStrategy> {};

TEST_P(Accepting, AnswersEveryConnectionOnSomeShard) {
  with_echo(GetParam(), [](const Acceptors* acceptors) {
    const std::vector<Peer> peers = connect(*acceptors, 300);
    std::uint64_t accepted = 0;
    std::size_t live = 0;
    for (const AcceptFigures& figures : acceptors->figures()) {
      accepted += figures.accepted;
      live += figures.live;
    }
    EXPECT_EQ(accepted, 300u);
    EXPECT_EQ(live, 300u);
  });
}

TEST_P(Accepting, AnswersEveryConnectionOfASocketThatWasMadeElsewhere) {
  with_echo(
      GetParam(),
      [](const Acceptors* acceptors) {
        const std::vector<Peer> peers = connect(*acceptors, 100);
        std::uint64_t accepted = 0;
        for (const AcceptFigures& figures : acceptors->figures()) {
          accepted += figures.accepted;
        }
        EXPECT_EQ(accepted, 100u);
        const bool one = acceptors->strategy() == AcceptStrategy::exclusive;
        EXPECT_TRUE(one || acceptors->strategy() == AcceptStrategy::handoff);
      },
      3, &adopted);
}

INSTANTIATE_TEST_SUITE_P(With, Accepting,
                         testing::Values(AcceptStrategy::reuseport, AcceptStrategy::reuseport_cpu,
                                         AcceptStrategy::exclusive, AcceptStrategy::handoff),
                         [](const testing::TestParamInfo<AcceptStrategy>& each) {
                           return as_test_name(std::string(name_of(each.param)));
                         });

TEST(Accept, SpreadsByAGroupOverAllShards) {
  with_echo(AcceptStrategy::reuseport, [](const Acceptors* acceptors) {
    const std::vector<Peer> peers = connect(*acceptors, 600);
    for (const AcceptFigures& figures : acceptors->figures()) {
      EXPECT_GT(figures.accepted, 100u);  // 200 are expected: 9 standard deviations
    }
  });
}

TEST(Accept, HandsToTheShardThatHasTheFewest) {
  with_echo(AcceptStrategy::handoff, [](const Acceptors* acceptors) {
    std::vector<Peer> peers = connect(*acceptors, 300);
    EXPECT_LE(skew(acceptors->figures()).value(), 1.1);
    // A third leaves, most of it from one shard; who comes then fills the gaps, wherever they are.
    for (std::size_t i = 0; i < peers.size(); i += 3) {
      peers[i].close();
    }
    const auto live = [&] {
      std::size_t sum = 0;
      for (const AcceptFigures& figures : acceptors->figures()) {
        sum += figures.live;
      }
      return sum;
    };
    while (live() != 200) {
      ::sched_yield();
    }
    const std::vector<Peer> more = connect(*acceptors, 100);
    for (const AcceptFigures& figures : acceptors->figures()) {
      EXPECT_GE(figures.live, 97u);
      EXPECT_LE(figures.live, 103u);
    }
  });
}

TEST(Accept, WakesNobodyInVainForAGroupAndForHandoff) {
  for (const AcceptStrategy strategy : {AcceptStrategy::reuseport, AcceptStrategy::handoff}) {
    with_echo(strategy, [](const Acceptors* acceptors) {
      const std::vector<Peer> peers = connect(*acceptors, 500);
      std::uint64_t empty = 0;
      for (const AcceptFigures& figures : acceptors->figures()) {
        empty += figures.empty;
      }
      EXPECT_LE(empty, 5u);
    });
  }
}

TEST(Accept, SteersByTheProcessorThatAConnectionComesInOn) {
  const auto allowed = native_host().processors().allowed;
  if (allowed.size() < 2) {
    GTEST_SKIP() << "one processor";
  }
  with_echo(
      AcceptStrategy::reuseport_cpu,
      [](const Acceptors* acceptors) {
        const auto processors = native_host().processors().allowed;
        cpu_set_t before;
        ::sched_getaffinity(0, sizeof before, &before);
        for (std::size_t shard = 0; shard != 2; ++shard) {
          cpu_set_t one;
          CPU_ZERO(&one);
          CPU_SET(processors[shard], &one);
          ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
          const auto seen = acceptors->figures();
          const std::vector<Peer> peers = connect(*acceptors, 50);
          EXPECT_EQ(acceptors->figures()[shard].accepted, seen[shard].accepted + 50);
        }
        ::sched_setaffinity(0, sizeof before, &before);
      },
      2);
}

TEST(Accept, TakesNoPortThatAnotherGroupHas) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    const auto any = Address::parse("127.0.0.1:0").value();
    auto first = Acceptors::open(shards, any, {}, AcceptStrategy::reuseport);
    CO_ASSERT_OK(first);
    const Address taken = (*first)->address();
    const auto second = Acceptors::open(shards, taken, {}, AcceptStrategy::reuseport);
    CO_ASSERT_TRUE(!second);
    EXPECT_EQ(second.error(), std::errc::address_in_use);
    const auto meant =
        Acceptors::open(shards, taken, {.reuse_port = true}, AcceptStrategy::reuseport);
    EXPECT_TRUE(meant);
  });
}

// Whoever has the other handle goes on with it, and must not be deaf.
TEST(Accept, DoesNotRefuseOnASocketThatWasMadeElsewhere) {
  run_shards({.count = 1}, [](Shards& shards) -> Task<> {
    auto elsewhere = TcpListener::listen(Address::parse("127.0.0.1:0").value());
    CO_ASSERT_OK(elsewhere);
    {
      const std::array one{elsewhere->native_handle()};
      auto acceptors =
          Acceptors::adopt(shards, one, Acceptors::Adopted::lent, {}, AcceptStrategy::reuseport);
      CO_ASSERT_OK(acceptors);
      auto listener = (*acceptors)->take();
      CO_ASSERT_OK(listener);
      EXPECT_EQ(listener->refuse().error(), std::errc::no_protocol_option);
      listener->close();
    }
    auto connecting = TcpStream::connect(elsewhere->local_address().value());
    const auto client = co_await std::move(connecting);
    EXPECT_TRUE(client);
    auto accepted = co_await elsewhere->accept();
    EXPECT_TRUE(accepted);
  });
}

// As one process hands a group over to the next.
TEST(Accept, AdoptsTheSocketsOfAGroupForGood) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    auto first = Acceptors::open(shards, Address::loopback(0), {}, AcceptStrategy::reuseport);
    CO_ASSERT_OK(first);
    CO_ASSERT_OK((*first)->keep());
    EXPECT_EQ((*first)->handles().size(), 2u);
    auto second = Acceptors::adopt(shards, (*first)->handles(), Acceptors::Adopted::given, {},
                                   AcceptStrategy::reuseport);
    CO_ASSERT_OK(second);
    EXPECT_EQ((*second)->address(), (*first)->address());
    EXPECT_EQ((*second)->strategy(), AcceptStrategy::reuseport);
    first->reset();
    auto listener = (*second)->take();
    CO_ASSERT_OK(listener);
    EXPECT_TRUE(listener->refuse()) << "nobody else goes on with it";
    listener->close();
  });
}

TEST(Accept, LeavesNoSocketOfAGroupWithoutAShard) {
  run_shards({.count = 1}, [](Shards& shards) -> Task<> {
    auto one = TcpListener::listen(Address::loopback(0), {.reuse_port = true});
    CO_ASSERT_OK(one);
    auto other = TcpListener::listen(*one->local_address(), {.reuse_port = true});
    CO_ASSERT_OK(other);
    const std::array both{one->native_handle(), other->native_handle()};
    const auto refused =
        Acceptors::adopt(shards, both, Acceptors::Adopted::given, {}, AcceptStrategy::reuseport);
    EXPECT_EQ(refused.error(), std::errc::invalid_argument);
    const auto nothing =
        Acceptors::adopt(shards, {}, Acceptors::Adopted::given, {}, AcceptStrategy::reuseport);
    EXPECT_EQ(nothing.error(), std::errc::invalid_argument);
  });
}

TEST(Accept, AdoptsNothingButAListener) {
  run_shards({.count = 1}, [](Shards& shards) -> Task<> {
    auto datagrams = UdpSocket::bind(Address::parse("127.0.0.1:0").value());
    CO_ASSERT_OK(datagrams);
    const std::array one{datagrams->native_handle()};
    const auto refused =
        Acceptors::adopt(shards, one, Acceptors::Adopted::lent, {}, AcceptStrategy::exclusive);
    CO_ASSERT_TRUE(!refused);
    EXPECT_EQ(refused.error(), std::errc::not_a_socket);
  });
}

TEST(Accept, ReadsTheNamesThatItWrites) {
  for (const AcceptStrategy strategy : {AcceptStrategy::reuseport, AcceptStrategy::reuseport_cpu,
                                        AcceptStrategy::exclusive, AcceptStrategy::handoff}) {
    EXPECT_EQ(accept_strategy(name_of(strategy)), strategy);
  }
  EXPECT_FALSE(accept_strategy("thundering"));
}

}  // namespace
}  // namespace vigil::test

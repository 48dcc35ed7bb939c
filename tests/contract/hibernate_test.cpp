// Connections that hibernate (serve_turns), and wake, on every engine.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/turns.hpp"

namespace vigil::test {
namespace {

class HibernateTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HibernateTest);

TEST_P(HibernateTest, ConnectionsBeginAsleepAndHaveATurnForWhatComes) {
  run([]() -> Task<> {
    return while_turning({}, &echo_once, [](Turning* all) -> Task<> {
      auto dialing = dial(all);
      TcpStream peer = co_await std::move(dialing);
      auto waiting = until_asleep(all, 1);
      co_await std::move(waiting);
      EXPECT_EQ(all->turns, 0u);
      EXPECT_EQ(all->figures.live, 0u);
      for (unsigned i = 0; i < 20; ++i) {
        auto asking = asks(peer, payload(1, i, 1 + i * 100));
        EXPECT_TRUE(co_await std::move(asking));
        auto resting = until_asleep(all, 1);
        co_await std::move(resting);
      }
      EXPECT_EQ(all->figures.accepted, 1u);
      EXPECT_GE(all->turns, 20u);
      for (unsigned i = 0; i < all->numbers.size(); ++i) {
        EXPECT_EQ(all->numbers[i], i);  // the context stays
      }
      peer.close();
      while (all->ends == 0) {
        co_await sleep_for(1ms);
      }
      EXPECT_EQ(all->figures.asleep, 0u);
    });
  });
}

// What is there when a turn ends must not be slept over: the client says all at once.
TEST_P(HibernateTest, WhatCameDuringATurnStartsTheNext) {
  run([]() -> Task<> {
    return while_turning(
        {},
        [](TcpStream& peer, Turning* all) -> Task<After> {
          ++all->turns;
          char some[1000];
          auto got = co_await peer.read(std::as_writable_bytes(std::span(some)));
          if (!got || *got == 0) {
            ++all->ends;
            co_return After::close;
          }
          all->heard.append(some, *got);
          co_return After::hibernate;
        },
        [](Turning* all) -> Task<> {
          auto dialing = dial(all);
          TcpStream peer = co_await std::move(dialing);
          const std::string text = payload(3, 4, 50000);
          auto sent = co_await peer.send(as_bytes(text));
          CO_ASSERT_OK(sent);
          CO_ASSERT_OK(peer.shutdown(Direction::write));
          while (all->ends == 0) {
            co_await sleep_for(1ms);
          }
          EXPECT_EQ(all->heard, text);
          EXPECT_GE(all->turns, 51u);
        });
  });
}

TEST_P(HibernateTest, WakesAtTheEndAndAtAReset) {
  run([]() -> Task<> {
    return while_turning({}, &echo_once, [](Turning* all) -> Task<> {
      auto dialing = dial(all);
      TcpStream peer = co_await std::move(dialing);
      auto dialing_too = dial(all);
      TcpStream other = co_await std::move(dialing_too);
      auto waiting = until_asleep(all, 2);
      co_await std::move(waiting);
      CO_ASSERT_OK(peer.shutdown(Direction::write));
      while (all->ends != 1) {
        co_await sleep_for(1ms);
      }
      auto end = co_await peer.receive();
      EXPECT_TRUE(end && end->empty());
      EXPECT_FALSE(all->was_reset);
      other.reset();
      while (all->ends != 2) {
        co_await sleep_for(1ms);
      }
      EXPECT_TRUE(all->was_reset);
      auto none = until_asleep(all, 0);
      co_await std::move(none);
      EXPECT_EQ(all->turns, 2u);
    });
  });
}

TEST_P(HibernateTest, ManyWakeInOneBatch) {
  run([]() -> Task<> {
    return while_turning({}, &echo_once, [](Turning* all) -> Task<> {
      constexpr unsigned kMany = 200;
      std::vector<TcpStream> peers;
      for (unsigned i = 0; i < kMany; ++i) {
        auto dialing = dial(all);
        peers.push_back(co_await std::move(dialing));
      }
      for (unsigned round = 0; round < 3; ++round) {
        auto waiting = until_asleep(all, kMany);
        co_await std::move(waiting);
        for (unsigned i = 0; i < kMany; ++i) {
          auto sent = co_await peers[i].send(as_bytes(payload(i, round, 100)));
          CO_ASSERT_OK(sent);
        }
        for (unsigned i = 0; i < kMany; ++i) {
          auto hearing = receive_exactly(peers[i], 100);
          const std::string got = co_await std::move(hearing);
          CO_ASSERT_TRUE(got == payload(i, round, 100));
        }
      }
      auto resting = until_asleep(all, kMany);
      co_await std::move(resting);
      // From the middle of their order, and its ends.
      for (const unsigned i : {0u, 100u, 101u, 199u}) {
        peers[i].close();
      }
      auto left = until_asleep(all, kMany - 4);
      co_await std::move(left);
      EXPECT_EQ(all->ends, 4u);
    });
  });
}

// No frame, no buffer and no timer of its own: what is left of it is in DescriptorTable's test.
TEST_P(HibernateTest, WhoSleepsHasNothingButItsDescriptor) {
  run([]() -> Task<> {
    return while_turning({}, &echo_once, [](Turning* all) -> Task<> {
      constexpr unsigned kMany = 200;
      const Loop& loop = *Loop::current();
      const Ledger before = loop.ledger();
      std::vector<TcpStream> peers;
      for (unsigned i = 0; i < kMany; ++i) {
        auto dialing = dial(all);
        peers.push_back(co_await std::move(dialing));
      }
      for (unsigned round = 0; round < 2; ++round) {
        auto waiting = until_asleep(all, kMany);
        co_await std::move(waiting);
        const Ledger now = loop.ledger();
        EXPECT_EQ(now.frames, before.frames);
        EXPECT_EQ(now.buffers, before.buffers);
        EXPECT_EQ(now.timers, before.timers);
        for (unsigned i = 0; round == 0 && i < kMany; ++i) {
          auto asking = asks(peers[i], "awake for a while");
          CO_ASSERT_TRUE(co_await std::move(asking));
        }
      }
    });
  });
}

// Their places and numbers are taken again at once: no word for one reaches the other.
TEST_P(HibernateTest, ANewConnectionInTheSamePlaceIsItsOwn) {
  run([]() -> Task<> {
    return while_turning({}, &echo_once, [](Turning* all) -> Task<> {
      for (unsigned i = 0; i < 50; ++i) {
        auto dialing = dial(all);
        TcpStream peer = co_await std::move(dialing);
        if (i % 3 == 0) {
          auto asking = asks(peer, payload(i, 0, 300));
          CO_ASSERT_TRUE(co_await std::move(asking));
        }
        if (i % 2 == 0) {
          peer.reset();
        }
      }
      while (all->ends != 50 || all->figures.asleep != 0) {
        co_await sleep_for(1ms);
      }
      for (std::size_t i = 0; i < all->numbers.size(); ++i) {
        EXPECT_LE(all->numbers[i], 1u);  // the context is a new one
      }
    });
  });
}

// Receive buffers are few, and all are lent: a turn waits for one, and nobody is forgotten.
TEST_P(HibernateTest, WhoWakesWithoutABufferGetsOneLater) {
  run_with({.lease_bytes = std::size_t{8} << 12}, []() -> Task<> {
    return while_turning(
        {},
        [](TcpStream& peer, Turning*) -> Task<After> {
          auto bytes = co_await peer.receive();
          if (!bytes || bytes->empty()) {
            co_return After::close;
          }
          co_await sleep_for(1ms);  // with the lease
          static_cast<void>(co_await peer.send(bytes->bytes()));
          co_return After::hibernate;
        },
        [](Turning* all) -> Task<> {
          constexpr unsigned kMany = 40;
          std::vector<TcpStream> peers;
          for (unsigned i = 0; i < kMany; ++i) {
            auto dialing = dial(all);
            peers.push_back(co_await std::move(dialing));
          }
          auto waiting = until_asleep(all, kMany);
          co_await std::move(waiting);
          for (unsigned i = 0; i < kMany; ++i) {
            auto sent = co_await peers[i].send(as_bytes(payload(i, 0, 50)));
            CO_ASSERT_OK(sent);
          }
          for (unsigned i = 0; i < kMany; ++i) {
            auto hearing = receive_exactly(peers[i], 50);
            const std::string got = co_await std::move(hearing);
            CO_ASSERT_TRUE(got == payload(i, 0, 50));
          }
        });
  });
}

}  // namespace
}  // namespace vigil::test

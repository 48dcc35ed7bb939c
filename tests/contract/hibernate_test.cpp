// Connections that hibernate (serve_turns), on every engine.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/streams.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/net/serve_turns.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class HibernateTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HibernateTest);

// What the server under test is, and what it did.
struct Turning {
  Drain drain{300ms};
  ServeFigures figures;
  Address at;
  unsigned turns = 0;
  unsigned ends = 0;                   // turns that found the end or an error
  std::vector<std::uint32_t> numbers;  // of each turn
  bool was_reset = false;
  std::string heard;
  std::vector<TcpStream> peers;  // that outlive the client
};

// One receive, one answer.
Task<After> echo_once(TcpStream& peer, Turning* all) {
  ++all->turns;
  all->numbers.push_back(peer.context()++);
  auto bytes = co_await peer.receive();
  if (!bytes || bytes->empty()) {
    ++all->ends;
    all->was_reset |= !bytes && bytes.error() == std::errc::connection_reset;
    co_return After::close;
  }
  if (!co_await peer.send(bytes->bytes())) {
    co_return After::close;
  }
  co_return After::hibernate;
}

// Serves `turn` while `client(turning, args...)` runs; then drains.
template <TaskBody T, class F, class... A>
Task<> while_turning(ServeOptions options, T turn, F client, A... args) {
  auto listener = TcpListener::listen(Address::loopback(0));
  CO_ASSERT_OK(listener);
  Turning all;
  all.at = *listener->local_address();
  options.drain = &all.drain;
  options.figures = &all.figures;
  auto whole = scoped(
      [](Scope& scope, TcpListener* from, ServeOptions* how, T each, Turning* shared, F body,
         A... with) -> Task<> {
        CO_ASSERT_OK(scope.spawn(
            [](TcpListener* on, ServeOptions* options_of, T every, Turning* to) -> Task<> {
              auto serving = serve_turns(*on, *options_of, every, to);
              const Result<> ended = co_await std::move(serving);
              EXPECT_TRUE(ended) << ended.error().message();
            },
            from, how, each, shared));
        auto task = body(shared, std::move(with)...);
        co_await std::move(task);
        shared->drain.begin();
      },
      &*listener, &options, turn, &all, client, std::move(args)...);
  co_await std::move(whole);
  EXPECT_EQ(all.figures.asleep, 0u);
}

Task<TcpStream> dial(const Turning* to) {
  auto connecting = TcpStream::connect(to->at);
  auto stream = co_await std::move(connecting);
  EXPECT_TRUE(stream);
  co_return stream ? std::move(*stream) : TcpStream();
}

Task<bool> asks(TcpStream& stream, std::string text) {
  auto sent = co_await stream.send(as_bytes(text));
  if (!sent) {
    co_return false;
  }
  auto hearing = receive_exactly(stream, text.size());
  const std::string got = co_await std::move(hearing);
  co_return got == text;
}

// Until `wanted` connections hibernate.
Task<> until_asleep(const Turning* all, std::size_t wanted) {
  while (all->figures.asleep != wanted) {
    co_await sleep_for(1ms);
  }
}

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

TEST_P(HibernateTest, WhoSleepsTooLongIsClosedAndWhoIsBusyIsNot) {
  run([]() -> Task<> {
    return while_turning({.idle_timeout = 100ms}, &echo_once, [](Turning* all) -> Task<> {
      const Engine& clock = Loop::current()->engine();
      const Instant began = clock.now();
      auto dialing = dial(all);
      TcpStream idle = co_await std::move(dialing);
      auto dialing_too = dial(all);
      TcpStream busy = co_await std::move(dialing_too);
      Instant last = began;
      while (all->figures.timed_out == 0) {
        const Instant asked = clock.now();
        auto asking = asks(busy, "still here");
        if (!co_await std::move(asking)) {
          break;  // the machine stood still for so long
        }
        last = asked;
        co_await sleep_for(5ms);
      }
      EXPECT_GE(clock.now() - began, 100ms);
      auto end = co_await idle.receive();
      EXPECT_TRUE(end && end->empty());
      auto gone = co_await busy.receive();
      EXPECT_TRUE(!gone || gone->empty());
      EXPECT_GE(clock.now() - last, 100ms);
      EXPECT_EQ(all->figures.timed_out, 2u);
      EXPECT_EQ(all->ends, 0u);  // without a turn
    });
  });
}

TEST_P(HibernateTest, TheDrainEndsWhoSleepsAndWaitsForWhoIsAtWork) {
  run([]() -> Task<> {
    return while_turning(
        {},
        [](TcpStream& peer, Turning* all) -> Task<After> {
          ++all->turns;
          auto bytes = co_await peer.receive();
          if (!bytes || bytes->empty()) {
            co_return After::close;
          }
          co_await sleep_for(100ms);
          static_cast<void>(co_await peer.send(bytes->bytes()));
          co_return After::hibernate;
        },
        [](Turning* all) -> Task<> {
          auto dialing = dial(all);
          TcpStream asleep = co_await std::move(dialing);
          auto dialing_too = dial(all);
          TcpStream busy = co_await std::move(dialing_too);
          auto waiting = until_asleep(all, 2);
          co_await std::move(waiting);
          auto sent = co_await busy.send(as_bytes("work"));
          CO_ASSERT_OK(sent);
          while (all->turns == 0) {
            co_await sleep_for(1ms);
          }
          all->drain.begin();
          auto end = co_await asleep.receive();
          EXPECT_TRUE(end && end->empty());
          auto hearing = receive_exactly(busy, 100);
          EXPECT_EQ(co_await std::move(hearing), "work");
          EXPECT_EQ(all->turns, 1u);
          EXPECT_EQ(all->figures.cut_off, 0u);
        });
  });
}

// What its client sent just before is answered, though nobody has looked at it yet.
TEST_P(HibernateTest, TheDrainAnswersWhatCameBeforeIt) {
  run([]() -> Task<> {
    return while_turning({}, &echo_once, [](Turning* all) -> Task<> {
      auto dialing = dial(all);
      TcpStream peer = co_await std::move(dialing);
      auto waiting = until_asleep(all, 1);
      co_await std::move(waiting);
      auto sent = co_await peer.send(as_bytes("last words"));
      CO_ASSERT_OK(sent);
      all->drain.begin();
      auto hearing = receive_exactly(peer, 100);
      EXPECT_EQ(co_await std::move(hearing), "last words");
    });
  });
}

TEST_P(HibernateTest, MoreThanMayBeThereAreTurnedAwayThoughTheOthersSleep) {
  run([]() -> Task<> {
    return while_turning({.max_connections = 2}, &echo_once, [](Turning* all) -> Task<> {
      auto dialing = dial(all);
      TcpStream first = co_await std::move(dialing);
      auto dialing_second = dial(all);
      TcpStream second = co_await std::move(dialing_second);
      auto waiting = until_asleep(all, 2);
      co_await std::move(waiting);
      auto dialing_third = dial(all);
      TcpStream third = co_await std::move(dialing_third);
      auto end = co_await third.receive();
      EXPECT_TRUE(!end || end->empty());
      EXPECT_EQ(all->figures.shed, 1u);
      auto asking = asks(second, "and these go on");
      EXPECT_TRUE(co_await std::move(asking));
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

TEST_P(HibernateTest, ACancelClosesWhoSleepsAndEndsTheTurns) {
  run([]() -> Task<> {
    auto listener = TcpListener::listen(Address::loopback(0));
    CO_ASSERT_OK(listener);
    Turning all;
    all.at = *listener->local_address();
    ServeFigures* figures = &all.figures;
    auto whole = scoped(
        [](Scope& scope, TcpListener* from, Turning* shared, ServeFigures* count) -> Task<> {
          CO_ASSERT_OK(scope.spawn(
              [](TcpListener* on, Turning* to, ServeFigures* filled) -> Task<> {
                auto serving = serve_turns(
                    *on, {.figures = filled},
                    [](TcpStream& peer, Turning* mine) -> Task<After> {
                      ++mine->turns;
                      auto first = co_await peer.receive();
                      auto second = co_await peer.receive();
                      EXPECT_TRUE(first);
                      EXPECT_FALSE(second);
                      co_return After::hibernate;  // it cannot, any more
                    },
                    to);
                const Result<> ended = co_await std::move(serving);
                EXPECT_EQ(ended.error(), std::errc::operation_canceled);
              },
              from, shared, count));
          for (int i = 0; i < 2; ++i) {
            auto dialing = dial(shared);
            shared->peers.push_back(co_await std::move(dialing));
          }
          auto waiting = until_asleep(shared, 2);
          co_await std::move(waiting);
          auto sent = co_await shared->peers[0].send(as_bytes("half"));
          CO_ASSERT_OK(sent);
          while (shared->turns == 0) {
            co_await sleep_for(1ms);
          }
          scope.cancel();
        },
        &*listener, &all, figures);
    co_await std::move(whole);
    EXPECT_EQ(all.turns, 1u);
  });
}

TEST_P(HibernateTest, AnExceptionEndsItsConnectionAlone) {
  run([]() -> Task<> {
    return while_turning(
        {},
        [](TcpStream& peer, Turning* all) -> Task<After> {
          ++all->turns;
          auto bytes = co_await peer.receive();
          if (bytes && as_text(bytes->bytes()) == "throw") {
            throw std::runtime_error("a turn that fails, for a test");
          }
          if (!bytes || bytes->empty()) {
            co_return After::close;
          }
          static_cast<void>(co_await peer.send(bytes->bytes()));
          co_return After::hibernate;
        },
        [](Turning* all) -> Task<> {
          auto dialing = dial(all);
          TcpStream peer = co_await std::move(dialing);
          auto dialing_too = dial(all);
          TcpStream other = co_await std::move(dialing_too);
          auto waiting = until_asleep(all, 2);
          co_await std::move(waiting);
          auto sent = co_await peer.send(as_bytes("throw"));
          CO_ASSERT_OK(sent);
          auto end = co_await peer.receive();
          EXPECT_TRUE(!end || end->empty());
          auto asking = asks(other, "goes on");
          EXPECT_TRUE(co_await std::move(asking));
        });
  });
}

// What an owner of Sleepers is told.
struct Woken final : Sleepers::Owner {
  void begin(Descriptor& woken) noexcept override { begun.emplace_back(&woken); }
  void expired() noexcept override {}

  Counter asleep;
  std::vector<TcpStream> begun;
};

// A drain ends when nobody is left. On a ring, who woke while the last connections were taken over
// begins a turn of the loop later; it was counted as gone, and closed without an answer.
TEST_P(HibernateTest, WhoWokeIsCountedUntilItBegins) {
  run([]() -> Task<> {
    auto listener = TcpListener::listen(Address::loopback(0));
    CO_ASSERT_OK(listener);
    auto connecting = TcpStream::connect(*listener->local_address());
    const auto client = co_await std::move(connecting);
    CO_ASSERT_OK(client);
    auto accepted = co_await listener->accept();
    CO_ASSERT_OK(accepted);
    Woken owner;
    Sleepers sleepers(owner, owner.asleep, Nanos::zero());
    Descriptor& stream = *accepted->descriptor();
    CO_ASSERT_TRUE(sleepers.sleep(stream, Loop::current()->now()));
    static_cast<void>(accepted->take_descriptor());
    static_cast<void>(sleepers.wake(stream));
    sleepers.defer();
    EXPECT_EQ(sleepers.size() + owner.begun.size(), 1u);
    EXPECT_EQ(owner.asleep.get() + owner.begun.size(), 1u);
    while (owner.begun.empty()) {
      co_await yield();
    }
    EXPECT_EQ(sleepers.size(), 0u);
    EXPECT_EQ(owner.asleep.get(), 0u);
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

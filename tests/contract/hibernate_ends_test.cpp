// How connections that hibernate end: by their limit, a drain, a cancel, an exception; on every
// engine.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/turns.hpp"

namespace vigil::test {
namespace {

class HibernateEndsTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HibernateEndsTest);

TEST_P(HibernateEndsTest, WhoSleepsTooLongIsClosedAndWhoIsBusyIsNot) {
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

TEST_P(HibernateEndsTest, TheDrainEndsWhoSleepsAndWaitsForWhoIsAtWork) {
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
TEST_P(HibernateEndsTest, TheDrainAnswersWhatCameBeforeIt) {
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

TEST_P(HibernateEndsTest, MoreThanMayBeThereAreTurnedAwayThoughTheOthersSleep) {
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

TEST_P(HibernateEndsTest, ACancelClosesWhoSleepsAndEndsTheTurns) {
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

TEST_P(HibernateEndsTest, AnExceptionEndsItsConnectionAlone) {
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
TEST_P(HibernateEndsTest, WhoWokeIsCountedUntilItBegins) {
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

}  // namespace
}  // namespace vigil::test

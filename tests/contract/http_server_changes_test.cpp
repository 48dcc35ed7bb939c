// What a running HTTP server changes: its limits, its log, and who it listens to; on every engine.
#include <gtest/gtest.h>

#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

using http::Exchange;
using http::Handler;

class HttpServerChangesTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerChangesTest);

Task<> target(Exchange& exchange) {
  static_cast<void>(co_await exchange.respond({}, exchange.request().target()));
}

TEST_P(HttpServerChangesTest, HoldsConnectionsThatAreThereToTheNewLimits) {
  run([]() -> Task<> {
    return while_serving(Handler(&target), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer idle(co_await std::move(dialing));
      auto again = dial(served.at);
      Peer large(co_await std::move(again));
      auto first = ask(idle, get("/idle"));
      EXPECT_EQ((co_await std::move(first)).body, "/idle");
      const std::string field = "X: " + std::string(2000, 'x') + "\r\n";
      auto fits = ask(large, get("/large", field));
      EXPECT_EQ((co_await std::move(fits)).status, 200u);
      served.server->set_limits(
          {.head = {.head = 1024}, .fields = 1, .idle_time = 100ms, .connections = 2});
      auto refused = ask(large, get("/large", field));
      EXPECT_EQ((co_await std::move(refused)).status, 431u);
      const Instant began = Loop::current()->engine().now();
      auto ending = hear_all(idle.stream);
      EXPECT_EQ(co_await std::move(ending), "");
      EXPECT_LT(Loop::current()->engine().now() - began, 5s);
      // The number of fields is that of the beginning.
      auto third = dial(served.at);
      Peer fields(co_await std::move(third));
      auto asking = ask(fields, get("/many", "A: b\r\nC: d\r\n"));
      EXPECT_EQ((co_await std::move(asking)).body, "/many");
    });
  });
}

// It waited under the shorter limit already; the longer one begins no earlier for that.
TEST_P(HttpServerChangesTest, NeverActsEarlyWhenALimitGrows) {
  run([]() -> Task<> {
    return while_serving(Handler(&target), {.limits = {.idle_time = 400ms}},
                         [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           Peer peer(co_await std::move(dialing));
                           const Instant began = Loop::current()->engine().now();
                           co_await sleep_for(200ms);
                           served.server->set_limits({.idle_time = 1200ms});
                           auto ending = hear_all(peer.stream);
                           EXPECT_EQ(co_await std::move(ending), "");
                           EXPECT_GE(Loop::current()->engine().now() - began, 1200ms);
                         });
  });
}

TEST_P(HttpServerChangesTest, LogsFromWhenItIsToldToUntilItIsToldNotTo) {
  LogBook book;
  run(
      [](LogBook* log) -> Task<> {
        http::ServerOptions silent = log->options();
        const auto hook = std::exchange(silent.log, nullptr);
        return while_serving(
            Handler(&target), silent,
            [](Served served, LogBook* lines, auto how) -> Task<> {
              auto dialing = dial(served.at);
              Peer peer(co_await std::move(dialing));
              auto first = ask(peer, get("/1"));
              co_await std::move(first);
              served.server->set_log(how);
              auto second = ask(peer, get("/2"));
              co_await std::move(second);
              served.server->set_log(nullptr);
              auto third = ask(peer, get("/3"));
              co_await std::move(third);
              EXPECT_EQ(lines->lines.size(), 1u);
            },
            log, hook);
      },
      &book);
}

TEST_P(HttpServerChangesTest, GivesUpOneListenerAndKeepsItsConnections) {
  run([]() -> Task<> {
    return while_serving(Handler(&target), {}, [](Served served) -> Task<> {
      auto listener = TcpListener::listen(Address::loopback(0));
      CO_ASSERT_OK(listener);
      const Address at = *listener->local_address();
      Drain accepting(kForever);
      auto both = scoped(
          [](Scope& scope, Served* all, TcpListener* from, Drain* until, Address where) -> Task<> {
            CO_ASSERT_OK(scope.spawn(
                [](http::Server* server, TcpListener* on, Drain* ends) -> Task<> {
                  auto serving = server->serve(*on, *ends);
                  EXPECT_TRUE(co_await std::move(serving));
                },
                all->server, from, until));
            auto dialing = dial(where);
            Peer peer(co_await std::move(dialing));
            auto first = ask(peer, get("/before"));
            EXPECT_EQ((co_await std::move(first)).body, "/before");
            until->begin();
            co_await sleep_for(20ms);
            auto refused = TcpStream::connect(where);
            EXPECT_FALSE(co_await std::move(refused));
            auto second = ask(peer, get("/after"));
            const Reply after = co_await std::move(second);
            EXPECT_EQ(after.body, "/after");
            EXPECT_TRUE(after.keep_alive);
            auto other = dial(all->at);
            Peer elsewhere(co_await std::move(other));
            auto third = ask(elsewhere, get("/elsewhere"));
            EXPECT_EQ((co_await std::move(third)).body, "/elsewhere");
            // The end of all is its end as well.
            all->drain->begin();
            auto ending = hear_all(peer.stream);
            EXPECT_EQ(co_await std::move(ending), "");
          },
          &served, &*listener, &accepting, at);
      co_await std::move(both);
    });
  });
}

}  // namespace
}  // namespace vigil::test

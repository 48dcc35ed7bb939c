// HTTP connections that rest: they hibernate, and nobody sees a difference; on every engine.
#include <gtest/gtest.h>

#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

using http::Exchange;
using http::Handler;

class HttpServerRestTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerRestTest);

Task<> say_target(Exchange& exchange) {
  static_cast<void>(co_await exchange.respond({}, exchange.request().target()));
}

std::size_t frames() { return Loop::current()->ledger().frames; }

Task<> until_connections(const http::Server* server, std::size_t wanted) {
  while (server->figures().connections != wanted) {
    co_await sleep_for(1ms);
  }
}

// Of those that `look_at` finds beside a client's handle, how many are idle; 1000 for one that is
// not.
unsigned idle_seen(const http::Server& server, NativeHandle beside) {
  unsigned seen = 0;
  for (NativeHandle handle = beside - 100; handle != beside + 100; ++handle) {
    if (const auto view = server.look_at(handle)) {
      seen += view->stage == http::ConnectionView::Stage::idle ? 1u : 1000u;
    }
  }
  return seen;
}

TEST_P(HttpServerRestTest, AConnectionHasNoTaskBeforeItsFirstRequestNorLongAfterIt) {
  run([]() -> Task<> {
    return while_serving(
        Handler(&say_target), {.limits = {.idle_time = 2s}}, [](Served served) -> Task<> {
          const std::size_t nobody = frames();
          std::vector<Peer> peers;
          for (std::size_t i = 0; i < 3; ++i) {
            auto dialing = dial(served.at);
            peers.emplace_back(co_await std::move(dialing));
            auto waiting = until_connections(served.server, i + 1);
            co_await std::move(waiting);
          }
          EXPECT_EQ(frames(), nobody);
          EXPECT_EQ(idle_seen(*served.server, peers[0].stream.descriptor()->handle), 3u);
          for (unsigned round = 0; round < 2; ++round) {
            for (Peer& peer : peers) {
              auto asking = ask(peer, get("/awake"));
              CO_ASSERT_TRUE((co_await std::move(asking)).body == "/awake");
            }
            while (frames() != nobody) {
              co_await sleep_for(1ms);
            }
            EXPECT_EQ(served.server->figures().connections, 3u);
            EXPECT_EQ(served.server->figures().active, 0u);
            EXPECT_EQ(idle_seen(*served.server, peers[0].stream.descriptor()->handle), 3u);
          }
          peers.clear();
          auto leaving = until_connections(served.server, 0);
          co_await std::move(leaving);
          EXPECT_EQ(served.server->figures().timed_out, 0u);
        });
  });
}

TEST_P(HttpServerRestTest, WhoRestsTooLongIsClosedAndWhoComesBackInTimeIsNot) {
  run([]() -> Task<> {
    return while_serving(Handler(&say_target), {.limits = {.idle_time = 400ms}},
                         [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           Peer idle(co_await std::move(dialing));
                           auto dialing_too = dial(served.at);
                           Peer busy(co_await std::move(dialing_too));
                           auto first = ask(idle, get("/once"));
                           CO_ASSERT_TRUE((co_await std::move(first)).body == "/once");
                           const Instant began = Loop::current()->engine().now();
                           while (served.server->figures().timed_out == 0) {
                             auto asking = ask(busy, get("/again"));
                             CO_ASSERT_TRUE((co_await std::move(asking)).body == "/again");
                             co_await sleep_for(120ms);  // long enough to fall asleep
                           }
                           EXPECT_GE(Loop::current()->engine().now() - began, 399ms);
                           auto hearing = hear_all(idle.stream);
                           EXPECT_EQ(co_await std::move(hearing), "");
                           EXPECT_EQ(served.server->figures().connections, 1u);
                         });
  });
}

TEST_P(HttpServerRestTest, TheLimitOfConnectionsCountsThoseThatRest) {
  run([]() -> Task<> {
    return while_serving(Handler(&say_target), {.limits = {.connections = 1}},
                         [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           Peer resting(co_await std::move(dialing));
                           auto waiting = until_connections(served.server, 1);
                           co_await std::move(waiting);
                           auto asking = ask_once(served.at, get("/more"));
                           EXPECT_TRUE((co_await std::move(asking)).starts_with("HTTP/1.1 503 "));
                           EXPECT_EQ(served.server->figures().turned_away, 1u);
                           auto going_on = ask(resting, get("/first"));
                           EXPECT_EQ((co_await std::move(going_on)).body, "/first");
                         });
  });
}

TEST_P(HttpServerRestTest, ADrainGivesWhoRestsALastCall) {
  run([]() -> Task<> {
    return while_serving(Handler(&say_target), {}, [](Served served) -> Task<> {
      const Instant dialed = Loop::current()->engine().now();
      auto dialing = dial(served.at);
      Peer silent(co_await std::move(dialing));
      auto dialing_too = dial(served.at);
      Peer late(co_await std::move(dialing_too));
      auto waiting = until_connections(served.server, 2);
      co_await std::move(waiting);
      const Instant began = Loop::current()->engine().now();
      served.drain->begin();
      auto asking = ask(late, get("/late"));
      const Reply reply = co_await std::move(asking);
      EXPECT_EQ(reply.body, "/late");
      EXPECT_FALSE(reply.keep_alive);
      auto hearing = hear_all(silent.stream);
      EXPECT_EQ(co_await std::move(hearing), "");
      if (began - dialed < 400ms) {                                // else it may have rested long
        EXPECT_GE(Loop::current()->engine().now() - began, 70ms);  // a quarter of the drain's time
      }
    });
  });
}

// Both came before draining began, and nobody has looked at either yet.
TEST_P(HttpServerRestTest, ADrainAnswersWhatWasSentToWhoRests) {
  run([]() -> Task<> {
    return while_serving(Handler(&say_target), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      auto waiting = until_connections(served.server, 1);
      co_await std::move(waiting);
      co_await sleep_for(600ms);  // it has rested long
      auto saying = say(peer.stream, get("/last"));
      co_await std::move(saying);
      served.drain->begin();
      auto hearing = hear_all(peer.stream);
      const std::string heard = co_await std::move(hearing);
      EXPECT_TRUE(heard.ends_with("/last")) << heard;
      EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos);
    });
  });
}

}  // namespace
}  // namespace vigil::test

// The life of the HTTP server's connections: drains, upgrades, resets at every point, fairness,
// memory; on every engine.
#include <gtest/gtest.h>

#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

using http::Exchange;
using http::Handler;

class HttpServerLifeTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerLifeTest);

Task<> after_a_while(Exchange& exchange) {
  if (exchange.request().target() == "/never") {
    static_cast<void>(co_await sleep_for(60s));
  } else if (exchange.request().target() == "/slow") {
    co_await sleep_for(50ms);
  }
  static_cast<void>(co_await exchange.respond({}, exchange.request().target()));
}

TEST_P(HttpServerLifeTest, DrainsIdleAfterALastCallActiveWhenAnsweredAndTheRestAtTheLimit) {
  LogBook book;
  run(
      [](LogBook* log) -> Task<> {
        return while_serving(
            Handler(&after_a_while), log->options(),
            [](Served served, LogBook* lines) -> Task<> {
              std::vector<Peer> peers;
              for (const char* target : {"/quick", "/slow", "/never"}) {
                auto dialing = dial(served.at);
                peers.emplace_back(co_await std::move(dialing));
                auto saying = say(peers.back().stream, get(target));
                co_await std::move(saying);
              }
              auto hearing = hear_reply(peers[0]);
              EXPECT_TRUE((co_await std::move(hearing)).keep_alive);
              co_await sleep_for(10ms);
              EXPECT_EQ(served.server->figures().active, 2u);
              EXPECT_EQ(served.server->active_peers().size(), 2u);
              const Instant began = Loop::current()->engine().now();
              served.drain->begin();
              auto idle = hear_all(peers[0].stream);
              EXPECT_EQ(co_await std::move(idle), "");
              EXPECT_GE(Loop::current()->engine().now() - began, 75ms);
              EXPECT_LT(Loop::current()->engine().now() - began, 250ms);
              auto slow = hear_all(peers[1].stream);
              const std::string heard = co_await std::move(slow);
              EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos);
              EXPECT_TRUE(heard.ends_with("/slow")) << heard;
              EXPECT_LT(Loop::current()->engine().now() - began, 250ms);
              auto never = hear_all(peers[2].stream);
              co_await std::move(never);
              EXPECT_GE(Loop::current()->engine().now() - began, 300ms);
              EXPECT_EQ(lines->lines.size(), 3u);
            },
            log);
      },
      &book);
}

// Its request came before draining began, though nobody has looked at it yet.
TEST_P(HttpServerLifeTest, AnswersARequestThatCameJustBeforeDrainingBegan) {
  run([]() -> Task<> {
    return while_serving(Handler(&after_a_while), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      auto asking = ask(peer, get("/first"));
      EXPECT_EQ((co_await std::move(asking)).body, "/first");
      co_await yield();
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

// Who has just been answered cannot know of the drain when it asks again.
TEST_P(HttpServerLifeTest, AnswersARequestThatComesJustAfterDrainingBegan) {
  run([]() -> Task<> {
    return while_serving(Handler(&after_a_while), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      auto asking = ask(peer, get("/first"));
      EXPECT_EQ((co_await std::move(asking)).body, "/first");
      served.drain->begin();
      co_await sleep_for(10ms);
      auto saying = say(peer.stream, get("/last"));
      co_await std::move(saying);
      auto hearing = hear_all(peer.stream);
      const std::string heard = co_await std::move(hearing);
      EXPECT_TRUE(heard.ends_with("/last")) << heard;
      EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos);
    });
  });
}

// Its handshake was over before draining began, though nobody has accepted it yet.
TEST_P(HttpServerLifeTest, AnswersAConnectionThatWaitedToBeAcceptedWhenDrainingBegan) {
  run([]() -> Task<> {
    return while_serving(Handler(&after_a_while), {}, [](Served served) -> Task<> {
      std::vector<Peer> peers;
      for (int i = 0; i < 5; ++i) {
        auto dialing = dial(served.at);
        peers.emplace_back(co_await std::move(dialing));
      }
      served.drain->begin();
      for (Peer& peer : peers) {
        auto saying = say(peer.stream, get("/only"));
        co_await std::move(saying);
      }
      for (Peer& peer : peers) {
        auto hearing = hear_all(peer.stream);
        const std::string heard = co_await std::move(hearing);
        EXPECT_TRUE(heard.ends_with("/only")) << heard;
        EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos);
      }
    });
  });
}

TEST_P(HttpServerLifeTest, HandsAnUpgradedConnectionOverWithTheBytesBehindTheRequest) {
  LogBook book;
  run(
      [](LogBook* log) -> Task<> {
        return while_serving(
            Handler([](Exchange& exchange) -> Task<> {
              if (!exchange.request().wants_upgrade()) {
                static_cast<void>(co_await exchange.respond({.status = 400}, "no"));
                co_return;
              }
              auto upgrading = exchange.upgrade("Connection: Upgrade\r\nUpgrade: echo\r\n");
              auto upgraded = co_await std::move(upgrading);
              if (!upgraded) {
                EXPECT_EQ(upgraded.error(), std::errc::operation_not_permitted);
                static_cast<void>(
                    co_await exchange.respond({.status = 400, .close = true}, "body"));
                co_return;
              }
              EXPECT_FALSE(exchange.peer());
              std::string early(reinterpret_cast<const char*>(upgraded->early.get()),
                                upgraded->early_size);
              CO_ASSERT_OK(co_await upgraded->stream.send(as_bytes(early)));
              for (;;) {
                auto bytes = co_await upgraded->stream.receive();
                if (!bytes || bytes->empty() || !co_await upgraded->stream.send(bytes->bytes())) {
                  break;
                }
              }
            }),
            log->options(),
            [](Served served, LogBook* lines) -> Task<> {
              auto dialing = dial(served.at);
              Peer peer(co_await std::move(dialing));
              const std::string early = payload(1, 1, 600);
              auto asking =
                  ask(peer, get("/u", "Connection: Upgrade\r\nUpgrade: echo\r\n") + early);
              const Reply reply = co_await std::move(asking);
              EXPECT_EQ(reply.status, 101u);
              std::string heard = peer.unread;
              for (unsigned i = 2; i < 10; ++i) {
                auto saying = say(peer.stream, payload(1, i, 600));
                co_await std::move(saying);
              }
              auto hearing = receive_exactly(peer.stream, 600 * 9 - heard.size());
              heard += co_await std::move(hearing);
              std::string said;
              for (unsigned i = 1; i < 10; ++i) {
                said += payload(1, i, 600);
              }
              EXPECT_EQ(heard, said);
              EXPECT_TRUE(served.server->active_peers().empty());
              peer.stream.close();
              while (lines->lines.empty()) {
                co_await sleep_for(1ms);
              }
              auto refused = ask_once(served.at,
                                      "POST /u HTTP/1.1\r\nHost: a\r\nContent-Length: "
                                      "3\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nabc");
              EXPECT_TRUE((co_await std::move(refused)).starts_with("HTTP/1.1 400 "));
              EXPECT_EQ(lines->lines.size(), 2u);
              EXPECT_EQ(lines->lines[0].status, 101u);
            },
            log);
      },
      &book);
}

TEST_P(HttpServerLifeTest, LivesThroughResetsAtEveryPoint) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      const std::string text =
          get("/a") +
          "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: "
          "b\r\n\r\n" +
          "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc";
      for (std::size_t at = 0; at <= text.size(); ++at) {
        for (int turns = 0; turns < 3; ++turns) {
          auto dialing = dial(served.at);
          TcpStream stream = co_await std::move(dialing);
          auto saying = say(stream, text.substr(0, at));
          co_await std::move(saying);
          for (int i = 0; i < turns; ++i) {
            co_await yield();
          }
          stream.reset();
        }
      }
      auto asking = ask_once(served.at, get("/alive", "Connection: close\r\n"));
      EXPECT_TRUE((co_await std::move(asking)).ends_with("/alive"));
    });
  });
}

// Who pipelines without end takes turns with the others.
TEST_P(HttpServerLifeTest, LetsOthersInBesideAClientThatPipelinesWithoutEnd) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      auto first = dial(served.at);
      TcpStream greedy = co_await std::move(first);
      auto both = scoped(
          [](Scope& scope, Served with, TcpStream* hog) -> Task<> {
            CO_ASSERT_OK(scope.spawn(
                [](TcpStream* on) -> Task<> {
                  std::string burst;
                  for (int i = 0; i < 2000; ++i) {
                    burst += get("/");
                  }
                  for (;;) {
                    if (!co_await on->send(as_bytes(burst))) {
                      break;
                    }
                  }
                },
                hog));
            CO_ASSERT_OK(scope.spawn(
                [](TcpStream* on) -> Task<> {
                  for (;;) {
                    auto bytes = co_await on->receive();
                    if (!bytes || bytes->empty()) {
                      break;
                    }
                  }
                },
                hog));
            auto dialing = dial(with.at);
            Peer quiet(co_await std::move(dialing));
            std::uint64_t most = 0;
            for (int i = 0; i < 50; ++i) {
              const std::uint64_t before = with.server->figures().requests;
              auto asking = ask(quiet, get("/quiet"));
              EXPECT_EQ((co_await std::move(asking)).body, "/quiet");
              most = std::max(most, with.server->figures().requests - before);
            }
            EXPECT_LT(most, 3000u) << "requests of the other that one waited for";
            scope.cancel();
          },
          served, &greedy);
      co_await std::move(both);
    });
  });
}

TEST_P(HttpServerLifeTest, RefusesASecondAnswer) {
  EXPECT_DEATH(run([]() -> Task<> {
                 return while_serving(Handler([](Exchange& exchange) -> Task<> {
                                        static_cast<void>(co_await exchange.respond({}, "one"));
                                        static_cast<void>(co_await exchange.respond({}, "two"));
                                      }),
                                      {}, [](Served served) -> Task<> {
                                        auto asking = ask_once(served.at, get("/"));
                                        co_await std::move(asking);
                                      });
               }),
               "answered twice");
}

// A cancel that comes from outside ends everything at once, wherever it is.
TEST_P(HttpServerLifeTest, EndsWhereverItIsWhenItsScopeIsCancelled) {
  run([]() -> Task<> {
    for (const char* text : {"", "GET / HT", "GET /never HTTP/1.1\r\nHost: a\r\n\r\n",
                             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"}) {
      auto listener = TcpListener::listen(Address::loopback(0));
      CO_ASSERT_OK(listener);
      http::Server server(Handler([](Exchange& exchange) -> Task<> {
                            if (exchange.request().target() == "/never") {
                              static_cast<void>(co_await sleep_for(60s));
                              co_return;
                            }
                            auto task = mirror(exchange);
                            co_await std::move(task);
                          }),
                          {});
      auto dialing = dial(*listener->local_address());
      TcpStream stream = co_await std::move(dialing);
      auto saying = say(stream, text);
      co_await std::move(saying);
      auto serving = timeout(30ms, server.serve(*listener));
      const Result<> ended = co_await std::move(serving);
      EXPECT_EQ(ended.error(), std::errc::timed_out);
      EXPECT_EQ(server.figures().connections, 0u);
    }
  });
}

}  // namespace
}  // namespace vigil::test

// The HTTP server's limits, each with the status that it answers, on every engine. Clients here are
// slow, greedy, or say too much.
#include <gtest/gtest.h>

#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

using http::Exchange;
using http::Handler;

class HttpServerLimitsTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerLimitsTest);

http::ServerOptions with(http::Limits limits) {
  http::ServerOptions options;
  options.limits = limits;
  return options;
}

TEST_P(HttpServerLimitsTest, RefusesHeadsThatAreTooLargeOrMalformed) {
  LogBook book;
  run(
      [](LogBook* log) -> Task<> {
        return while_serving(
            Handler(&mirror), log->options(),
            [](Served served, LogBook* lines) -> Task<> {
              std::string many;
              for (int i = 0; i < 101; ++i) {
                many += "X-" + std::to_string(i) + ": 1\r\n";
              }
              const std::pair<std::string, const char*> cases[] = {
                  {get("/", "X: " + std::string(40'000, 'a') + "\r\n"), "431"},
                  {get("/", many), "431"},
                  {get("/" + std::string(9'000, 'a')), "414"},
                  {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
                  {"GET / HTTP/1.1\nHost: a\n\n", "400"},
                  {"GET / HTTP/2.7\r\nHost: a\r\n\r\n", "505"},
              };
              std::size_t asked = 0;
              for (const auto& one : cases) {
                auto asking = ask_once(served.at, one.first);
                const std::string heard = co_await std::move(asking);
                EXPECT_TRUE(heard.starts_with(std::string("HTTP/1.1 ") + one.second))
                    << heard.substr(0, 300);
                EXPECT_FALSE(heard.ends_with("<reset>"));
                EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos);
                EXPECT_EQ(lines->lines.size(), ++asked);
              }
              EXPECT_EQ(served.server->figures().refused, asked);
            },
            log);
      },
      &book);
}

TEST_P(HttpServerLimitsTest, TellsASlowHeadThatTimeIsUp) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), with({.head_time = 100ms}), [](Served served) -> Task<> {
      const Instant began = Loop::current()->engine().now();
      auto asking = ask_once(served.at, "GET / HTTP/1.1\r\nHost:");
      const std::string heard = co_await std::move(asking);
      EXPECT_TRUE(heard.starts_with("HTTP/1.1 408 ")) << heard;
      const Nanos took = Loop::current()->engine().now() - began;
      EXPECT_GE(took, 100ms);
      EXPECT_LT(took, 2s);
      EXPECT_EQ(served.server->figures().timed_out, 1u);
    });
  });
}

// Slowloris: a byte now and then does not buy time.
TEST_P(HttpServerLimitsTest, TellsAHeadThatDripsThatTimeIsUp) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), with({.head_time = 100ms}), [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      TcpStream stream = co_await std::move(dialing);
      auto both = scoped(
          [](Scope& scope, TcpStream* to) -> Task<> {
            CO_ASSERT_OK(scope.spawn(
                [](TcpStream* on) -> Task<> {
                  const std::string head = get("/", "X-Much: " + std::string(10'000, 'a') + "\r\n");
                  for (const char c : head) {
                    const std::string one(1, c);
                    if (!co_await on->send(as_bytes(one)) || !co_await sleep_for(5ms)) {
                      break;
                    }
                  }
                },
                to));
            auto hearing = hear_all(*to);
            const std::string heard = co_await std::move(hearing);
            EXPECT_TRUE(heard.starts_with("HTTP/1.1 408 ")) << heard;
            scope.cancel();
          },
          &stream);
      co_await std::move(both);
    });
  });
}

TEST_P(HttpServerLimitsTest, EndsWhatIsIdleAndNotWhatIsBusy) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), with({.idle_time = 150ms}), [](Served served) -> Task<> {
      auto first = dial(served.at);
      TcpStream silent = co_await std::move(first);
      auto second = dial(served.at);
      Peer busy(co_await std::move(second));
      Instant last{};
      for (unsigned i = 0; i < 10; ++i) {
        last = Loop::current()->engine().now();
        auto asking = ask(busy, get("/" + std::to_string(i)));
        const Reply reply = co_await std::move(asking);
        CO_ASSERT_TRUE(reply.status == 200);
        co_await sleep_for(40ms);
      }
      auto hearing = hear_all(silent);
      EXPECT_EQ(co_await std::move(hearing), "");
      EXPECT_EQ(served.server->figures().timed_out, 1u);
      auto rest = hear_all(busy.stream);
      EXPECT_EQ(co_await std::move(rest), "");
      EXPECT_GE(Loop::current()->engine().now() - last, 150ms);
      EXPECT_EQ(served.server->figures().timed_out, 2u);
    });
  });
}

TEST_P(HttpServerLimitsTest, TellsASlowBodyThatTimeIsUp) {
  run([]() -> Task<> {
    return while_serving(
        Handler(&mirror), with({.minimum_rate = 1000, .rate_grace = 100ms}),
        [](Served served) -> Task<> {
          auto dialing = dial(served.at);
          TcpStream stream = co_await std::move(dialing);
          auto both = scoped(
              [](Scope& scope, TcpStream* to) -> Task<> {
                CO_ASSERT_OK(scope.spawn(
                    [](TcpStream* on) -> Task<> {
                      std::string text =
                          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n";
                      while (co_await on->send(as_bytes(text))) {
                        text = "x";  // 100 bytes a second
                        co_await sleep_for(10ms);
                      }
                    },
                    to));
                auto hearing = hear_all(*to);
                const std::string heard = co_await std::move(hearing);
                EXPECT_TRUE(heard.starts_with("HTTP/1.1 408 ")) << heard;
                scope.cancel();
              },
              &stream);
          co_await std::move(both);
        });
  });
}

// 64 KiB at a time, for ever.
Task<> endless(Exchange& exchange) {
  const std::string piece(65536, 'e');
  auto beginning = exchange.begin({});
  CO_ASSERT_OK(co_await std::move(beginning));
  for (;;) {
    auto writing = exchange.write(as_bytes(piece));
    if (!co_await std::move(writing)) {
      break;
    }
  }
}

TEST_P(HttpServerLimitsTest, ResetsAClientThatNeverReadsAndServesTheOthers) {
  LogBook book;
  run(
      [](LogBook* log) -> Task<> {
        auto options = log->options();
        options.limits.write_stall = 200ms;
        return while_serving(
            Handler([](Exchange& exchange) -> Task<> {
              if (exchange.request().target() == "/endless") {
                return endless(exchange);
              }
              return mirror(exchange);
            }),
            options,
            [](Served served, LogBook* lines) -> Task<> {
              std::vector<Peer> stuck;
              for (int i = 0; i < 20; ++i) {
                auto dialing = dial(served.at);
                stuck.emplace_back(co_await std::move(dialing));
                auto saying = say(stuck.back().stream,
                                  i % 2 == 0 ? get("/endless") : get("/endless") + get("/endless"));
                co_await std::move(saying);
              }
              auto dialing = dial(served.at);
              Peer other(co_await std::move(dialing));
              for (unsigned i = 0; served.server->figures().timed_out < 20 && i < 2000; ++i) {
                auto asking = ask(other, get("/" + std::to_string(i)));
                const Reply reply = co_await std::move(asking);
                CO_ASSERT_TRUE(reply.body == "/" + std::to_string(i));
                co_await sleep_for(5ms);
              }
              EXPECT_EQ(served.server->figures().timed_out, 20u);
              for (Peer& peer : stuck) {
                auto hearing = hear_all(peer.stream);
                const std::string heard = co_await std::move(hearing);
                EXPECT_TRUE(heard.ends_with("<reset>"));
              }
              EXPECT_EQ(std::count_if(lines->lines.begin(), lines->lines.end(),
                                      [](const auto& line) { return !line.complete; }),
                        20);
            },
            log);
      },
      &book);
}

// Cause: the number of looks in a limit was rounded up by adding, which overflowed where there is
// none.
TEST_P(HttpServerLimitsTest, WaitsForAReaderForWhomThereIsNoLimit) {
  run([]() -> Task<> {
    return while_serving(Handler([](Exchange& exchange) -> Task<> {
                           const std::string body(8'000'000, 'b');
                           static_cast<void>(co_await exchange.respond({}, body));
                         }),
                         with({.head_time = 80ms, .minimum_rate = 0, .write_stall = Nanos::max()}),
                         [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           Peer client(co_await std::move(dialing));
                           auto saying = say(client.stream, get("/"));
                           co_await std::move(saying);
                           co_await sleep_for(300ms);  // some thirty looks
                           auto hearing = hear_reply(client);
                           const Reply reply = co_await std::move(hearing);
                           EXPECT_EQ(reply.body.size(), 8'000'000u);
                           EXPECT_EQ(served.server->figures().timed_out, 0u);
                         });
  });
}

// It pipelines and never reads: what waits for it stays small, and it is reset too.
TEST_P(HttpServerLimitsTest, ResetsAClientThatAsksAndAsksAndNeverReads) {
  run([]() -> Task<> {
    return while_serving(Handler([](Exchange& exchange) -> Task<> {
                           const std::string body(10'000, 'b');
                           static_cast<void>(co_await exchange.respond({}, body));
                         }),
                         with({.write_stall = 200ms}), [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           TcpStream stream = co_await std::move(dialing);
                           std::string batch;
                           for (int i = 0; i < 100; ++i) {
                             batch += get("/");
                           }
                           for (;;) {
                             if (!co_await stream.send(as_bytes(batch))) {
                               break;
                             }
                           }
                           EXPECT_EQ(served.server->figures().timed_out, 1u);
                         });
  });
}

// Short answers go out without the memory that a request needs, and are watched over all the same.
TEST_P(HttpServerLimitsTest, ResetsAClientThatTakesNoneOfItsShortAnswers) {
  run([]() -> Task<> {
    return while_serving(Handler([](Exchange& exchange) -> Task<> {
                           const std::string body(3'000, 'b');
                           static_cast<void>(co_await exchange.respond({}, body));
                         }),
                         with({.write_stall = 200ms}), [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           TcpStream stream = co_await std::move(dialing);
                           CO_ASSERT_OK(stream.set(SocketOption::Name::receive_buffer, 4096));
                           const std::string one = get("/");
                           Result<> sent;
                           while (sent && served.server->figures().timed_out == 0) {
                             sent = co_await stream.send(as_bytes(one));
                             co_await sleep_for(Nanos(1));  // one request, one batch
                           }
                           EXPECT_EQ(served.server->figures().timed_out, 1u);
                         });
  });
}

// Cause: each write was measured alone, and a client that let none of them last was never too slow.
TEST_P(HttpServerLimitsTest, ResetsAClientThatReadsTooSlowly) {
  run([]() -> Task<> {
    return while_serving(Handler(&endless),
                         with({.minimum_rate = 100'000'000, .rate_grace = 100ms}),
                         [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           TcpStream stream = co_await std::move(dialing);
                           CO_ASSERT_OK(stream.set(SocketOption::Name::receive_buffer, 4096));
                           auto saying = say(stream, get("/"));
                           co_await std::move(saying);
                           Result<Lease> bytes;
                           do {
                             bytes = Lease();
                             co_await sleep_for(2ms);
                             bytes = co_await stream.receive();
                           } while (bytes && !bytes->empty());
                           EXPECT_EQ(bytes.error(), std::errc::connection_reset);
                           EXPECT_EQ(served.server->figures().timed_out, 1u);
                         });
  });
}

TEST_P(HttpServerLimitsTest, TurnsConnectionsAwayAboveTheLimit) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), with({.connections = 2}), [](Served served) -> Task<> {
      auto first = dial(served.at);
      Peer one(co_await std::move(first));
      auto second = dial(served.at);
      Peer two(co_await std::move(second));
      for (Peer* peer : {&one, &two}) {
        auto asking = ask(*peer, get("/in"));
        EXPECT_EQ((co_await std::move(asking)).body, "/in");
      }
      auto third = ask_once(served.at, get("/out"));
      const std::string heard = co_await std::move(third);
      EXPECT_TRUE(heard.starts_with("HTTP/1.1 503 ")) << heard;
      EXPECT_NE(heard.find("Retry-After: "), std::string::npos);
      const std::size_t body = heard.find("\r\n\r\n") + 4;
      EXPECT_NE(heard.find("Content-Length: " + std::to_string(heard.size() - body) + "\r\n"),
                std::string::npos);
      EXPECT_EQ(served.server->figures().turned_away, 1u);
      one.stream.close();
      co_await sleep_for(20ms);
      auto again = dial(served.at);
      Peer late(co_await std::move(again));
      auto asking = ask(late, get("/in"));
      EXPECT_EQ((co_await std::move(asking)).body, "/in");
    });
  });
}

}  // namespace
}  // namespace vigil::test

// The HTTP server's answers: their order and their framing; on every engine.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

using http::Exchange;
using http::Handler;

class HttpServerAnswersTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerAnswersTest);

TEST_P(HttpServerAnswersTest, KeepsAConnectionForRequestAfterRequest) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      for (unsigned i = 0; i < 20; ++i) {
        const std::string body = payload(1, i, 1 + i * 700);
        auto asking =
            ask(peer, "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n" + body);
        const Reply reply = co_await std::move(asking);
        EXPECT_EQ(reply.status, 200u);
        EXPECT_EQ(reply.body, "/" + std::to_string(i) + body);
        EXPECT_TRUE(reply.keep_alive);
      }
      EXPECT_EQ(served.server->figures().requests, 20u);
    });
  });
}

TEST_P(HttpServerAnswersTest, AnswersTenThousandRequestsOfOneBurst) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      constexpr int kRequests = 10'000;
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      auto both = scoped(
          [](Scope& scope, Peer* to) -> Task<> {
            CO_ASSERT_OK(scope.spawn(
                [](Peer* on) -> Task<> {
                  std::string burst;
                  for (int i = 0; i < kRequests; ++i) {
                    burst += get("/" + std::to_string(i));
                  }
                  auto saying = say(on->stream, std::move(burst));
                  co_await std::move(saying);
                },
                to));
            for (int i = 0; i < kRequests; ++i) {
              auto hearing = hear_reply(*to);
              const Reply reply = co_await std::move(hearing);
              CO_ASSERT_TRUE(reply.body == "/" + std::to_string(i));
            }
          },
          &peer);
      co_await std::move(both);
    });
  });
}

// Answers that are the same but for their own lines and their length: the head is written once, and
// nothing of one answer is in another.
TEST_P(HttpServerAnswersTest, HasLinesOfItsOwnInEachAnswer) {
  const Handler handler([](Exchange& exchange) -> Task<> {
    const std::string target(exchange.request().target());
    std::array<char, 64> room;
    http::HeadWriter own(room);
    own.fields().field("X-Own", target);
    const auto line = own.finish_lines();
    CO_ASSERT_OK(line);
    const Exchange::Answer answer{
        .lines = "X-Same: for all\r\n", .own_lines = *line, .content_type = "text/plain"};
    static_cast<void>(co_await exchange.respond(answer, target + target));
  });
  run(
      [](Handler handling) -> Task<> {
        return while_serving(handling, {}, [](Served served) -> Task<> {
          auto dialing = dial(served.at);
          Peer peer(co_await std::move(dialing));
          for (unsigned i = 0; i < 300; ++i) {
            const std::string target = "/" + std::to_string(i % 7 == 0 ? i * 1000 : i);
            auto asking = ask(peer, get(target));
            const Reply reply = co_await std::move(asking);
            EXPECT_EQ(reply.body, target + target);
            const std::string line = "\r\nX-Own: " + target + "\r\n";
            EXPECT_EQ(count_of(reply.head, line), 1u) << reply.head;
            EXPECT_EQ(count_of(reply.head, "X-Own: "), 1u) << reply.head;
            EXPECT_EQ(count_of(reply.head, "X-Same: for all\r\n"), 1u) << reply.head;
            EXPECT_EQ(count_of(reply.head, "Content-Length: "), 1u) << reply.head;
            EXPECT_TRUE(reply.head.ends_with("\r\n\r\n")) << reply.head;
          }
        });
      },
      handler);
}

TEST_P(HttpServerAnswersTest, RefusesASecondFramingAmongItsOwnLines) {
  run([]() -> Task<> {
    const Handler handler([](Exchange& exchange) -> Task<> {
      Exchange::Answer answer;
      if (exchange.request().target() == "/framed") {
        answer.own_lines = "Content-Length: 1\r\n";
      }
      const Result<> said = co_await exchange.respond(answer, "body");
      EXPECT_EQ(said.has_value(), exchange.request().target() != "/framed");
    });
    return while_serving(handler, {}, [](Served served) -> Task<> {
      auto asking = ask_once(served.at, get("/") + get("/framed"));
      const std::string heard = co_await std::move(asking);
      EXPECT_EQ(count_of(heard, " 200 OK\r\n"), 1u) << heard;
      EXPECT_EQ(count_of(heard, " 500 "), 1u) << heard;
      EXPECT_EQ(count_of(heard, "Content-Length: 1\r\n"), 0u) << heard;
    });
  });
}

TEST_P(HttpServerAnswersTest, LeavesTheBodyOutForHead) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      auto asking = ask(peer, "HEAD /four HTTP/1.1\r\nHost: a\r\n\r\n", http::Method::head);
      const Reply head = co_await std::move(asking);
      EXPECT_NE(head.head.find("Content-Length: 5\r\n"), std::string::npos);
      auto again = ask(peer, get("/next"));
      const Reply next = co_await std::move(again);
      EXPECT_EQ(next.body, "/next");
    });
  });
}

TEST_P(HttpServerAnswersTest, SpeaksTheOldVersionAndTheAbsoluteForm) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      auto old = ask_once(served.at, "GET /old HTTP/1.0\r\n\r\n");
      const std::string closed = co_await std::move(old);
      EXPECT_NE(closed.find("Connection: close\r\n"), std::string::npos);
      EXPECT_TRUE(closed.ends_with("\r\n\r\n/old")) << closed;

      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      auto asking = ask(peer, "GET /k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      const Reply kept = co_await std::move(asking);
      EXPECT_NE(kept.head.find("Connection: keep-alive\r\n"), std::string::npos);
      auto absolute = ask(peer, "GET http://b:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
      const Reply reply = co_await std::move(absolute);
      EXPECT_EQ(reply.body, "http://b:1/x?y");
    });
  });
}

// Data followed at once by FIN, and a half-closed client whose answer takes a while.
TEST_P(HttpServerAnswersTest, AnswersAClientThatHasEndedItsSide) {
  run([]() -> Task<> {
    return while_serving(
        Handler([](Exchange& exchange) -> Task<> {
          if (exchange.request().target() == "/slow") {
            co_await sleep_for(30ms);
          }
          static_cast<void>(co_await exchange.respond({}, exchange.request().target()));
        }),
        {}, [](Served served) -> Task<> {
          for (const char* target : {"/quick", "/slow"}) {
            auto asking = ask_once(served.at, get(target) + get(target), true);
            const std::string heard = co_await std::move(asking);
            EXPECT_EQ(count_of(heard, "200 OK"), 2u) << heard;
            EXPECT_TRUE(heard.ends_with(target)) << heard;
          }
        });
  });
}

TEST_P(HttpServerAnswersTest, StreamsChunkedByLengthOrUntilTheEnd) {
  run([]() -> Task<> {
    return while_serving(
        Handler([](Exchange& exchange) -> Task<> {
          const bool sized = exchange.request().target() == "/sized";
          std::string all;
          for (unsigned i = 0; i < 5; ++i) {
            all += payload(7, i, 9000);
          }
          auto beginning = exchange.begin({}, sized ? all.size() : Exchange::kUnknownLength);
          CO_ASSERT_OK(co_await std::move(beginning));
          for (std::size_t at = 0, step = 1; at < all.size(); at += step, step = step * 7 + 1) {
            auto writing = exchange.write(as_bytes(std::string_view(all).substr(at, step)));
            CO_ASSERT_OK(co_await std::move(writing));
          }
          auto ending = exchange.end();
          CO_ASSERT_OK(co_await std::move(ending));
        }),
        {}, [](Served served) -> Task<> {
          std::string all;
          for (unsigned i = 0; i < 5; ++i) {
            all += payload(7, i, 9000);
          }
          auto dialing = dial(served.at);
          Peer peer(co_await std::move(dialing));
          for (const char* target : {"/sized", "/chunked", "/sized", "/chunked"}) {
            auto asking = ask(peer, get(target));
            const Reply reply = co_await std::move(asking);
            EXPECT_EQ(reply.body == all, true) << target << ' ' << reply.body.size();
          }
          auto old = ask_once(served.at, "GET /x HTTP/1.0\r\n\r\n");
          const std::string heard = co_await std::move(old);
          EXPECT_TRUE(heard.ends_with("\r\n\r\n" + all));
        });
  });
}

// Nothing that looks whole comes of an answer that is not.
TEST_P(HttpServerAnswersTest, CutsAnAnswerOffThatIsNotWhole) {
  LogBook book;
  run(
      [](LogBook* log) -> Task<> {
        return while_serving(
            Handler([](Exchange& exchange) -> Task<> {
              const std::string_view target = exchange.request().target();
              auto beginning = exchange.begin(
                  {}, target == "/short" || target == "/long" ? 10u : Exchange::kUnknownLength);
              CO_ASSERT_OK(co_await std::move(beginning));
              auto writing = exchange.write(as_bytes(target == "/long" ? "elevenbytes" : "five."));
              const Result<> written = co_await std::move(writing);
              EXPECT_EQ(written.has_value(), target != "/long");
              if (target == "/throws") {
                throw std::runtime_error("too late");
              }
              if (target == "/short") {
                auto ending = exchange.end();
                EXPECT_EQ((co_await std::move(ending)).error(), std::errc::message_size);
              }
            }),
            log->options(),
            [](Served served, LogBook* lines) -> Task<> {
              for (const char* target : {"/short", "/long", "/forgotten", "/throws"}) {
                auto asking = ask_once(served.at, get(target));
                const std::string heard = co_await std::move(asking);
                EXPECT_TRUE(heard.ends_with("<reset>")) << target << ": " << heard;
                EXPECT_EQ(heard.find("0\r\n\r\n"), std::string::npos);
                CO_ASSERT_TRUE(!lines->lines.empty());
                EXPECT_FALSE(lines->lines.back().complete);
              }
              auto old = ask_once(served.at, "GET /forgotten HTTP/1.0\r\n\r\n");
              EXPECT_TRUE((co_await std::move(old)).ends_with("<reset>"));
              EXPECT_EQ(lines->lines.size(), 5u);
              EXPECT_EQ(served.server->figures().failures, 5u);
            },
            log);
      },
      &book);
}

// The answers before it in the batch are whole, and come.
TEST_P(HttpServerAnswersTest, SendsWholeAnswersBeforeItCutsOneOff) {
  run([]() -> Task<> {
    return while_serving(Handler([](Exchange& exchange) -> Task<> {
                           if (exchange.request().target() == "/good") {
                             static_cast<void>(co_await exchange.respond({}, "good"));
                             co_return;
                           }
                           auto beginning = exchange.begin({});
                           CO_ASSERT_OK(co_await std::move(beginning));
                         }),
                         {}, [](Served served) -> Task<> {
                           auto asking = ask_once(served.at, get("/good") + get("/bad"));
                           const std::string heard = co_await std::move(asking);
                           EXPECT_TRUE(heard.ends_with("\r\n\r\ngood<reset>")) << heard;
                         });
  });
}

TEST_P(HttpServerAnswersTest, AnswersForAHandlerThatFails) {
  TestHost host;
  LogBook book;
  LoopOptions options;
  options.host = &host;
  run_with(
      options,
      [](LogBook* log) -> Task<> {
        return while_serving(
            Handler([](Exchange& exchange) -> Task<> {
              const std::string_view target = exchange.request().target();
              if (target == "/throws") {
                throw std::runtime_error("out of luck");
              }
              if (target == "/splits") {
                // A value that would end the line is refused, never sent.
                auto answered =
                    co_await exchange.respond({.content_type = "a\r\nSet-Cookie: b"}, "x");
                EXPECT_EQ(answered.error(), std::errc::invalid_argument);
              }
              co_return;
            }),
            log->options(),
            [](Served served, LogBook* lines) -> Task<> {
              for (const char* target : {"/throws", "/splits", "/silent"}) {
                auto asking = ask_once(served.at, get(target) + get("/unread"));
                const std::string heard = co_await std::move(asking);
                EXPECT_TRUE(heard.starts_with("HTTP/1.1 500 ")) << heard;
                EXPECT_EQ(count_of(heard, "HTTP/1.1"), 1u);
                EXPECT_NE(heard.find("Connection: close"), std::string::npos);
                EXPECT_EQ(lines->lines.back().target, target);
                EXPECT_EQ(lines->lines.back().status, 500u);
              }
              EXPECT_EQ(lines->lines.size(), 3u);
              EXPECT_EQ(served.server->figures().failures, 3u);
            },
            log);
      },
      &book);
  EXPECT_NE(host.logged.find("out of luck"), std::string::npos);
}

TEST_P(HttpServerAnswersTest, LogsEveryExchangeOnceWithItsFigures) {
  LogBook book;
  run(
      [](LogBook* log) -> Task<> {
        return while_serving(
            Handler(&mirror), log->options(),
            [](Served served, LogBook* lines) -> Task<> {
              auto asking =
                  ask_once(served.at, get("/abc") + "HEAD /defg HTTP/1.1\r\nHost: a\r\n\r\n" +
                                          get("/h", "Bad Name: x\r\n"));
              const std::string heard = co_await std::move(asking);
              EXPECT_EQ(count_of(heard, "HTTP/1.1 "), 3u) << heard;
              CO_ASSERT_TRUE(lines->lines.size() == 3);
              EXPECT_EQ(lines->lines[0].target, "/abc");
              EXPECT_EQ(lines->lines[0].sent, 4u);
              EXPECT_EQ(lines->lines[1].status, 200u);
              EXPECT_EQ(lines->lines[1].sent, 0u);
              EXPECT_EQ(lines->lines[2].status, 400u);
              EXPECT_EQ(lines->lines[2].target, "-");
              EXPECT_EQ(lines->lines[2].sent, heard.size() - heard.rfind("\r\n\r\n") - 4);
            },
            log);
      },
      &book);
}

TEST_P(HttpServerAnswersTest, TellsTheDateOfEachSecondAlsoWhenTheClockIsSetBack) {
  TestHost host;
  LoopOptions options;
  options.host = &host;
  run_with(
      options,
      [](TestHost* machine) -> Task<> {
        return while_serving(
            Handler(&mirror), {},
            [](Served served, TestHost* clock) -> Task<> {
              auto dialing = dial(served.at);
              Peer peer(co_await std::move(dialing));
              const std::pair<Nanos, const char*> steps[] = {
                  {784111777s, "Sun, 06 Nov 1994 08:49:37 GMT"},
                  {784111778s, "Sun, 06 Nov 1994 08:49:38 GMT"},
                  {784111700s, "Sun, 06 Nov 1994 08:48:20 GMT"}};
              for (const auto& step : steps) {
                clock->wall = step.first;
                co_await sleep_for(
                    110ms);  // a clock that was set is noticed within a tenth of a second
                auto asking = ask(peer, get("/"));
                const Reply reply = co_await std::move(asking);
                EXPECT_NE(reply.head.find("Date: " + std::string(step.second) + "\r\n"),
                          std::string::npos)
                    << reply.head;
              }
            },
            machine);
      },
      &host);
}

// A file that is shorter than it was when the head was sent.
TEST_P(HttpServerAnswersTest, CutsAFileOffThatWasTruncated) {
  run([]() -> Task<> {
    return while_serving(Handler([](Exchange& exchange) -> Task<> {
                           char name[] = "/tmp/vigil_http_XXXXXX";
                           const int file = ::mkstemp(name);
                           ::unlink(name);
                           const std::string text = payload(3, 4, 50000);
                           EXPECT_EQ(::write(file, text.data(), text.size()), 50000);
                           const std::uint64_t size =
                               exchange.request().target() == "/whole" ? 50000 : 60000;
                           auto sending = exchange.respond_file({}, file, 0, size);
                           const Result<> sent = co_await std::move(sending);
                           EXPECT_EQ(sent.has_value(), size == 50000);
                           ::close(file);
                         }),
                         {}, [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           Peer peer(co_await std::move(dialing));
                           auto asking = ask(peer, get("/whole"));
                           const Reply reply = co_await std::move(asking);
                           EXPECT_EQ(reply.body == payload(3, 4, 50000), true);
                           auto cut = ask_once(served.at, get("/cut"));
                           const std::string heard = co_await std::move(cut);
                           EXPECT_TRUE(heard.ends_with("<reset>"));
                         });
  });
}

// An answer owes nothing to the one after it, and events of a stream are not kept back.
TEST_P(HttpServerAnswersTest, SendsWhatIsReadyWhileALaterHandlerWaits) {
  run([]() -> Task<> {
    return while_serving(Handler([](Exchange& exchange) -> Task<> {
                           if (exchange.request().target() == "/first") {
                             static_cast<void>(co_await exchange.respond({}, "first"));
                             co_return;
                           }
                           auto beginning = exchange.begin({});
                           CO_ASSERT_OK(co_await std::move(beginning));
                           for (int i = 0; i < 2; ++i) {
                             auto writing = exchange.write(as_bytes("event"));
                             CO_ASSERT_OK(co_await std::move(writing));
                             // The client may have it, and end the test, before the send is
                             // known to have ended.
                             auto flushing = exchange.flush();
                             if (auto flushed = co_await std::move(flushing); !flushed) {
                               EXPECT_EQ(flushed.error(), std::errc::operation_canceled);
                               co_return;
                             }
                             co_await sleep_for(10s);
                           }
                         }),
                         {}, [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           Peer peer(co_await std::move(dialing));
                           auto asking = ask(peer, get("/first") + get("/stream"));
                           const Reply reply = co_await std::move(asking);
                           EXPECT_EQ(reply.body, "first");
                           while (peer.unread.find("event") == std::string::npos) {
                             auto bytes = co_await peer.stream.receive();
                             CO_ASSERT_OK(bytes);
                             CO_ASSERT_TRUE(!bytes->empty());
                             peer.unread.append(as_text(bytes->bytes()));
                           }
                         });
  });
}

}  // namespace
}  // namespace vigil::test

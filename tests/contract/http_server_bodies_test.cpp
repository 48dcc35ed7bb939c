// Requests' bodies in the HTTP server: read, left, refused, waited for; on every engine.
#include <gtest/gtest.h>

#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

using http::Exchange;
using http::Handler;

class HttpServerBodiesTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerBodiesTest);

// Answers without a look at the body.
Task<> ignore_body(Exchange& exchange) {
  static_cast<void>(co_await exchange.respond({}, exchange.request().target()));
}

TEST_P(HttpServerBodiesTest, ReadsBodiesSplitAnywhere) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      const std::string chunked =
          "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";
      const std::string sized = "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      CO_ASSERT_OK(peer.stream.set(SocketOption::Name::no_delay, 1));
      const std::string both = chunked + sized;
      for (std::size_t at = 1; at < both.size(); at += 1) {
        auto first = say(peer.stream, both.substr(0, at));
        co_await std::move(first);
        co_await yield();
        co_await yield();
        auto second = ask(peer, both.substr(at));
        const Reply reply = co_await std::move(second);
        CO_ASSERT_TRUE(reply.body == "/cabc0123456789");
        auto hearing = hear_reply(peer);
        const Reply next = co_await std::move(hearing);
        CO_ASSERT_TRUE(next.body == "/shello");
      }
    });
  });
}

TEST_P(HttpServerBodiesTest, DrippedByteByByteIsTheSame) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      const std::string text =
          "POST /drip HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "2\r\nab\r\n1\r\nc\r\n0\r\nA: b\r\n\r\n";
      for (const char c : text) {
        auto saying = say(peer.stream, std::string(1, c));
        co_await std::move(saying);
        co_await yield();
        co_await yield();
      }
      auto hearing = hear_reply(peer);
      const Reply reply = co_await std::move(hearing);
      EXPECT_EQ(reply.body, "/dripabc");
    });
  });
}

TEST_P(HttpServerBodiesTest, SaysContinueOnceTheHandlerReads) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      auto asking = ask(
          peer,
          get("/before") +
              "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
      const Reply before = co_await std::move(asking);
      EXPECT_EQ(before.body, "/before");
      auto hearing = hear_reply(peer);
      const Reply interim = co_await std::move(hearing);
      EXPECT_EQ(interim.status, 100u);
      auto sending = ask(peer, "body");
      const Reply reply = co_await std::move(sending);
      EXPECT_EQ(reply.body, "/ebody");
      EXPECT_TRUE(reply.keep_alive);
    });
  });
}

// The client may send the body or not: what follows could be either, so the connection ends.
TEST_P(HttpServerBodiesTest, EndsAConnectionWhoseExpectedBodyWasNotAskedFor) {
  run([]() -> Task<> {
    return while_serving(Handler(&ignore_body), {}, [](Served served) -> Task<> {
      auto asking = ask_once(
          served.at,
          "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
      const std::string heard = co_await std::move(asking);
      EXPECT_EQ(heard.find("100 Continue"), std::string::npos);
      EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos) << heard;
      EXPECT_TRUE(heard.ends_with("/e"));
    });
  });
}

TEST_P(HttpServerBodiesTest, RefusesTooMuchBodyBeforeAndWhileItComes) {
  LogBook book;
  run(
      [](LogBook* log) -> Task<> {
        auto options = log->options();
        options.limits.body_bytes = 1000;
        return while_serving(
            Handler(&mirror), options,
            [](Served served, LogBook* lines) -> Task<> {
              const std::string body(3000, 'x');
              auto sized = ask_once(
                  served.at, "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n" + body);
              const std::string first = co_await std::move(sized);
              EXPECT_TRUE(first.starts_with("HTTP/1.1 413 ")) << first;
              EXPECT_FALSE(first.ends_with("<reset>"));
              auto chunked = ask_once(
                  served.at,
                  "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n" +
                      body + "\r\n0\r\n\r\n");
              const std::string second = co_await std::move(chunked);
              EXPECT_TRUE(second.starts_with("HTTP/1.1 413 ")) << second;
              auto expecting = ask_once(served.at,
                                        "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: "
                                        "3000\r\nExpect: 100-continue\r\n\r\n");
              const std::string third = co_await std::move(expecting);
              EXPECT_TRUE(third.starts_with("HTTP/1.1 413 ")) << third;
              EXPECT_EQ(lines->lines.size(), 3u);
              EXPECT_EQ(served.server->figures().refused, 3u);
              EXPECT_EQ(served.server->figures().failures, 0u);
            },
            log);
      },
      &book);
}

TEST_P(HttpServerBodiesTest, AnswersAMalformedBodyWith400) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      for (const char* body :
           {"zz\r\n", "2\r\nabX", "0\r\nBad Name: x\r\n\r\n", "0\r\nContent-Length: 1\r\n\r\n"}) {
        auto asking = ask_once(
            served.at,
            std::string("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") +
                body);
        const std::string heard = co_await std::move(asking);
        EXPECT_TRUE(heard.starts_with("HTTP/1.1 400 ")) << heard;
      }
    });
  });
}

TEST_P(HttpServerBodiesTest, DiscardsALittleAndEndsAfterALotThatNobodyRead) {
  run([]() -> Task<> {
    return while_serving(Handler(&ignore_body), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      const std::string little = payload(1, 2, 20000);
      auto asking = ask(peer, "POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" +
                                  little + get("/next"));
      const Reply first = co_await std::move(asking);
      EXPECT_TRUE(first.keep_alive);
      auto hearing = hear_reply(peer);
      const Reply next = co_await std::move(hearing);
      EXPECT_EQ(next.body, "/next");

      const std::string much(200'000, 'x');
      auto large = ask_once(served.at,
                            "POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + much);
      const std::string heard = co_await std::move(large);
      EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos);
      EXPECT_TRUE(heard.ends_with("/m")) << heard;
      auto chunked = ask_once(
          served.at, "POST /m HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" +
                         much + "\r\n0\r\n\r\n");
      EXPECT_TRUE((co_await std::move(chunked)).ends_with("/m"));
    });
  });
}

// A client that waits for the answer before it sends the rest of what nobody reads.
TEST_P(HttpServerBodiesTest, AnswersBeforeItWaitsForABodyThatNobodyReads) {
  run([]() -> Task<> {
    return while_serving(Handler(&ignore_body), {}, [](Served served) -> Task<> {
      auto dialing = dial(served.at);
      Peer peer(co_await std::move(dialing));
      auto asking = ask(peer, "POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.");
      const Reply first = co_await std::move(asking);
      EXPECT_EQ(first.body, "/l");
      auto rest = ask(peer, "other" + get("/next"));
      const Reply next = co_await std::move(rest);
      EXPECT_EQ(next.body, "/next");
    });
  });
}

// 100 (Continue) in the middle of an answer would be taken for a part of it.
TEST_P(HttpServerBodiesTest, NeverSaysContinueBehindAnAnswerThatHasBegun) {
  run([]() -> Task<> {
    return while_serving(
        Handler([](Exchange& exchange) -> Task<> {
          auto beginning = exchange.begin({});
          CO_ASSERT_OK(co_await std::move(beginning));
          auto reading = exchange.read();
          auto piece = co_await std::move(reading);
          CO_ASSERT_OK(piece);
          auto writing = exchange.write(*piece);
          CO_ASSERT_OK(co_await std::move(writing));
          auto ending = exchange.end();
          CO_ASSERT_OK(co_await std::move(ending));
        }),
        {}, [](Served served) -> Task<> {
          auto dialing = dial(served.at);
          Peer peer(co_await std::move(dialing));
          auto saying = say(
              peer.stream,
              "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
          co_await std::move(saying);
          co_await sleep_for(5ms);
          auto asking = ask(peer, "body");
          const Reply reply = co_await std::move(asking);
          EXPECT_EQ(reply.status, 200u);
          EXPECT_EQ(reply.body, "body");
        });
  });
}

}  // namespace
}  // namespace vigil::test

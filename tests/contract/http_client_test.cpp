// The HTTP client, against vigil's own server and against servers that misbehave to the byte; on
// every engine. Against nginx: tests/e2e/http_client_nginx_test.cpp.
#include "vigil/http/client.hpp"

#include <gtest/gtest.h>

#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

using http::Client;
using http::ClientErrc;
using http::Connection;
using http::Exchange;
using http::Handler;

class HttpClientTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpClientTest);

Task<Result<std::string>> fetch(Connection& connection, http::Request request,
                                std::string body = "") {
  auto asking = connection.ask(request, as_bytes(body));
  auto head = co_await std::move(asking);
  if (!head) {
    co_return std::unexpected(head.error());
  }
  auto reading = connection.read_all();
  co_return co_await std::move(reading);
}

TEST_P(HttpClientTest, AsksAgainAndAgainOnOneConnection) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      Client client;
      for (unsigned i = 0; i < 20; ++i) {
        auto connecting = client.connect(served.at);
        auto connection = co_await std::move(connecting);
        CO_ASSERT_OK(connection);
        const std::string body = payload(3, i, i * 1500);
        const std::string target = "/" + std::to_string(i);
        auto fetching =
            fetch(*connection, {.method = http::Method::post, .target = target, .host = "a"}, body);
        const auto text = co_await std::move(fetching);
        CO_ASSERT_OK(text);
        EXPECT_EQ(*text, target + body);
        EXPECT_TRUE(connection->reusable());
        client.keep(std::move(*connection));
      }
      EXPECT_EQ(client.idle(), 1u);
      EXPECT_EQ(served.server->figures().connections, 1u);
      client.close_idle();
    });
  });
}

TEST_P(HttpClientTest, SendsABodyInPieces) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      auto connecting = Connection::connect(served.at);
      auto connection = co_await std::move(connecting);
      CO_ASSERT_OK(connection);
      for (const std::uint64_t length : {Connection::kUnknownLength, std::uint64_t{3 * 7000}}) {
        auto beginning =
            connection->begin({.method = http::Method::put, .target = "/p", .host = "a"}, length);
        CO_ASSERT_OK(co_await std::move(beginning));
        std::string all = "/p";
        for (unsigned i = 0; i < 3; ++i) {
          const std::string piece = payload(4, i, 7000);
          all += piece;
          auto writing = connection->write(as_bytes(piece));
          CO_ASSERT_OK(co_await std::move(writing));
        }
        auto ending = connection->end();
        CO_ASSERT_OK(co_await std::move(ending));
        auto receiving = connection->receive_head();
        auto head = co_await std::move(receiving);
        CO_ASSERT_OK(head);
        EXPECT_EQ((*head)->status(), 200u);
        auto reading = connection->read_all();
        const auto text = co_await std::move(reading);
        CO_ASSERT_OK(text);
        EXPECT_EQ(*text == all, true);
      }
      auto heading = connection->ask({.method = http::Method::head, .target = "/h", .host = "a"});
      CO_ASSERT_OK(co_await std::move(heading));
      EXPECT_TRUE(connection->reusable());
    });
  });
}

// Says `answer` to whoever asks, and ends.
Task<> canned(TcpListener* listener, std::string answer, bool reset) {
  auto stream = co_await listener->accept();
  CO_ASSERT_OK(stream);
  auto request = co_await stream->receive();
  CO_ASSERT_OK(request);
  static_cast<void>(co_await stream->send(as_bytes(answer)));
  if (reset) {
    co_await sleep_for(5ms);
    stream->reset();
  }
}

struct Heard {
  Result<std::string> text;
  bool reusable = false;
  Heard() noexcept : text("") {}
};

Task<Heard> hear_canned(std::string answer, bool reset = false, http::ClientLimits limits = {}) {
  auto listener = TcpListener::listen(Address::loopback(0));
  EXPECT_TRUE(listener);
  Heard heard;
  auto whole = scoped(
      [](Scope& scope, TcpListener* from, std::string says, bool resets, http::ClientLimits most,
         Heard* into) -> Task<> {
        CO_ASSERT_OK(scope.spawn(&canned, from, std::move(says), resets));
        auto connecting = Connection::connect(*from->local_address(), most);
        auto connection = co_await std::move(connecting);
        CO_ASSERT_OK(connection);
        auto fetching = fetch(*connection, {.host = "a"});
        into->text = co_await std::move(fetching);
        into->reusable = connection->reusable();
      },
      &*listener, std::move(answer), reset, limits, &heard);
  co_await std::move(whole);
  co_return std::move(heard);
}

TEST_P(HttpClientTest, ReadsEveryFramingAndSkipsInterimResponses) {
  run([]() -> Task<> {
    const std::pair<const char*, bool> cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;a=b\r\ndy\r\n0\r\nX: "
         "y\r\n\r\n",
         true},
        {"HTTP/1.1 200 OK\r\n\r\nbody", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", false},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", false},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 "
         "OK\r\nContent-Length: 4\r\n\r\nbody",
         true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n", false},
    };
    for (const auto& one : cases) {
      auto hearing = hear_canned(one.first);
      const Heard heard = co_await std::move(hearing);
      CO_ASSERT_OK(heard.text);
      EXPECT_EQ(*heard.text, "body") << one.first;
      EXPECT_EQ(heard.reusable, one.second) << one.first;
    }
  });
}

TEST_P(HttpClientTest, NamesWhatIsWrongWithAResponse) {
  run([]() -> Task<> {
    const std::string interim = "HTTP/1.1 102 Processing\r\n\r\n";
    std::string flood;
    for (int i = 0; i < 40; ++i) {
      flood += interim;
    }
    const std::pair<std::string, ClientErrc> cases[] = {
        {"", ClientErrc::no_response},
        {"HTTP/1.1 200 O", ClientErrc::cut_off},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbod", ClientErrc::cut_off},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", ClientErrc::cut_off},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX: y\r\n",
         ClientErrc::cut_off},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n", ClientErrc::malformed},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
         ClientErrc::malformed},
        {"SSH-2.0-OpenSSH\r\n", ClientErrc::malformed},
        {"HTTP/1.1 200 OK\r\nX: " + std::string(40000, 'x') + "\r\n\r\n",
         ClientErrc::head_too_large},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x'),
         ClientErrc::body_too_large},
        {flood, ClientErrc::malformed},
    };
    for (const auto& one : cases) {
      http::ClientLimits limits;
      limits.body_bytes = 1999;
      auto hearing = hear_canned(one.first, false, limits);
      const Heard heard = co_await std::move(hearing);
      CO_ASSERT_TRUE(!heard.text.has_value());
      EXPECT_EQ(heard.text.error(), make_error_code(one.second))
          << one.first.substr(0, 80) << heard.text.error().message();
      EXPECT_FALSE(heard.reusable);
    }
    auto resetting = hear_canned("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbod", true);
    const Heard reset = co_await std::move(resetting);
    CO_ASSERT_TRUE(!reset.text.has_value());
    EXPECT_EQ(reset.text.error(), std::errc::connection_reset);
  });
}

// Nothing is sent twice: on a kept connection that the server has ended a new one is made before
// anything is said; what fails after that is the caller's to repeat.
TEST_P(HttpClientTest, LeavesKeptConnectionsThatTheServerHasEnded) {
  run([]() -> Task<> {
    auto options = http::ServerOptions();
    options.limits.idle_time = 100ms;
    return while_serving(Handler(&mirror), options, [](Served served) -> Task<> {
      Client client;
      for (int i = 0; i < 2; ++i) {
        auto connecting = client.connect(served.at);
        auto connection = co_await std::move(connecting);
        CO_ASSERT_OK(connection);
        auto fetching = fetch(*connection, {.target = "/x", .host = "a"});
        EXPECT_EQ((co_await std::move(fetching)).value_or("none"), "/x");
        client.keep(std::move(*connection));
        EXPECT_EQ(client.idle(), 1u);
        co_await sleep_for(250ms);
      }
      EXPECT_EQ(served.server->figures().requests, 2u);
    });
  });
}

TEST_P(HttpClientTest, IsOnlyGoodForClosingAfterADeadline) {
  run([]() -> Task<> {
    return while_serving(Handler([](Exchange& exchange) -> Task<> {
                           static_cast<void>(co_await sleep_for(60s));
                           static_cast<void>(co_await exchange.respond({}, "late"));
                         }),
                         {}, [](Served served) -> Task<> {
                           auto connecting = Connection::connect(served.at);
                           auto connection = co_await std::move(connecting);
                           CO_ASSERT_OK(connection);
                           auto asking = timeout(20ms, connection->ask({.host = "a"}));
                           const auto head = co_await std::move(asking);
                           CO_ASSERT_TRUE(!head.has_value());
                           EXPECT_EQ(head.error(), std::errc::timed_out);
                           EXPECT_FALSE(connection->reusable());
                           auto again = connection->ask({.host = "a"});
                           EXPECT_EQ((co_await std::move(again)).error(),
                                     make_error_code(ClientErrc::broken));
                         });
  });
}

TEST_P(HttpClientTest, RefusesToSendWhatWouldSplitARequest) {
  run([]() -> Task<> {
    return while_serving(Handler(&mirror), {}, [](Served served) -> Task<> {
      auto connecting = Connection::connect(served.at);
      auto connection = co_await std::move(connecting);
      CO_ASSERT_OK(connection);
      for (const http::Request& request :
           {http::Request{.target = "/ HTTP/1.1\r\nX: y", .host = "a"},
            http::Request{.target = "/", .host = "a\r\nX: y"}}) {
        auto asking = connection->ask(request);
        EXPECT_EQ((co_await std::move(asking)).error(), std::errc::invalid_argument);
      }
      auto fetching = fetch(*connection, {.target = "/good", .host = "a"});
      EXPECT_EQ((co_await std::move(fetching)).value_or("none"), "/good");
    });
  });
}

// A server that refuses a large body answers and reads no further: its answer is what counts.
TEST_P(HttpClientTest, HearsAnAnswerThatComesBeforeTheBodyIsSent) {
  run([]() -> Task<> {
    auto options = http::ServerOptions();
    options.limits.body_bytes = 1000;
    return while_serving(Handler(&mirror), options, [](Served served) -> Task<> {
      auto connecting = Connection::connect(served.at);
      auto connection = co_await std::move(connecting);
      CO_ASSERT_OK(connection);
      const std::string body(100'000, 'x');
      auto asking = connection->ask({.method = http::Method::post, .host = "a"}, as_bytes(body));
      const auto head = co_await std::move(asking);
      CO_ASSERT_OK(head);
      EXPECT_EQ((*head)->status(), 413u);
    });
  });
}

TEST_P(HttpClientTest, BecomesATunnelAfterAnUpgrade) {
  run([]() -> Task<> {
    return while_serving(
        Handler([](Exchange& exchange) -> Task<> {
          auto upgrading = exchange.upgrade("Connection: Upgrade\r\nUpgrade: echo\r\n");
          auto upgraded = co_await std::move(upgrading);
          CO_ASSERT_OK(upgraded);
          CO_ASSERT_OK(co_await upgraded->stream.send(as_bytes("hello from within")));
          auto bytes = co_await upgraded->stream.receive();
          CO_ASSERT_OK(bytes);
          CO_ASSERT_OK(co_await upgraded->stream.send(bytes->bytes()));
        }),
        {}, [](Served served) -> Task<> {
          auto connecting = Connection::connect(served.at);
          auto connection = co_await std::move(connecting);
          CO_ASSERT_OK(connection);
          auto asking =
              connection->ask({.host = "a", .lines = "Connection: Upgrade\r\nUpgrade: echo\r\n"});
          const auto head = co_await std::move(asking);
          CO_ASSERT_OK(head);
          EXPECT_EQ((*head)->status(), 101u);
          Connection::Tunnel tunnel = connection->into_tunnel();
          std::string heard(reinterpret_cast<const char*>(tunnel.early.data()),
                            tunnel.early.size());
          auto saying = say(tunnel.stream, "ping");
          co_await std::move(saying);
          auto hearing = hear_all(tunnel.stream);
          heard += co_await std::move(hearing);
          EXPECT_EQ(heard, "hello from withinping");
        });
  });
}

}  // namespace
}  // namespace vigil::test

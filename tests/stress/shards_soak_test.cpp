// Two shards with everything at once: clients that keep their connection, pipeline, rest until it
// hibernates, read slowly or leave badly, beside questions of the admin socket and reloads; and
// messages and moves between two loops. At the end the good ones had only right answers, and
// nothing is left open. It is what the thread sanitizer is given for minutes (CONTRIBUTING.md).
#include <csignal>
#include <sstream>

#include "tests/stress/soak.hpp"
#include "tests/support/both_engines.hpp"
#include "tests/support/shards_fixture.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::test {
namespace {

constexpr unsigned kLarge = 8'000'000;
constexpr auto kIdleTimeout = 10s;  // a connection hibernates after two to three seconds

struct Way {
  std::string engine;
  std::string accept;
};

std::vector<Way> ways() {
  std::vector<Way> all;
  for (const std::string& engine : both_engines()) {
    for (const char* accept : {"reuseport", "handoff"}) {  // handed over is moved
      all.push_back({engine, accept});
    }
  }
  return all;
}

class ShardsSoak : public testing::TestWithParam<Way>, protected Soaking {
 protected:
  void SetUp() override {
    write_soak_files(root);
    root.write("large", payload(50, 0, kLarge));
    configure(false);
  }
  void configure(bool listing) const {
    at.write("next", "directory = \"" + root.path() +
                         "\"\nlisting = " + (listing ? "true" : "false") + "\n");
    std::filesystem::rename(at / "next", at / "vigil.toml");
  }
  std::string socket() const { return at / "admin.sock"; }

  TemporaryDirectory root;
  TemporaryDirectory at;
};

INSTANTIATE_TEST_SUITE_P(On, ShardsSoak, testing::ValuesIn(ways()),
                         [](const auto& way) { return way.param.engine + "_" + way.param.accept; });

// Some connections that rest for longer than it takes to hibernate, and ask all the same.
void rest_and_ask(std::uint16_t port, std::mt19937& random, std::atomic<std::size_t>& good) {
  std::vector<Peer> peers;
  for (int i = 0; i < 30; ++i) {
    peers.emplace_back(port);
  }
  for (int round = 0; round < 2; ++round) {
    const auto rested = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 3500));
    for (Peer& peer : peers) {
      const auto file = static_cast<unsigned>(random() % kSoakFiles);
      const Peer::Answer answer = peer.get("/" + std::to_string(file));
      if (answer.status == 0 && std::chrono::steady_clock::now() - rested > kIdleTimeout / 2) {
        return;  // the machine stood still for so long that the server thought it was idle
      }
      ASSERT_EQ(answer.status, 200);
      ASSERT_EQ(answer.body, payload(file, 0, size_of_file(file)));
      ++good;
    }
  }
}

std::uint16_t own_port(const Peer& peer) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(peer.handle(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

// All that the admin socket can be asked, and about a connection that is there.
void question(const std::string& socket, std::uint16_t port, std::mt19937& random,
              std::atomic<std::size_t>& good) {
  Peer admin(socket);
  Peer client(port);
  ASSERT_EQ(client.get("/1").status, 200);
  const std::string own = "127.0.0.1:" + std::to_string(own_port(client));
  for (int i = 0; i < 10; ++i) {
    for (const std::string& target :
         {std::string("/metrics"), std::string("/dump"), std::string("/status.json"),
          std::string("/dump.json"), "/explain?peer=" + own, "/explain.json?peer=" + own}) {
      const Peer::Answer answer = admin.get(target);
      ASSERT_EQ(answer.status, 200) << target << "\n" << answer.body;
      ASSERT_TRUE(answer.whole) << target;
      ++good;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 50));
  }
}

// What it said besides that it has done what it was told.
std::string other_than_reloads(const std::string& said) {
  std::istringstream lines(said);
  std::string rest;
  for (std::string line; std::getline(lines, line);) {
    rest += line.starts_with("vigil serve: reloaded ") ? "" : line + "\n";
  }
  return rest;
}

TEST_P(ShardsSoak, OfTheWebServerUnderMixedLoad) {
  Program server({"vigil",           "serve",
                  "--config",        at / "vigil.toml",
                  "--listen",        "127.0.0.1:0",
                  "--shards",        "2",
                  "--accept",        GetParam().accept,
                  "--engine",        GetParam().engine,
                  "--admin",         socket(),
                  "--stall-limit",   "60s",
                  "--log-file",      root / ".log",
                  "--idle-timeout",  "10s",
                  "--head-timeout",  "500ms",
                  "--write-timeout", "1s",
                  "--cache-files",   "20",
                  "--cache-memory",  "100K"});
  const std::uint16_t port = server.port();
  const std::size_t before = server.sockets();
  until_over([&](std::mt19937& random) { ask_well(port, random, good); });
  until_over([&](std::mt19937& random) { ask_well(port, random, good); });
  until_over([&](std::mt19937& random) { leave_badly(port, random); });
  until_over([&](std::mt19937& random) { read_slowly(port, random); });
  until_over([&](std::mt19937& random) { rest_and_ask(port, random, good); });
  until_over([&](std::mt19937& random) { question(socket(), port, random, good); });
  until_over([&](std::mt19937& random) {
    Peer peer(port);
    ASSERT_EQ(peer.get("/large").body, payload(50, 0, kLarge));
    ++good;
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 100));
  });
  until_over([&](std::mt19937& random) {
    configure(random() % 2 == 0);
    ::kill(server.pid(), random() % 4 == 0 ? SIGUSR1 : SIGHUP);
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + random() % 300));
  });
  soak();
  EXPECT_TRUE(eventually([&] { return server.sockets() <= before; })) << server.sockets();
  EXPECT_EQ(server.end(), 0) << server.errors();
  EXPECT_NE(server.errors(), "");  // it was told to reload
  EXPECT_EQ(other_than_reloads(server.errors()), "");
}

// ---- Messages and moves, without a server ----

Task<Result<unsigned>> doubled(unsigned number) {
  if (number % 3 == 0) {
    co_await yield();
  }
  co_return 2 * number;
}

// Echoes so much and gives the connection back, with what came already of the next.
Task<Result<Released>> echo_once(Released connection, std::size_t size) {
  auto stream = TcpStream::adopt(std::move(connection));
  if (!stream) {
    co_return std::unexpected(stream.error());
  }
  std::string word(size, '\0');
  for (std::size_t came = 0; came != size;) {
    const auto more = co_await stream->read(std::as_writable_bytes(std::span(word)).subspan(came));
    if (!more || *more == 0) {
      co_return error(std::errc::connection_reset);
    }
    came += *more;
  }
  if (const Result<> sent = co_await stream->send(as_bytes(word)); !sent) {
    co_return std::unexpected(sent.error());
  }
  co_return stream->release();
}

Task<> call_around(Shards* shards, unsigned seed, Instant until) {
  for (unsigned i = seed; Loop::current()->engine().now() < until; ++i) {
    auto call = shards->run_on(i % 2, &doubled, i);
    const Result<unsigned> one = co_await std::move(call);
    CO_ASSERT_OK(one);
    EXPECT_EQ(*one, 2 * i);
    if (i % 8 == 0) {
      auto asking = shards->gather(&doubled, i);
      const std::vector<Result<unsigned>> all = co_await std::move(asking);
      EXPECT_EQ(all.size(), 2u);
      for (const Result<unsigned>& each : all) {
        CO_ASSERT_OK(each);
        EXPECT_EQ(*each, 2 * i);
      }
    }
  }
}

Task<> move_around(Shards* shards, TcpListener* listener, Instant until) {
  auto connecting = TcpStream::connect(listener->local_address().value());
  auto client = co_await std::move(connecting);
  CO_ASSERT_OK(client);
  auto server = co_await listener->accept();
  CO_ASSERT_OK(server);
  Result<Released> connection = server->release();
  std::string word = payload(1, 0, 100);
  CO_ASSERT_OK(co_await client->send(as_bytes(word)));
  for (unsigned i = 1; Loop::current()->engine().now() < until; ++i) {
    CO_ASSERT_OK(connection);
    const std::string next = payload(1, i, 1 + i % 3000);
    CO_ASSERT_OK(co_await client->send(as_bytes(next)));
    auto call = shards->run_on(i % 2, &echo_once, std::move(*connection), word.size());
    connection = co_await std::move(call);
    auto hearing = receive_exactly(*client, word.size());
    const std::string got = co_await std::move(hearing);
    CO_ASSERT_TRUE(got == word);
    word = next;
  }
}

class CallsSoak : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(On, CallsSoak, testing::ValuesIn(both_engines()),
                         [](const auto& engine) { return engine.param; });

TEST_P(CallsSoak, OfTwoShardsWithConnectionsThatMove) {
  const auto end = std::chrono::steady_clock::now() + soak_time();
  while (std::chrono::steady_clock::now() < end && !testing::Test::HasFailure()) {
    ShardsOptions options{.count = 2};
    options.loop.engine = GetParam();
    run_shards(options, [](Shards& shards) -> Task<> {
      auto listener = TcpListener::listen(Address::loopback(0));
      CO_ASSERT_OK(listener);
      const Instant until = after(Loop::current()->engine().now(), 1s);
      auto all = scoped(
          [](Scope& scope, Shards* on, TcpListener* from, Instant last) -> Task<> {
            for (unsigned i = 0; i < 20; ++i) {
              CO_ASSERT_OK(scope.spawn(&call_around, on, i, last));
            }
            auto moving = move_around(on, from, last);
            co_await std::move(moving);
          },
          &shards, &*listener, until);
      co_await std::move(all);
    });
  }
}

}  // namespace
}  // namespace vigil::test

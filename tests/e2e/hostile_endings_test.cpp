// Connections that end where they should not: a reset or a half-close at every point, data followed
// at once by the end, and thousands that come and say nothing. Hazards 9, 10, 11, 17.
#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

constexpr std::string_view kAsk = "GET /a HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\n\r\n";
constexpr std::string_view kPost =
    "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nT: "
    "u\r\n\r\n";

class HostileEndings : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { root.write("a", payload(1, 1, 100'000)); }
  std::vector<std::string> serve() const {
    return {"vigil", "serve", root.path(), "--listen", "127.0.0.1:0",
            "--log", "off",   "--engine",  GetParam()};
  }
  // No descriptor of a connection is left: the listener's remain.
  static void expect_all_closed(const Program& server, std::size_t before) {
    EXPECT_TRUE(eventually([&] { return server.sockets() <= before; }))
        << server.sockets() << " sockets, " << before << " before";
  }
  TemporaryDirectory root;
};

INSTANTIATE_ON_EVERY_ENGINE(HostileEndings);

TEST_P(HostileEndings, ByResetAtEveryPointOfARequest) {
  Program server(serve());
  const std::uint16_t port = server.port();
  const std::size_t before = server.sockets();
  for (const std::string_view request : {kAsk, kPost}) {
    for (std::size_t sent = 0; sent <= request.size(); ++sent) {
      Peer peer(port);
      peer.send(request.substr(0, sent));
      peer.reset();
    }
  }
  expect_all_closed(server, before);
  EXPECT_EQ(Peer(port).get("/a").body, payload(1, 1, 100'000));
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(server.errors(), "");
}

TEST_P(HostileEndings, ByResetAtEveryPointOfAnAnswer) {
  Program server(serve());
  const std::uint16_t port = server.port();
  const std::size_t before = server.sockets();
  for (std::size_t read = 0; read < 100'000; read = 2 * read + 1) {
    Peer peer(port, 4096);
    peer.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(peer.read(read).size(), read);
    peer.reset();
  }
  expect_all_closed(server, before);
  EXPECT_EQ(Peer(port).get("/a").body, payload(1, 1, 100'000));
  EXPECT_EQ(server.end(), 0);
}

// Who ends his writing before his request is whole is told so or not, and the connection ends: it
// is not held until a time limit.
TEST_P(HostileEndings, ByHalfCloseAtEveryPointOfARequest) {
  Program server(serve());
  const std::uint16_t port = server.port();
  for (const std::string_view request : {kAsk, kPost}) {
    for (std::size_t sent = 0; sent <= request.size(); ++sent) {
      Peer peer(port);
      peer.send(request.substr(0, sent));
      peer.end_writing();
      bool ended = false;
      const std::string answer = peer.read_to_end(&ended, kSanitized ? 20s : 5s);
      ASSERT_TRUE(ended) << sent << " bytes of " << request;
      if (request == kAsk && sent == request.size()) {
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 206 ")) << answer;
        EXPECT_TRUE(answer.ends_with("\r\n\r\n" + payload(1, 1, 10))) << answer;
      } else if (request == kAsk) {
        EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4")) << answer;
      }
    }
  }
  EXPECT_EQ(server.end(), 0);
}

// A Poller knows selectors, no engines of another kind.
std::vector<const char*> echoes_on(const std::string& engine) {
  if (engine == "uring") {
    return {"echo"};
  }
  return {"echo", "echo_poller"};
}

TEST_P(HostileEndings, DataFollowedAtOnceByTheEndIsAnsweredThenClosed) {
  for (const char* name : echoes_on(GetParam())) {
    Program server({name, "--engine", GetParam(), "0"});
    const std::uint16_t port = server.port();
    for (unsigned i = 0; i < 100; ++i) {
      const std::string text = payload(i, 0, i % 10 == 9 ? 100'000 : 1 + i * 37);
      Peer peer(port);
      std::thread sender([&] {
        peer.send(text);
        peer.end_writing();
      });
      bool ended = false;
      const std::string back = peer.read_to_end(&ended);
      sender.join();
      ASSERT_EQ(back, text) << name;
      ASSERT_TRUE(ended) << name;
    }
    EXPECT_EQ(server.end(), 0) << name;
  }
  Program hello({"http_hello", "--engine", GetParam(), "0"});
  const std::uint16_t port = hello.port();
  for (int i = 0; i < 100; ++i) {
    Peer peer(port);
    peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    peer.end_writing();
    bool ended = false;
    const std::string answer = peer.read_to_end(&ended);
    ASSERT_TRUE(ended);
    ASSERT_TRUE(answer.ends_with("Hello, world!\n")) << answer;
  }
  EXPECT_EQ(hello.end(), 0);
}

TEST_P(HostileEndings, ResetsOfEchoesInTheMiddle) {
  for (const char* name : echoes_on(GetParam())) {
    Program server({name, "--engine", GetParam(), "0"});
    const std::uint16_t port = server.port();
    EXPECT_TRUE(Peer(port).echoes("before"));
    Peer steady(port);
    for (unsigned i = 0; i < 200; ++i) {
      Peer peer(port, 4096);
      const std::string text = payload(i, 0, 1 + i * 499);
      peer.send_some(text);
      const std::string part = peer.read(i % 7);
      EXPECT_EQ(part, text.substr(0, part.size()));
      peer.reset();
      ASSERT_TRUE(steady.echoes(payload(1000, i, 64))) << name;
    }
    // The listener and the steady one; nothing spins for the dead.
    EXPECT_TRUE(eventually([&] { return server.sockets() <= 2; })) << server.sockets();
    EXPECT_EQ(server.end(), 0) << name;
  }
}

// Nobody who connects and is silent stands in another's way, and each leaves nothing behind.
TEST_P(HostileEndings, TenThousandConnectAndSayNothing) {
  const std::size_t count = GetParam() == "select" ? 900 : 10'000;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < count + 100) {
    VIGIL_NOT_RUN("this process may open too few descriptors (ulimit -n)");
  }
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<std::vector<std::string>> programs{{"echo", "--engine", GetParam(), "0"}, serve()};
  for (const auto& words : programs) {
    Program server(words);
    const std::uint16_t port = server.port();
    const std::size_t before = server.sockets();
    std::vector<Peer> silent;
    silent.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      silent.emplace_back(port);
      ASSERT_TRUE(silent.back().connected()) << i;
    }
    EXPECT_TRUE(eventually([&] { return server.sockets() >= before + count; }, 30s))
        << server.sockets();
    if (words[0] == "echo") {
      EXPECT_TRUE(silent[count / 2].echoes("one of them speaks"));
      EXPECT_TRUE(Peer(port).echoes("and another one"));
    } else {
      EXPECT_EQ(silent[count / 2].get("/a").body, payload(1, 1, 100'000));
    }
    const auto cpu = server.cpu();
    std::this_thread::sleep_for(1s);  // what is measured is a second of silence
    EXPECT_LT(server.cpu() - cpu, kSanitized ? 500ms : 100ms) << words[0];
    silent.clear();
    expect_all_closed(server, before);
    EXPECT_EQ(server.end(), 0);
  }
}

}  // namespace
}  // namespace vigil::test

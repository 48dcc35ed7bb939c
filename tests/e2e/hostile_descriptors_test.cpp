// Out of descriptors: old connections are served, the processor rests, and who waits is served as
// soon as there is a descriptor again. Hazards 12, 13, 34.
#include <algorithm>
#include <memory>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

constexpr rlim_t kDescriptors = 48;
constexpr std::chrono::milliseconds kWatched = 2s;

// One server that has run out, and its clients: the first ones are served, the last ones wait.
class Starved {
 public:
  explicit Starved(std::vector<std::string> words)
      : name_(words[0] + (words.size() > 2 ? " " + words[2] : "")),
        server_(std::move(words), {.descriptors = kDescriptors}),
        port_(server_.port()) {
    for (unsigned i = 0; i < 2 * kDescriptors; ++i) {
      clients_.emplace_back(port_);
    }
  }

  bool speaks(std::size_t client, std::chrono::milliseconds at_most) {
    Peer& peer = clients_[client];
    const bool http = name_.starts_with("http");
    const std::string sent = http ? "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                                  : payload(static_cast<unsigned>(client), ++request_, 100);
    expected_ = http ? "HTTP/1.1 200 OK\r\n" : sent;
    peer.send(sent);
    return hears(client, at_most) && (!http || peer.answer().body == "Hello, world!\n");
  }
  // Whether the answer to what was said last comes in this time.
  bool hears(std::size_t client, std::chrono::milliseconds at_most) {
    return clients_[client].read(expected_.size(), at_most) == expected_;
  }

  std::string name_;
  Program server_;
  std::uint16_t port_;
  std::vector<Peer> clients_;
  unsigned request_ = 0;
  std::string expected_;
};

TEST(HostileDescriptors, RunOutServesOldConnectionsAtRestAndRecoversWithinASecond) {
  std::vector<std::unique_ptr<Starved>> all;
  for (const std::string& engine : engine_names()) {
    all.push_back(
        std::make_unique<Starved>(std::vector<std::string>{"echo", "--engine", engine, "0"}));
    if (engine == "uring") {
      continue;  // a Poller stands on selectors
    }
    all.push_back(std::make_unique<Starved>(
        std::vector<std::string>{"echo_poller", "--engine", engine, "0"}));
  }
  all.push_back(
      std::make_unique<Starved>(std::vector<std::string>{"http_hello", "--engine", "epoll", "0"}));
  for (const auto& one : all) {
    SCOPED_TRACE(one->name_);
    EXPECT_TRUE(one->speaks(0, 20s));
    EXPECT_TRUE(eventually([&] { return one->server_.descriptors() >= kDescriptors; }))
        << one->server_.descriptors() << " are open";
  }
  std::vector<std::chrono::nanoseconds> before;
  for (const auto& one : all) {
    before.push_back(one->server_.cpu());
  }
  std::this_thread::sleep_for(kWatched);  // what is measured
  for (std::size_t i = 0; i < all.size(); ++i) {
    // 5 % of a processor.
    EXPECT_LT(all[i]->server_.cpu() - before[i], kWatched / (kSanitized ? 4 : 20))
        << all[i]->name_ << " spins while it is out of descriptors";
  }
  for (const auto& one : all) {
    SCOPED_TRACE(one->name_);
    EXPECT_TRUE(one->speaks(0, 20s)) << "an old connection is not served";
    const std::size_t last = one->clients_.size() - 1;
    EXPECT_FALSE(one->speaks(last, 1ms));
    for (std::size_t i = 1; i < 70; ++i) {
      one->clients_[i].close();
    }
    EXPECT_TRUE(one->hears(last, kSanitized ? 5s : 1s)) << "who waited is not served now";
    EXPECT_TRUE(one->speaks(0, 20s));
    EXPECT_EQ(one->server_.end(), 0);
    EXPECT_EQ(one->server_.errors(), "");
  }
}

// Whatever number of descriptors a program begins with, it runs or says one sentence. (echo_poller
// said where it listens before it had what it needs, and ended with 1 after all.)
TEST(HostileDescriptors, TooFewAtTheStartAreASentenceAndNoCrash) {
  if (kSanitized) {
    VIGIL_NOT_RUN("the sanitizer needs a descriptor of its own");
  }
  TemporaryDirectory root;
  for (rlim_t limit = 4; limit < 24; ++limit) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"echo", "--engine", "epoll", "0"},
          {"echo", "--engine", engine_names().back(), "0"},
          {"echo_poller", "0"},
          {"vigil", "serve", root.path(), "--listen", "127.0.0.1:0"}}) {
      Program server(words, {.descriptors = limit});
      EXPECT_TRUE(eventually([&] {
        return !server.runs() || server.output().find("listening on ") != std::string::npos;
      }));
      if (server.runs()) {
        EXPECT_EQ(server.end(), 0) << words[0] << " with " << limit;
        continue;
      }
      EXPECT_EQ(server.wait(), 1) << words[0] << " with " << limit << server.errors();
      const std::string said = server.errors();
      EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << words[0] << limit << "\n" << said;
      EXPECT_TRUE(said.starts_with(words[0])) << said;
      EXPECT_EQ(server.output(), "") << words[0] << " with " << limit;
    }
  }
}

// The limit is for all shards together, wherever the kernel puts a connection.
TEST(HostileDescriptors, AboveTheLimitOfConnectionsIsA503ThatDoesNotWait) {
  TemporaryDirectory root;
  root.write("a", "content");
  Program server({"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--log", "off",
                  "--connections", "10", "--shards", "2"});
  const std::uint16_t port = server.port();
  std::vector<Peer> inside;
  for (int i = 0; i < 10; ++i) {
    inside.emplace_back(port);
    EXPECT_EQ(inside.back().get("/a").status, 200);
  }
  for (int i = 0; i < 200; ++i) {
    Peer outside(port);
    const Peer::Answer answer = outside.get("/a");
    ASSERT_EQ(answer.status, 503);
    ASSERT_NE(answer.head.find("Retry-After: "), std::string::npos);
    ASSERT_TRUE(answer.whole);
  }
  for (Peer& peer : inside) {
    EXPECT_EQ(peer.get("/a").body, "content");
  }
  EXPECT_EQ(server.end(), 0);
}

// They hibernate: no shard has a task for them. Who goes makes room, whichever shard had it.
TEST(HostileDescriptors, TheLimitOfConnectionsIsForThoseThatSayNothingToo) {
  TemporaryDirectory root;
  root.write("a", "content");
  Program server({"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--log", "off",
                  "--connections", "10", "--shards", "2"});
  const std::uint16_t port = server.port();
  const std::size_t before = server.sockets();
  std::vector<Peer> silent;
  for (int i = 0; i < 10; ++i) {
    silent.emplace_back(port);
  }
  ASSERT_TRUE(eventually([&] { return server.sockets() == before + 10; }));
  for (int i = 0; i < 20; ++i) {
    Peer outside(port);
    ASSERT_EQ(outside.get("/a").status, 503);
  }
  EXPECT_EQ(silent.front().get("/a").body, "content");
  silent.pop_back();
  EXPECT_TRUE(eventually([&] {
    Peer outside(port);
    return outside.get("/a").body == "content";
  }));
  EXPECT_EQ(server.end(), 0);
}

// select(2) cannot watch a number above 1023: such a connection ends, and nothing else.
TEST(HostileDescriptors, AboveTheLimitOfSelectEndThatConnectionAlone) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < 1400) {
    VIGIL_NOT_RUN("this process may open too few descriptors (ulimit -n)");
  }
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  Program server({"echo", "--engine", "select", "0"});
  const std::uint16_t port = server.port();
  std::vector<Peer> clients;
  for (unsigned i = 0; i < 1100; ++i) {
    clients.emplace_back(port);
  }
  EXPECT_TRUE(clients[0].echoes("old ones are served"));
  EXPECT_TRUE(clients[500].echoes("and in the middle"));
  const auto cpu = server.cpu();
  std::this_thread::sleep_for(1s);  // what is measured
  EXPECT_LT(server.cpu() - cpu, 300ms);
  for (std::size_t i = 100; i < clients.size(); ++i) {
    clients[i].close();
  }
  EXPECT_TRUE(clients[0].echoes("still"));
  EXPECT_TRUE(eventually([&] { return Peer(port).echoes("new ones again", 1s); }));
  EXPECT_EQ(server.end(), 0);
}

}  // namespace
}  // namespace vigil::test

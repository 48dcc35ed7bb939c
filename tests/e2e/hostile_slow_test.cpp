// Clients that are slow on purpose (slowhttptest in its four modes) and clients that never read:
// others are served meanwhile, the slow ones are sent away, and memory stays bounded. Hazards 38,
// 39, 45, 55.
#include <atomic>
#include <memory>
#include <thread>

#include "tests/support/both_engines.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"

namespace vigil::test {
namespace {

constexpr std::size_t kAttackers = 300;
// Bytes that a connection at least holds while its answer waits for it.
constexpr std::size_t kSmallestHeld = 16384;

class HostileSlow : public testing::Test {
 protected:
  void SetUp() override {
    root.write("small", "served");
    root.write("big", std::string(4 << 20, 'b'));
  }
  std::vector<std::string> serve(const std::string& engine) const {
    return {"vigil", "serve", root.path(), "--listen", "127.0.0.1:0",
            "--log", "off",   "--engine",  engine};
  }
  TemporaryDirectory root;
};

class HostileSlowOn : public HostileSlow, public testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(On, HostileSlowOn, testing::ValuesIn(both_engines()),
                         [](const auto& engine) { return engine.param; });

// A client that asks for the small file, again and again, and wants it before an attack can be over
// (within a second, but on a machine that is busy with the attackers).
class GoodClient {
 public:
  explicit GoodClient(std::uint16_t port) : thread_([this, port] { run(port); }) {}
  ~GoodClient() { stop(); }
  void stop() {
    over_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  std::size_t asked = 0;
  std::size_t served = 0;

 private:
  void run(std::uint16_t port) {
    while (!over_) {
      Peer peer(port);
      peer.send("GET /small HTTP/1.1\r\nHost: good\r\n\r\n");
      ++asked;
      served += peer.answer(5s).body == "served" ? 1u : 0u;
      std::this_thread::sleep_for(10ms);
    }
  }
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

struct Attack {
  std::string name;
  std::vector<std::string> options;
  bool holds;  // sockets open: others are answered at once
};

class HostileSlowMode : public HostileSlow,
                        public testing::WithParamInterface<std::tuple<Attack, std::string>> {};

INSTANTIATE_TEST_SUITE_P(
    SlowHttpTest, HostileSlowMode,
    testing::Combine(
        testing::Values(
            Attack{"head", {"-H", "-i", "1", "-x", "8"}, true},
            Attack{"body", {"-B", "-i", "1", "-x", "8", "-s", "8192", "-t", "POST"}, false},
            Attack{"ranges", {"-R", "-t", "HEAD", "-a", "10", "-b", "3000"}, false},
            Attack{"reader",
                   {"-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "16", "-k", "3"},
                   true}),
        testing::ValuesIn(both_engines())),
    [](const auto& one) { return std::get<0>(one.param).name + "_" + std::get<1>(one.param); });

TEST_P(HostileSlowMode, LeavesServiceToOthersAndIsSentAway) {
  VIGIL_NEEDS_PROGRAM("slowhttptest");
  const auto& [mode, engine] = GetParam();
  auto served = serve(engine);
  served.insert(served.end(), {"--head-timeout", "1s", "--idle-timeout", "1s", "--min-rate-after",
                               "1s", "--write-timeout", "2s"});
  Program server(served);
  const std::uint16_t port = server.port();
  const std::size_t sockets_before = server.sockets();
  std::vector<std::string> words{find_program("slowhttptest"),
                                 "-c",
                                 std::to_string(kAttackers),
                                 "-r",
                                 "200",
                                 "-l",
                                 mode.holds ? "20" : "4",
                                 "-p",
                                 "3",
                                 "-u",
                                 "http://127.0.0.1:" + std::to_string(port) + "/big"};
  words.insert(words.end(), mode.options.begin(), mode.options.end());
  GoodClient good(port);
  Program attack(std::move(words));
  if (mode.holds) {
    EXPECT_TRUE(eventually([&] { return server.sockets() > sockets_before + kAttackers / 4; }))
        << "the attack did not reach the server\n"
        << attack.output();
  } else {
    attack.wait();
  }
  EXPECT_TRUE(eventually([&] { return server.sockets() <= sockets_before + 5; }, 16s))
      << server.sockets() << " sockets are still open";
  good.stop();
  EXPECT_GE(good.asked, 50u);
  EXPECT_GE(good.served * 100, good.asked * 99) << good.served << " of " << good.asked;
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(server.errors(), "");
}

// 1,000 clients ask for much and read nothing. What the server keeps for each is bounded.
TEST_P(HostileSlowOn, ReadersThatNeverReadCostBoundedMemory) {
  constexpr std::size_t kReaders = 1000;
  const std::size_t kMost = kReaders * (GetParam() == "uring" ? 32 : 24) * 1024;
  Program server(serve(GetParam()));
  const std::uint16_t port = server.port();
  EXPECT_EQ(Peer(port).get("/small").body, "served");
  const std::size_t before = server.memory();
  std::vector<Peer> readers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    readers.emplace_back(port, 4096);
    // From the file, from the cache many times over, and a listing that is not there.
    std::string asks = i % 2 == 0 ? "GET /big HTTP/1.1\r\nHost: x\r\n\r\n" : "";
    for (int more = 0; more < 200; ++more) {
      asks += "GET /small HTTP/1.1\r\nHost: x\r\n\r\nGET /no HTTP/1.1\r\nHost: x\r\n\r\n";
    }
    readers.back().send_some(asks);
  }
  Peer good(port);
  for (unsigned i = 0; i < 200; ++i) {
    ASSERT_EQ(good.get("/small").body, "served");
  }
  if (!kSanitized) {
    EXPECT_LT(server.memory(), before + kMost);
  }
  RecordProperty("bytes_per_reader", std::to_string((server.memory() - before) / kReaders));
  readers.clear();
  EXPECT_EQ(good.get("/small").body, "served");
  EXPECT_EQ(server.end(), 0);
}

// As many as this process may open, up to 10,000, ask for much and read nothing, where memory is
// for a few hundred of them: it stays below its limit, and others are served all the while.
TEST_P(HostileSlowOn, ReadersThatNeverReadLeaveMemoryBelowItsLimitAndOthersServed) {
  constexpr std::size_t kLimit = std::size_t{32} << 20;
  constexpr std::size_t kReserve = 200;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t most = kSanitized ? 2'000 : 10'000;
  const std::size_t count = std::min<std::size_t>(most, limit.rlim_max - kReserve);
  RecordProperty("clients", std::to_string(count));
  std::vector<std::string> words = serve(GetParam());
  words.insert(words.end(), {"--memory-limit", std::to_string(kLimit), "--shards", "2"});
  Program server(std::move(words));
  const std::uint16_t port = server.port();
  EXPECT_EQ(Peer(port).get("/small").body, "served");
  const std::size_t before = server.memory();
  std::size_t held = 0;
  auto good = std::make_unique<Peer>(port);
  // Where a burst took all there is, the answer is 503, and to come again.
  const auto is_served = [&] {
    const Peer::Answer answer = good->get("/small");
    if (answer.body != "served") {
      good = std::make_unique<Peer>(port);
    }
    return answer.body == "served";
  };
  std::vector<Peer> readers;
  readers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    readers.emplace_back(port, 4096);
    readers.back().send_some("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    if (i % 100 == 0) {
      ASSERT_TRUE(eventually(is_served, kSanitized ? 60s : 10s)) << "after " << i;
      held = std::max(held, server.memory() - std::min(server.memory(), before));
    }
  }
  EXPECT_TRUE(eventually([&] { return server.sockets() < kLimit / kSmallestHeld; }))
      << server.sockets() << " sockets are still open";
  EXPECT_TRUE(eventually(is_served));
  held = std::max(held, server.memory() - std::min(server.memory(), before));
  RecordProperty("bytes_held", std::to_string(held));
  if (!kSanitized) {
    EXPECT_LT(held, kLimit);
  }
  readers.clear();
  EXPECT_EQ(server.end(), 0);
}

TEST_P(HostileSlowOn, HeadsOfAHundredThousandFieldsAreRefused) {
  Program server(serve(GetParam()));
  const std::uint16_t port = server.port();
  std::string fields;
  for (int i = 0; i < 100'000; ++i) {
    fields += "a:\r\n";
  }
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"}) {
    Peer peer(port);
    // It need not take them all before it answers.
    std::thread sender(
        [&] { peer.send(method + (" /small HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n")); });
    EXPECT_EQ(peer.answer().status, 431) << method;
    peer.read_to_end();
    sender.join();
  }
  EXPECT_EQ(Peer(port).get("/small").body, "served");
  EXPECT_EQ(server.end(), 0);
}

// An echo whose clients send and never read must stop reading from them.
TEST_P(HostileSlowOn, SendersThatNeverReadAreReadNoFurther) {
  constexpr std::size_t kSenders = 200;
  for (const char* name : {"echo", "echo_poller"}) {
    if (name == std::string("echo_poller") && GetParam() == "uring") {
      continue;  // a Poller stands on selectors
    }
    Program server({name, "--engine", GetParam(), "0"});
    const std::uint16_t port = server.port();
    const std::size_t before = server.memory();
    std::vector<Peer> senders;
    const std::string much(1 << 20, 's');
    for (std::size_t i = 0; i < kSenders; ++i) {
      senders.emplace_back(port, 4096);
      const int small = 16384;
      ::setsockopt(senders.back().handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    }
    std::size_t last = 1;  // until none takes any more
    EXPECT_TRUE(eventually([&] {
      last = 0;
      for (const Peer& sender : senders) {
        last += sender.send_some(much);
      }
      return last == 0;
    })) << name
        << " still reads";
    EXPECT_TRUE(Peer(port).echoes("others are served"));
    if (!kSanitized) {
      // A ring's multishot brings what the socket holds at once, before it is stopped.
      const std::size_t each = GetParam() == "uring" ? 256 * 1024 : 64 * 1024;
      EXPECT_LT(server.memory(), before + kSenders * each) << name;
    }
    senders.clear();
    EXPECT_EQ(server.end(), 0) << name;
  }
}

}  // namespace
}  // namespace vigil::test

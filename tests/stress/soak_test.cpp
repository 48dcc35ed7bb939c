// Everything at once for half a minute: good clients, slow ones, resets, half requests, files that
// change, on each engine. At the end the good ones had only right answers, nothing is left open,
// and the programs, which check their ledgers, end with 0. Hazards 15, 16, 26, 29, 30, 31.
#include <atomic>
#include <random>
#include <thread>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

constexpr auto kSoak = 5s;  // each program on each engine
constexpr unsigned kFiles = 40;

std::size_t size_of(unsigned file) { return file % 4 == 3 ? 400'000 : 100 + 997 * file; }

class Soak : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    for (unsigned i = 0; i < kFiles; ++i) {
      root.write(std::to_string(i), payload(i, 0, size_of(i)));
    }
    root.write("changes", "0");
  }
  void until_over(const std::function<void(std::mt19937&)>& step) {
    workers_.emplace_back([this, step, seed = workers_.size()] {
      std::mt19937 random(static_cast<std::uint32_t>(seed));
      while (!over_) {
        step(random);
      }
    });
  }
  // Longer where the machine is slow: until enough good clients were served among the others.
  void soak() {
    std::this_thread::sleep_for(kSoak);
    EXPECT_TRUE(eventually([&] { return good > 100; })) << good << " good answers";
    over_ = true;
    workers_.clear();
  }

  TemporaryDirectory root;
  std::atomic<std::size_t> good = 0;

 private:
  std::atomic<bool> over_ = false;
  std::vector<std::jthread> workers_;
};

INSTANTIATE_ON_EVERY_ENGINE(Soak);

// Asks as a browser does: some of several files on one connection, pipelined or one by one.
void ask_well(std::uint16_t port, std::mt19937& random, std::atomic<std::size_t>& good) {
  Peer peer(port);
  std::vector<unsigned> files(1 + random() % 8);
  for (unsigned& file : files) {
    file = static_cast<unsigned>(random() % kFiles);
  }
  const bool pipelined = random() % 2 == 0;
  for (const unsigned file : files) {
    peer.send("GET /" + std::to_string(file) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    if (!pipelined) {
      ASSERT_EQ(peer.answer(60s).body, payload(file, 0, size_of(file)));
      ++good;
    }
  }
  for (std::size_t i = 0; pipelined && i < files.size(); ++i) {
    ASSERT_EQ(peer.answer(60s).body, payload(files[i], 0, size_of(files[i])));
    ++good;
  }
}

// Leaves in the middle: of a head, of an answer, of a pipeline; sometimes politely.
void leave_badly(std::uint16_t port, std::mt19937& random) {
  Peer peer(port, 4096);
  std::string text;
  for (auto n = random() % 20; n > 0; --n) {
    text += "GET /" + std::to_string(random() % kFiles) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  text += "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n";
  text.resize(random() % text.size());
  if (random() % 8 == 0 && !text.empty()) {
    text[random() % text.size()] = static_cast<char>(random());
  }
  peer.send_some(text);
  if (random() % 2 == 0) {
    peer.read(random() % 10'000, 20ms);
  }
  if (random() % 3 == 0) {
    peer.end_writing();
  } else if (random() % 2 == 0) {
    peer.reset();
  }
}

TEST_P(Soak, OfTheWebServerUnderMixedLoad) {
  Program server({"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--listing", "--engine",
                  GetParam(), "--log-file", root / ".log", "--head-timeout", "300ms",
                  "--write-timeout", "500ms", "--cache-files", "20", "--cache-memory", "100K"});
  const std::uint16_t port = server.port();
  const std::size_t before = server.sockets();
  until_over([&](std::mt19937& random) { ask_well(port, random, good); });
  until_over([&](std::mt19937& random) { ask_well(port, random, good); });
  until_over([&](std::mt19937& random) { leave_badly(port, random); });
  until_over([&](std::mt19937& random) {  // reads slowly, or not at all
    Peer peer(port, 4096);
    peer.send_some("GET /3 HTTP/1.1\r\nHost: x\r\n\r\nGET /7 HTTP/1.1\r\nHost: x\r\n\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 1000));
  });
  until_over([&](std::mt19937& random) {
    root.write("next", payload(9, static_cast<unsigned>(random()), random() % 30'000));
    std::filesystem::rename(root / "next", root / "changes");
    Peer peer(port);
    EXPECT_EQ(peer.get("/changes").status, 200);
    EXPECT_EQ(peer.get(random() % 2 == 0 ? "/" : "/?sort=size").status, 200);
    std::this_thread::sleep_for(10ms);
  });
  soak();
  EXPECT_TRUE(eventually([&] { return server.sockets() <= before; })) << server.sockets();
  EXPECT_EQ(server.end(), 0) << server.errors();
  EXPECT_EQ(server.errors(), "");
}

TEST_P(Soak, OfTheEchoUnderMixedLoad) {
  Program server({"echo", "--engine", GetParam(), "0"});
  const std::uint16_t port = server.port();
  const std::size_t before = server.sockets();
  for (unsigned worker = 0; worker < 3; ++worker) {
    until_over([&, worker](std::mt19937& random) {
      Peer peer(port);
      for (unsigned i = 0; i < 20; ++i) {
        ASSERT_TRUE(peer.echoes(
            payload(worker, static_cast<unsigned>(random() % 100'000), 1 + random() % 60'000),
            60s));
        ++good;
      }
    });
  }
  until_over([&](std::mt19937& random) {
    Peer peer(port, 4096);
    const std::string text =
        payload(77, static_cast<unsigned>(random() % 1000), 1 + random() % 300'000);
    peer.send_some(text);
    const std::string part = peer.read(random() % 1000, 10ms);
    ASSERT_EQ(part, text.substr(0, part.size()));
    if (random() % 2 == 0) {
      peer.reset();
    }
  });
  soak();
  EXPECT_TRUE(eventually([&] { return server.sockets() <= before; })) << server.sockets();
  EXPECT_EQ(server.end(), 0) << server.errors();
}

}  // namespace
}  // namespace vigil::test

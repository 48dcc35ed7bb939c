// Everything at once for half a minute: good clients, slow ones, resets, half requests, files that
// change, on each engine. At the end the good ones had only right answers, nothing is left open,
// and the programs, which check their ledgers, end with 0. Hazards 15, 16, 26, 29, 30, 31.
#include "tests/stress/soak.hpp"

namespace vigil::test {
namespace {

class Soak : public testing::TestWithParam<std::string>, protected Soaking {
 protected:
  void SetUp() override {
    write_soak_files(root);
    root.write("changes", "0");
  }

  TemporaryDirectory root;
};

INSTANTIATE_ON_EVERY_ENGINE(Soak);

TEST_P(Soak, OfTheWebServerUnderMixedLoad) {
  Program server({"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--listing", "--engine",
                  GetParam(), "--log-file", root / ".log", "--head-timeout", "300ms",
                  "--write-timeout", "500ms", "--cache-files", "20", "--cache-memory", "100K"});
  const std::uint16_t port = server.port();
  const std::size_t before = server.sockets();
  until_over([&](std::mt19937& random) { ask_well(port, random, good); });
  until_over([&](std::mt19937& random) { ask_well(port, random, good); });
  until_over([&](std::mt19937& random) { leave_badly(port, random); });
  until_over([&](std::mt19937& random) { read_slowly(port, random); });
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

// `vigil serve` that has run out of descriptors for longer than a moment: who comes is told so and
// does not hang, who is inside is served, and afterwards all is as before. Hazard 12.
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

constexpr rlim_t kDescriptors = 160;

struct Shape {
  std::string engine;
  std::string shards;
  std::string accept;
  friend void PrintTo(const Shape& shape, std::ostream* out) {
    *out << shape.engine << " " << shape.accept << " " << shape.shards;
  }
};

// On each engine, and by each way to accept.
std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const std::string& engine : engine_names()) {
    all.push_back({engine, "1", "reuseport"});
  }
  for (const std::string& engine : engine_names()) {
    if (engine == "epoll" || engine == "uring") {
      for (const char* accept : {"reuseport", "exclusive", "handoff"}) {
        all.push_back({engine, "2", accept});
      }
    }
  }
  return all;
}

class HostileShortage : public testing::TestWithParam<Shape> {
 protected:
  std::vector<std::string> words() const {
    return {"vigil",
            "serve",
            root.path(),
            "--listen",
            "127.0.0.1:0",
            "--log",
            "off",
            "--status",
            "127.0.0.1:0",
            "--cache-files",
            "0",
            "--min-rate",
            "off",
            "--write-timeout",
            "off",
            "--engine",
            GetParam().engine,
            "--shards",
            GetParam().shards,
            "--accept",
            GetParam().accept};
  }
  static std::uint16_t status_port(const Program& server) {
    const std::string line = "status on 127.0.0.1:";
    EXPECT_TRUE(eventually([&] { return server.output().find(line) != std::string::npos; }));
    const std::string said = server.output();
    return static_cast<std::uint16_t>(std::atoi(said.c_str() + said.find(line) + line.size()));
  }
  // The sum of a counter over listeners and shards.
  static std::uint64_t metric(std::uint16_t port, const std::string& name) {
    Peer asks(port);
    asks.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string text = asks.read_to_end();
    std::uint64_t sum = 0;
    for (std::size_t at = text.find("\n" + name + "{"); at != std::string::npos;
         at = text.find("\n" + name + "{", at + 1)) {
      sum += std::strtoull(text.c_str() + text.find("} ", at) + 2, nullptr, 10);
    }
    return sum;
  }

  TemporaryDirectory root;
};

// Each of these clients holds two descriptors, its own and a file's, and takes nothing.
TEST_P(HostileShortage, TellsNewcomersAndServesWhoIsInside) {
  root.write("small", "content");
  root.write("large", std::string(30'000'000, 'l'));
  Program server(words(), {.descriptors = kDescriptors});
  const std::uint16_t port = server.port();
  const std::uint16_t status = status_port(server);
  Peer inside(port);
  ASSERT_EQ(inside.get("/small").body, "content");
  std::vector<Peer> downloads;
  while (server.descriptors() < kDescriptors && downloads.size() != kDescriptors) {
    downloads.emplace_back(port, 4096);
    downloads.back().send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    downloads.back().read(1);
  }
  ASSERT_GE(server.descriptors(), kDescriptors);
  const Peer::Answer unopened = inside.get("/small");
  EXPECT_EQ(unopened.status, 503) << "a file that cannot be opened now";
  EXPECT_NE(unopened.head.find("\r\nRetry-After: "), std::string::npos);

  std::vector<Peer> newcomers;
  for (int i = 0; i != 40; ++i) {
    newcomers.emplace_back(port);
    newcomers.back().send("GET /small HTTP/1.1\r\nHost: test\r\n\r\n");
  }
  for (Peer& each : newcomers) {
    // With several shards another one may be faster with the descriptor that is free for a moment.
    // Then it has none for the file.
    const Peer::Answer answer = each.answer();
    EXPECT_EQ(answer.status, 503);
    EXPECT_NE(answer.head.find("\r\nRetry-After: "), std::string::npos);
    EXPECT_TRUE(answer.whole);
    if (answer.head.find("\r\nConnection: close\r\n") != std::string::npos) {
      bool ended = false;
      EXPECT_EQ(each.read_to_end(&ended), "");
      EXPECT_TRUE(ended);
    }
    each.close();
  }
  const auto cpu = server.cpu();
  constexpr std::chrono::milliseconds kWatched = 1s;
  std::this_thread::sleep_for(kWatched);  // what is measured
  EXPECT_LT(server.cpu() - cpu, kWatched / (kSanitized ? 4 : 20));
  if (GetParam().shards == "1") {
    EXPECT_EQ(inside.get("/small").status, 503);
  }
  downloads.clear();
  EXPECT_TRUE(eventually([&] { return Peer(port).get("/small").body == "content"; }));
  EXPECT_EQ(inside.get("/small").body, "content");
  const std::uint64_t refused = metric(status, "vigil_accept_refused_total");
  EXPECT_GE(refused, GetParam().shards == "1" ? 40u : 30u);
  EXPECT_GT(metric(status, "vigil_accept_exhausted_total"), 0u);
  EXPECT_EQ(server.end(), 0);
  const std::string said = server.errors();
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
  EXPECT_TRUE(
      said.starts_with("vigil serve: connections wait to be accepted: too many open files."))
      << said;
}

INSTANTIATE_TEST_SUITE_P(On, HostileShortage, testing::ValuesIn(shapes()),
                         [](const testing::TestParamInfo<Shape>& shape) {
                           return as_test_name(shape.param.engine + "_" + shape.param.accept + "_" +
                                               shape.param.shards);
                         });

}  // namespace
}  // namespace vigil::test

// The echo server on every engine: each connection gets its own bytes, in order, and no other's.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

class EchoServer : public testing::TestWithParam<std::string> {
 protected:
  Program server_{{"echo", "--engine", GetParam()}};
};
INSTANTIATE_ON_EVERY_ENGINE(EchoServer);

TEST_P(EchoServer, SendsEachConnectionItsOwnBytes) {
  const std::uint16_t port = server_.port();
  constexpr unsigned kConnections = 200;
  std::vector<std::unique_ptr<Peer>> peers;
  for (unsigned i = 0; i < kConnections; ++i) {
    peers.push_back(std::make_unique<Peer>(port));
    ASSERT_TRUE(peers.back()->connected());
  }
  for (unsigned request = 0; request < 5; ++request) {
    const std::size_t size = request == 4 ? 9000 : 64;  // more than a lease holds
    for (unsigned i = 0; i < kConnections; ++i) {
      ASSERT_TRUE(peers[i]->send(payload(i, request, size)));
    }
    for (unsigned i = 0; i < kConnections; ++i) {
      EXPECT_EQ(peers[i]->read(size), payload(i, request, size));
    }
  }
  for (auto& peer : peers) {
    peer->end_writing();
    bool ended = false;
    EXPECT_EQ(peer->read_to_end(&ended), "");
    EXPECT_TRUE(ended);
  }
  EXPECT_EQ(server_.end(), 0);
}

TEST_P(EchoServer, TakesTenThousandConnectionsOneAfterTheOther) {
  const std::uint16_t port = server_.port();
  const unsigned count = kSanitized ? 1000 : 10'000;
  for (unsigned i = 0; i < count; ++i) {
    Peer peer(port);
    ASSERT_TRUE(peer.connected()) << "connection " << i;
    ASSERT_TRUE(peer.echoes(payload(i, 0, 24))) << "connection " << i;
    peer.reset();  // no TIME_WAIT: the machine's ports are everybody's
  }
  EXPECT_TRUE(eventually([&] { return server_.sockets() <= 1; })) << server_.sockets();
  EXPECT_EQ(server_.end(), 0);
}

TEST_P(EchoServer, AnswersWhatCameWithTheEnd) {
  const std::uint16_t port = server_.port();
  for (unsigned i = 0; i < 50; ++i) {
    Peer peer(port);
    const std::string text = payload(i, 1, 20'000);
    ASSERT_TRUE(peer.send(text));
    peer.end_writing();
    EXPECT_EQ(peer.read_to_end(), text);
  }
}

TEST(Coexist, EchoesInsideAForeignLoop) {
  Program server({"coexist", "--engine", "epoll"});
  Peer peer(server.port());
  for (unsigned request = 0; request < 20; ++request) {
    EXPECT_TRUE(peer.echoes(payload(1, request, 700)));
  }
  EXPECT_EQ(server.end(), 0);
}

}  // namespace
}  // namespace vigil::test

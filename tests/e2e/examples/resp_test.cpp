// The RESP server, asked by redis-cli, by redis-benchmark, and byte by byte.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

class RespServer : public testing::TestWithParam<std::string> {
 protected:
  // What redis-cli prints for a command.
  std::string ask(std::vector<std::string> words) {
    std::vector<std::string> all = {"redis-cli", "-p", std::to_string(server_.port())};
    all.insert(all.end(), words.begin(), words.end());
    return run_tool(all);
  }
  Program server_{{"resp", "--engine", GetParam(), "--value", "100000", "--memory", "1000000"}};
};
INSTANTIATE_ON_EVERY_ENGINE(RespServer);

std::string command(std::initializer_list<std::string_view> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  }
  return text;
}

TEST_P(RespServer, SpeaksWithRedisCli) {
  VIGIL_NEEDS_PROGRAM("redis-cli");
  EXPECT_EQ(ask({"ping"}), "PONG\n");
  EXPECT_EQ(ask({"get", "a"}), "\n");
  EXPECT_EQ(ask({"set", "a", "41"}), "OK\n");
  EXPECT_EQ(ask({"INCR", "a"}), "42\n");
  EXPECT_EQ(ask({"get", "a"}), "42\n");
  EXPECT_EQ(ask({"ttl", "a"}), "-1\n");
  EXPECT_EQ(ask({"expire", "a", "100"}), "1\n");
  EXPECT_EQ(ask({"ttl", "a"}), "100\n");
  EXPECT_EQ(ask({"expire", "none", "100"}), "0\n");
  EXPECT_EQ(ask({"set", "b", "x", "nx"}), "OK\n");
  EXPECT_EQ(ask({"set", "b", "y", "nx"}), "\n");
  EXPECT_EQ(ask({"exists", "a", "b", "c"}), "2\n");
  EXPECT_EQ(ask({"del", "a", "b", "c"}), "2\n");
  EXPECT_EQ(ask({"dbsize"}), "0\n");
  ask({"set", "word", "abc"});
  EXPECT_EQ(ask({"incr", "word"}), "ERR value is not an integer or out of range\n\n");
  EXPECT_EQ(ask({"nonsense"}), "ERR unknown command 'nonsense'\n\n");
  EXPECT_EQ(ask({"get"}), "ERR wrong number of arguments for 'get' command\n\n");
}

TEST_P(RespServer, HoldsOutUnderRedisBenchmark) {
  VIGIL_NEEDS_PROGRAM("redis-benchmark");
  const std::string port = std::to_string(server_.port());
  for (const char* depth : {"1", "16"}) {
    int status = -1;
    const std::string said =
        run_tool({"redis-benchmark", "-p", port, "-t", "get,set,incr", "-P", depth, "-n",
                  kSanitized ? "2000" : "20000", "-r", "100", "-q"},
                 &status);
    EXPECT_EQ(status, 0);
    EXPECT_NE(said.find("INCR: "), std::string::npos) << said;
    EXPECT_EQ(said.find("rror"), std::string::npos) << said;
  }
  EXPECT_EQ(server_.end(), 0);
}

TEST_P(RespServer, AnswersAPipelineInOrderWhereverItIsCut) {
  const std::string asked = command({"SET", "k", "value"}) + "PING\r\n" + command({"get", "k"}) +
                            "\r\n*0\r\n" + command({"INCR", "n"}) + "get  none\r\n" +
                            command({"PING", "a b"});
  const std::string answered = "+OK\r\n+PONG\r\n$5\r\nvalue\r\n:1\r\n$-1\r\n$3\r\na b\r\n";
  const std::uint16_t port = server_.port();
  for (std::size_t cut = 1; cut < asked.size(); ++cut) {
    Peer peer(port);
    ASSERT_TRUE(peer.send(std::string_view(asked).substr(0, cut)));
    ASSERT_TRUE(peer.send(std::string_view(asked).substr(cut)));
    EXPECT_EQ(peer.read(answered.size()), answered) << "cut at " << cut;
    ASSERT_TRUE(peer.send(command({"DEL", "n", "k"})));
    EXPECT_EQ(peer.read(4), ":2\r\n");
    peer.reset();
  }
}

TEST_P(RespServer, KeepsTheValuesOfConnectionsApart) {
  const std::uint16_t port = server_.port();
  std::vector<std::unique_ptr<Peer>> peers;
  for (unsigned i = 0; i < 50; ++i) {
    peers.push_back(std::make_unique<Peer>(port));
  }
  for (unsigned request = 0; request < 10; ++request) {
    const std::size_t size = request % 3 == 2 ? 6000 : 40;
    for (unsigned i = 0; i < peers.size(); ++i) {
      const std::string key = "key" + std::to_string(i);
      ASSERT_TRUE(
          peers[i]->send(command({"SET", key, payload(i, request, size)}) + command({"GET", key})));
    }
    for (unsigned i = 0; i < peers.size(); ++i) {
      const std::string wanted =
          "+OK\r\n$" + std::to_string(size) + "\r\n" + payload(i, request, size) + "\r\n";
      EXPECT_EQ(peers[i]->read(wanted.size()), wanted);
    }
  }
}

TEST_P(RespServer, ExpiresKeysInTimeAndNotBefore) {
  Peer peer(server_.port());
  ASSERT_TRUE(peer.send(command({"SET", "k", "v", "PX", "150"}) + command({"GET", "k"})));
  EXPECT_EQ(peer.read(12), "+OK\r\n$1\r\nv\r\n");
  // By the timer: nobody asks for the key, and it is gone from the count.
  EXPECT_TRUE(eventually([&] {
    peer.send("DBSIZE\r\n");
    return peer.read(4) == ":0\r\n";
  }));
  ASSERT_TRUE(peer.send(command({"GET", "k"})));
  EXPECT_EQ(peer.read(5), "$-1\r\n");
}

TEST_P(RespServer, RefusesWhatIsMalformedOrTooBigAndCloses) {
  const std::uint16_t port = server_.port();
  const std::pair<std::string, std::string> cases[] = {
      {"*1\r\n$-4\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
      {"*1\r\n$100001\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
      {"*99999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
      {"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
      {"*1\r\nPING\r\n", "-ERR Protocol error: expected '$'\r\n"},
      {"*1\r\n$1\r\nabc", "-ERR Protocol error: expected the end of a line after a bulk\r\n"},
      {std::string(70'000, 'x'), "-ERR Protocol error: too big inline request\r\n"},
  };
  for (const auto& [sent, answered] : cases) {
    Peer peer(port);
    peer.send(sent);
    EXPECT_EQ(peer.read(answered.size()), answered) << sent.substr(0, 40);
  }
  Peer alive(port);
  ASSERT_TRUE(alive.send("PING\r\n"));
  EXPECT_EQ(alive.read(7), "+PONG\r\n");
}

TEST_P(RespServer, StaysWithinItsMemory) {
  Peer peer(server_.port());
  const std::string value(90'000, 'v');
  std::string answer;
  for (int i = 0; i < 20 && answer.empty(); ++i) {
    ASSERT_TRUE(peer.send(command({"SET", "key" + std::to_string(i), value})));
    const std::string begin = peer.read(5);
    if (begin != "+OK\r\n") {
      EXPECT_EQ(begin, "-OOM ");
      EXPECT_GE(i, 10);
      return;
    }
  }
  ADD_FAILURE() << "1.8 MB were taken into 1 MB";
}

// It holds one batch of replies for a client that does not read them, and serves the others.
TEST_P(RespServer, HoldsLittleForAClientThatDoesNotRead) {
  const std::uint16_t port = server_.port();
  Peer peer(port, 4096);
  const std::string value(50'000, 'v');
  ASSERT_TRUE(peer.send(command({"SET", "k", value})));
  ASSERT_EQ(peer.read(5), "+OK\r\n");
  const std::size_t before = server_.memory();
  std::string many;
  for (int i = 0; i < 10'000; ++i) {
    many += command({"GET", "k"});
  }
  std::size_t sent = 0;
  while (const std::size_t more = peer.send_some(std::string_view(many).substr(sent))) {
    sent += more;
    std::this_thread::sleep_for(20ms);
  }
  Peer other(port);
  ASSERT_TRUE(other.send("PING\r\n"));
  EXPECT_EQ(other.read(7), "+PONG\r\n");
  if (!kSanitized) {
    EXPECT_LT(server_.memory() - before, std::size_t{4} << 20);
  }
}

}  // namespace
}  // namespace vigil::test

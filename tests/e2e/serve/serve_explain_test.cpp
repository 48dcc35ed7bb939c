// `vigil explain`: where the bytes of one connection of a running server are, and who waits for
// whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "serve_process.hpp"

namespace vigil::e2e {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

class ServeExplain : public testing::Test {
 protected:
  void SetUp() override { root.write("a", "content"); }

  std::string socket() const { return at.path("admin.sock"); }
  Ended explain(const std::string& peer, std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"explain", socket(), peer};
    words.insert(words.end(), more.begin(), more.end());
    Process command(std::move(words));
    return command.wait();
  }
  static std::string peer(const Client& client) {
    return "127.0.0.1:" + std::to_string(client.own_port());
  }
  // A connection from the same port of 127.0.0.2; negative: there can be none.
  static int from_another_address(std::uint16_t own, std::uint16_t to) {
    const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(own);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    const bool bound = ::bind(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    address.sin_port = htons(to);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bound && ::connect(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0
               ? handle
               : -1;
  }
  // Once the sentence is what it becomes.
  json explained(const Client& client, const std::string& sentence) const {
    json last;
    EXPECT_TRUE(eventually([&] {
      const Ended ended = explain(peer(client), {"--json"});
      last = json::parse(ended.out, nullptr, false);
      return ended.status == 0 && last.value("sentence", "").find(sentence) != std::string::npos;
    })) << last.dump(2);
    return last;
  }

  Folder root;
  Folder at;
};

TEST_F(ServeExplain, says_that_a_connection_is_idle) {
  Serve server(root, {"--log", "off", "--shards", "2", "--admin", socket()});
  Client client(server.port);
  EXPECT_EQ(client.get("/a").status, 200);
  const json seen =
      explained(client, "Nothing is on its way: the connection is idle between requests.");
  EXPECT_EQ(seen["peer"], peer(client));
  EXPECT_EQ(seen["http"]["stage"], "idle");
  EXPECT_EQ(seen["kernel"]["state"], "open");
  EXPECT_EQ(seen["task"]["waits_for"], "receive");
  EXPECT_THAT(seen["loop"].get<std::string>(), MatchesRegex("vigil/[01]"));
  // In words, and by its port alone.
  const Ended text = explain(std::to_string(client.own_port()));
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("kernel, to be received    0 bytes\n"));
  EXPECT_THAT(text.out, HasSubstr("waits for receive on " + peer(client)));
  EXPECT_THAT(text.out,
              EndsWith("Nothing is on its way: the connection is idle between requests.\n"));
}

TEST_F(ServeExplain, says_that_a_head_is_half_here) {
  Serve server(root, {"--log", "off", "--shards", "2", "--admin", socket()});
  Client client(server.port);
  ASSERT_TRUE(client.send("GET /a HTTP/1.1\r\nHost: a"));
  const json seen = explained(client, "vigil waits for the peer: nothing came for ");
  EXPECT_THAT(seen["sentence"].get<std::string>(),
              EndsWith(", and a request's head is half here (24 bytes)."));
  EXPECT_EQ(seen["http"]["stage"], "head");
  EXPECT_EQ(seen["http"]["received_bytes"], 24);
  ASSERT_TRUE(client.send("\r\n\r\n"));
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(ServeExplain, says_that_the_peer_does_not_read) {
  root.write("large", noise(40'000'000, 1));
  Serve server(root, {"--log", "off", "--shards", "2", "--admin", socket()});
  Client slow(server.port, 4096);
  ASSERT_TRUE(slow.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(slow.answers());
  const json seen = explained(slow, "The peer does not read: ");
  const std::uint64_t in_kernel = seen["kernel"]["unsent_bytes"].get<std::uint64_t>() +
                                  seen["kernel"]["unacknowledged_bytes"].get<std::uint64_t>();
  EXPECT_GT(in_kernel, 0u);
  EXPECT_THAT(seen["sentence"].get<std::string>(),
              HasSubstr("The peer does not read: " + std::to_string(in_kernel) +
                        " bytes wait in the kernel's send queue, and "));
  EXPECT_EQ(seen["http"]["stage"], "writing");
  EXPECT_EQ(seen["http"]["method"], "GET");
  EXPECT_GT(seen["http"]["unsent_bytes"].get<std::uint64_t>(), 20'000'000u);
  EXPECT_EQ(seen["task"]["waits_for"], "send_file");
}

TEST_F(ServeExplain, refuses_who_is_not_there_and_changes_nothing_for_hostile_names) {
  Serve server(root, {"--log", "off", "--shards", "2", "--admin", socket()});
  Client client(server.port);
  EXPECT_EQ(client.get("/a").status, 200);
  const Ended unknown = explain("127.0.0.9:1");
  EXPECT_EQ(unknown.status, 1);
  EXPECT_EQ(unknown.out, "");
  EXPECT_EQ(unknown.err,
            "vigil explain: no connection with that peer is open. `vigil dump` shows who is "
            "there.\n");
  const json nobody = json::parse(explain("127.0.0.9:1", {"--json"}).out);
  EXPECT_EQ(nobody["error"],
            "no connection with that peer is open. `vigil dump` shows who is there.");
  for (const std::string& name :
       {std::string(""), std::string("0"), std::string("65536"), std::string("a\r\nGET / HTTP/1.1"),
        std::string("unix:/run/x"), std::string("%00"), std::string(5000, '1')}) {
    const Ended refused = explain(name);
    EXPECT_EQ(refused.status, 1) << name;
    EXPECT_THAT(refused.err, HasSubstr("that is no peer: it is an address with its port")) << name;
  }
  // Of who asks the server itself.
  for (const std::string& query : {std::string("?peer=%"), "?peer=" + std::string(5000, '1'),
                                   std::string("?peer=%0d%0a"), std::string("?"), std::string()}) {
    const Response refused = Client(socket()).get("/explain" + query);
    EXPECT_EQ(refused.status, 400) << query;
  }
  EXPECT_EQ(client.get("/a").body, "content");
}

TEST_F(ServeExplain, names_the_candidates_of_a_port_that_several_have) {
  Serve server(root, {"--log", "off", "--shards", "1", "--admin", socket()});
  Client first(server.port);
  EXPECT_EQ(first.get("/a").status, 200);
  const int second = from_another_address(first.own_port(), server.port);
  ASSERT_GE(second, 0);
  const std::string port = std::to_string(first.own_port());
  Ended several;
  EXPECT_TRUE(eventually([&] { return (several = explain(port)).status == 1; })) << several.out;
  EXPECT_THAT(several.err, HasSubstr("several connections have a peer with that port: 127.0.0."));
  EXPECT_THAT(several.err, HasSubstr(peer(first)));
  EXPECT_THAT(several.err, HasSubstr("127.0.0.2:" + port));
  const Ended one = explain(peer(first));
  EXPECT_EQ(one.status, 0) << one.err;
  ::close(second);
}

TEST_F(ServeExplain, has_to_be_told_both) {
  Process alone({"explain", "4711"});
  const Ended ended = alone.wait();
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(ended.err,
            "vigil explain: it has to be told PID|PATH PEER. Usage: vigil explain [OPTION...] "
            "PID|PATH PEER.\n");
}

}  // namespace
}  // namespace vigil::e2e

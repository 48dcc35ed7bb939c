// The chat server: rooms, names, slow readers, and its driver at a small scale.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"

namespace vigil::test {
namespace {

class ChatServer : public testing::TestWithParam<std::string> {
 protected:
  // A user in a room.
  Peer user(const std::string& name, const std::string& room) {
    Peer peer(server_.port());
    peer.send("/name " + name + "\n/join " + room + "\n");
    const std::string welcome = "* you are " + name + "\n* you are in " + room + "\n";
    EXPECT_EQ(peer.read(welcome.size()), welcome);
    return peer;
  }
  static void expect_hears(Peer& peer, const std::string& line) {
    EXPECT_EQ(peer.read(line.size()), line);
  }
  Program server_{{"chat", "--engine", GetParam()}};
};
INSTANTIATE_ON_EVERY_ENGINE(ChatServer);

TEST_P(ChatServer, DeliversToTheRoomAndToNobodyElse) {
  Peer ann = user("ann", "tea");
  Peer bob = user("bob", "tea");
  Peer eve = user("eve", "coffee");
  Peer dan = user("dan", "coffee");
  ann.send("hello tea\r\n");
  eve.send("hello coffee\n");
  expect_hears(bob, "ann: hello tea\n");
  expect_hears(dan, "eve: hello coffee\n");
  bob.send("/who\n");
  expect_hears(bob, "* ann bob\n");
  bob.send("/join coffee\n");
  expect_hears(bob, "* you are in coffee\n");
  eve.send("welcome\n");
  expect_hears(bob, "eve: welcome\n");
  ann.send("anybody here?\n/who\n");
  expect_hears(ann, "* ann\n");
}

TEST_P(ChatServer, LetsNobodyForgeALine) {
  Peer ann = user("ann", "tea");
  Peer bob = user("bob", "tea");
  ann.send("one\rbob: two\x1b[2J\n");
  expect_hears(bob, "ann: one bob: two [2J\n");
  ann.send("/name bad name!\n");
  EXPECT_TRUE(ann.read(7).starts_with("* /name"));
}

TEST_P(ChatServer, RefusesALineWithoutEnd) {
  Peer ann = user("ann", "tea");
  ann.send(std::string(5000, 'x'));
  bool ended = false;
  EXPECT_EQ(ann.read_to_end(&ended), "* a line has at most 1024 bytes: goodbye\n");
  EXPECT_TRUE(ended);
}

// The others do not wait for it, and it costs at most its 64 KiB.
TEST_P(ChatServer, DropsAUserThatDoesNotRead) {
  Peer slow(server_.port(), 4096);
  slow.send("/name slow\n/join tea\n");
  Peer ann = user("ann", "tea");
  Peer bob = user("bob", "tea");
  const std::string line(1000, 'x');
  std::string who;
  for (int i = 0; i < 20'000 && who != "* ann bob\n"; ++i) {
    ann.send(line + "\n");
    expect_hears(bob, "ann: " + line + "\n");
    if (i % 100 == 99) {
      ann.send("/who\n");
      who = ann.read(10);
      if (who != "* ann bob\n") {
        ann.read(5);  // "* slow ann bob\n" is five bytes longer
      }
    }
  }
  EXPECT_EQ(who, "* ann bob\n") << "it was not dropped";
  bob.send("still here\n");
  expect_hears(ann, "bob: still here\n");
}

TEST_P(ChatServer, ServesItsDriver) {
  Program driver({"chat", "--engine", GetParam(), "--drive", "--users", "200", "--rooms", "20",
                  "--rate", "200", "--seconds", "1", std::to_string(server_.port())});
  EXPECT_EQ(driver.wait(), 0) << driver.errors();
  EXPECT_NE(driver.output().find("200 users in 20 rooms, 200 messages in 1 s: 1800 of 1800"),
            std::string::npos)
      << driver.output();
  EXPECT_NE(driver.output().find("bytes a user"), std::string::npos);
  EXPECT_EQ(server_.end(), 0);
}

TEST(ChatDriver, SaysThatThereIsNoServer) {
  Program driver({"chat", "--drive", "1"});
  EXPECT_EQ(driver.wait(), 1);
  EXPECT_EQ(driver.errors(),
            "chat --drive: cannot connect to 127.0.0.1:1: connection refused. Start the server "
            "first: chat PORT.\n");
}

}  // namespace
}  // namespace vigil::test

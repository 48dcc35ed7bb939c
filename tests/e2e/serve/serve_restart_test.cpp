// `vigil restart` and SIGUSR2: a new process takes the place of a server, under load, and where it
// does not come up the old one goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve_process.hpp"
#include "tests/support/both_engines.hpp"
#include "tests/support/program.hpp"

namespace vigil::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::MatchesRegex;

// The processes that came after the first: this test ends them.
class Successors {
 public:
  ~Successors() {
    if (last_ > 0) {
      ::kill(last_, SIGTERM);
      EXPECT_TRUE(eventually([&] { return !runs(last_); })) << last_;
    }
  }
  static bool runs(int pid) { return ::kill(pid, 0) == 0; }
  // Of "process 4711 serves from now on; ..."; the number, or 0.
  int take(const std::string& sentence) {
    const std::size_t at = sentence.find("process ");
    const int pid = at != std::string::npos && sentence.find(" serves from now on") > at
                        ? std::atoi(sentence.c_str() + at + 8)
                        : 0;
    last_ = pid != 0 ? pid : last_;
    return pid;
  }
  int last() const { return last_; }

 private:
  int last_ = 0;
};

// One that was free a moment ago.
std::uint16_t free_port() {
  const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(handle, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(handle);
  return ntohs(address.sin_port);
}

class ServeRestart : public testing::Test {
 protected:
  void SetUp() override { root.write("site/a", noise(3000, 1)); }

  std::string socket() const { return root.path("admin.sock"); }
  Ended restart() const { return Process({"restart", socket()}).wait(); }
  static int process_of(const std::string& socket) {
    const Ended listed = Process({"top", socket, "--json"}).wait();
    const json all = json::parse(listed.out, nullptr, false);
    return all.is_array() && !all.empty() ? all[0]["process"]["id"].get<int>() : 0;
  }

  Folder root;
  Successors successors;
};

struct Way {
  std::string engine;
  std::string accept;
};

class ServeRestartOn : public testing::TestWithParam<Way> {
 protected:
  // Each asks until it is told to stop, and every question must have its answer: one that is kept
  // may end only after an answer that said so, and then there is a new one.
  void ask(std::uint16_t port, bool keeps) {
    while (!over_) {
      Client client(port);
      bool goes_on = true;
      while (goes_on) {
        const Response response = client.get("/a", keeps ? "" : "Connection: close\r\n");
        const bool right =
            response.status == 200 && response.complete && response.body == noise(3000, 1);
        (right ? answered_ : lost_) += 1;
        if (!right) {
          return;
        }
        goes_on = keeps && !over_ && !response.fields.contains("connection");
      }
    }
  }

  std::atomic<bool> over_ = false;
  std::atomic<long> answered_ = 0;
  std::atomic<long> lost_ = 0;
  Folder root;
  Successors successors;
};
INSTANTIATE_TEST_SUITE_P(On, ServeRestartOn, testing::ValuesIn([] {
                           std::vector<Way> all;
                           for (const std::string& engine : test::both_engines()) {
                             for (const char* accept : {"reuseport", "exclusive", "handoff"}) {
                               all.push_back({engine, accept});
                             }
                           }
                           return all;
                         }()),
                         [](const auto& way) { return way.param.engine + "_" + way.param.accept; });

// Under sanitizers, where all is slower, fewer times.
constexpr int kRestarts = test::kSanitized ? 5 : 20;

// Hazard: a restart under load refuses a connection, or loses an answer.
TEST_P(ServeRestartOn, again_and_again_under_load_loses_no_answer) {
  root.write("site/a", noise(3000, 1));
  const std::string socket = root.path("admin.sock");
  Process server({"serve", root.path("site"), "--listen", "127.0.0.1:0", "--log", "off", "--shards",
                  "2", "--accept", GetParam().accept, "--engine", GetParam().engine, "--admin",
                  socket});
  const std::uint16_t port = server.await_port();
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([this, port] { ask(port, true); });
    clients.emplace_back([this, port] { ask(port, false); });
  }
  for (int i = 0; i < kRestarts; ++i) {
    const long before = answered_;
    EXPECT_TRUE(eventually([&] { return answered_ > before + 50; }));
    const Ended asked = Process({"restart", socket}).wait();
    EXPECT_EQ(asked.status, 0) << asked.err;
    EXPECT_NE(successors.take(asked.out), 0) << asked.out;
  }
  const long before = answered_;
  EXPECT_TRUE(eventually([&] { return answered_ > before + 200; }));
  over_ = true;
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(lost_, 0) << "of " << answered_;
  EXPECT_EQ(server.wait().status, 0);
}

TEST_F(ServeRestart, by_a_signal_leaves_the_old_one_until_its_connections_have_ended) {
  root.write("site/large", noise(20'000'000, 4));
  Process server({"serve", root.path("site"), "--listen", "127.0.0.1:0", "--log", "off", "--shards",
                  "2", "--status", "127.0.0.1:0", "--admin", socket()});
  const std::uint16_t port = server.await_port();
  Client slow(port, 4096);
  ASSERT_TRUE(slow.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(slow.answers());
  server.signal(SIGUSR2);
  EXPECT_TRUE(eventually([&] { return successors.take(server.errors()) != 0; })) << server.errors();
  EXPECT_EQ(Client(port).get("/a").body.size(), 3000u);
  EXPECT_TRUE(eventually([&] { return process_of(socket()) == successors.last(); }));
  EXPECT_TRUE(server.runs());
  const Response whole = slow.receive();
  EXPECT_EQ(whole.status, 200);
  EXPECT_TRUE(whole.complete && whole.body == noise(20'000'000, 4));
  const Ended ended = server.wait();
  EXPECT_EQ(ended.status, 0);
  EXPECT_THAT(ended.err, MatchesRegex("vigil serve: process [0-9]+ serves from now on; the old one "
                                      "ends when its connections have.\n"));
  EXPECT_EQ(Client(port).get("/a").body.size(), 3000u);
  EXPECT_EQ(process_of(socket()), successors.last()) << "its admin socket is still there";
}

TEST_F(ServeRestart, keeps_the_status_address_and_a_local_path) {
  const std::string path = root.path("listen.sock");
  const std::uint16_t status = free_port();
  Process server({"serve", root.path("site"), "--listen", "unix:" + path, "--log", "off",
                  "--status", "127.0.0.1:" + std::to_string(status), "--admin", socket()});
  static_cast<void>(server.output(
      [](const std::string& text) { return text.find("status on ") != std::string::npos; }));
  for (int i = 0; i < 3; ++i) {
    const Ended asked = restart();
    EXPECT_EQ(asked.status, 0) << asked.err;
    EXPECT_NE(successors.take(asked.out), 0);
    EXPECT_EQ(Client(path).get("/a").status, 200);
    Client looks(status);
    ASSERT_TRUE(looks.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    EXPECT_EQ(looks.receive().body, "ready\n");
  }
  EXPECT_EQ(server.wait().status, 0);
  EXPECT_EQ(Client(path).get("/a").status, 200);
}

TEST_F(ServeRestart, reads_the_configuration_and_goes_on_where_that_is_wrong) {
  const auto text = [&](const std::string& more) {
    return "listen = \"127.0.0.1:0\"\nlog = \"off\"\nshards = 2\nadmin = \"" + socket() +
           "\"\ndirectory = \"" + root.path("site") + "\"\n" + more;
  };
  root.write("vigil.toml", text(""));
  Process server({"serve", "--config", root.path("vigil.toml"), "--admin", socket()});
  const std::uint16_t port = server.await_port();
  root.write("vigil.toml", text("idle_timout = \"3s\"\n"));
  const Ended refused = restart();
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err,
              MatchesRegex("vigil restart: not restarted: the new process [0-9]+ ended with 2 "
                           "before it served: what it said stands above. The old process goes "
                           "on.\n"));
  EXPECT_THAT(server.errors(), HasSubstr("idle_timeout"));
  EXPECT_EQ(Client(port).get("/a").status, 200);
  root.write("vigil.toml", text("shards = 1\n"));
  EXPECT_EQ(restart().status, 1) << "a key twice";
  root.write("vigil.toml", text("idle_timeout = \"3s\"\n"));
  const Ended done = restart();
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(successors.take(done.out), 0);
  EXPECT_EQ(Client(port).get("/a").status, 200);
  EXPECT_EQ(server.wait().status, 0);
}

// From a socket of two nobody would accept.
TEST_F(ServeRestart, is_refused_where_there_would_be_fewer_shards_than_sockets) {
  const auto text = [&](int shards) {
    return "listen = \"127.0.0.1:0\"\nlog = \"off\"\nshards = " + std::to_string(shards) +
           "\ndirectory = \"" + root.path("site") + "\"\n";
  };
  root.write("vigil.toml", text(2));
  Process server({"serve", "--config", root.path("vigil.toml"), "--admin", socket()});
  const std::uint16_t port = server.await_port();
  root.write("vigil.toml", text(1));
  EXPECT_EQ(restart().status, 1);
  EXPECT_THAT(server.errors(), HasSubstr("was handed over as 2 sockets, a group for as many "
                                         "shards: keep --shards at least so high"));
  root.write("vigil.toml", text(3));
  const Ended done = restart();
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(successors.take(done.out), 0);
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(Client(port).get("/a").status, 200);
  }
  EXPECT_EQ(server.wait().status, 0);
}

TEST_F(ServeRestart, of_nobody_is_a_sentence) {
  const Ended ended = Process({"restart", root.path("none.sock")}).wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err, "vigil restart: the server at " + root.path("none.sock") +
                           " does not answer: no such file or directory.\n");
}

// Who sets the variable by hand has no line to another process.
TEST_F(ServeRestart, without_a_predecessor_is_refused) {
  const Ended ended = Process({"serve", root.path("site"), "--listen", "127.0.0.1:0"},
                              {.environment = {"VIGIL_SUCCESSOR=1"}})
                          .wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err,
            "vigil serve: cannot take the place of another process: standard input is not the line "
            "to it (VIGIL_SUCCESSOR is for `vigil restart` alone).\n");
}

}  // namespace
}  // namespace vigil::e2e

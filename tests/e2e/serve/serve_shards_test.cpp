// `vigil serve --shards 2`: one server on two loops. Real clients, of both kinds: those that keep
// their connection, and those that make a new one for each request.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "serve_process.hpp"
#include "tests/support/both_engines.hpp"

namespace vigil::e2e {
namespace {

constexpr std::size_t kPage = 3000;

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// Processor time of the threads of two shards, in nanoseconds.
std::map<std::string, long> times_of_shards(int pid) {
  std::map<std::string, long> times;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    const std::string stat = content_of(task.path().string() + "/schedstat");
    std::string name = content_of(task.path().string() + "/comm");
    name.resize(name.find_last_not_of('\n') + 1);
    if (name == "vigil/0" || name == "vigil/1") {
      times[name] += std::stol(stat);
    }
  }
  return times;
}

struct Way {
  std::string engine;
  std::string accept;
};

std::vector<Way> ways() {
  std::vector<Way> all;
  for (const std::string& engine : test::both_engines()) {
    for (const char* accept : {"reuseport", "exclusive", "handoff"}) {
      all.push_back({engine, accept});
    }
  }
  return all;
}

class ServeShards : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override { root.write("site/a", noise(kPage, 1)); }

  void serve(std::vector<std::string> more = {"--log", "off"}) {
    more.insert(more.begin(), {"serve", root.path("site"), "--listen", "127.0.0.1:0", "--shards",
                               "2", "--accept", GetParam().accept, "--engine", GetParam().engine});
    server.emplace(more);
    port = server->await_port();
  }

  // Clients that ask until `over`, or until the server says or shows that it is not there any more.
  // Every connection that was made must have had its answer; one that is kept may end before the
  // next request only after an answer that said so.
  struct Tally {
    std::atomic<long> answered{0};
    std::atomic<long> lost{0};
  };
  void ask_once_each(Tally& tally, const std::atomic<bool>& over) const {
    while (!over) {
      const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const bool connected =
          ::connect(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
      if (connected) {
        const std::string answer = whole_answer(handle);
        const bool right = answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(noise(kPage, 1));
        (right ? tally.answered : tally.lost) += 1;
      }
      ::close(handle);
      if (!connected) {
        return;
      }
    }
  }
  static std::string whole_answer(int handle) {
    constexpr std::string_view kAsk = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    if (::send(handle, kAsk.data(), kAsk.size(), MSG_NOSIGNAL) < 0) {
      return {};
    }
    std::string all;
    for (char piece[4096];;) {
      const ssize_t got = ::recv(handle, piece, sizeof piece, 0);
      if (got <= 0) {
        return got == 0 ? all : "reset";
      }
      all.append(piece, static_cast<std::size_t>(got));
    }
  }
  void ask_again_and_again(Client& client, Tally& tally, const std::atomic<bool>& over) const {
    while (!over) {
      const Response response = client.get("/a");
      const bool right =
          response.status == 200 && response.complete && response.body == noise(kPage, 1);
      (right ? tally.answered : tally.lost) += 1;
      if (!right || response.fields.contains("connection")) {
        return;
      }
    }
  }

  Folder root;
  std::optional<Process> server;
  std::uint16_t port = 0;
};
INSTANTIATE_TEST_SUITE_P(On, ServeShards, testing::ValuesIn(ways()),
                         [](const auto& way) { return way.param.engine + "_" + way.param.accept; });

// Each shard works: no connection finds another one than the first that the kernel names.
TEST_P(ServeShards, answer_on_both) {
  serve();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<Client>(port));
    EXPECT_EQ(clients.back()->get("/a").body, noise(kPage, 1));
  }
  const auto before = times_of_shards(server->pid());
  ASSERT_TRUE(before.contains("vigil/0") && before.contains("vigil/1"));
  const bool both = eventually(
      [&] {
        for (const auto& client : clients) {
          EXPECT_EQ(client->get("/a").status, 200);
        }
        const auto now = times_of_shards(server->pid());
        return std::ranges::all_of(before, [&](const auto& thread) {
          return now.at(thread.first) > thread.second + 200'000;
        });
      },
      GetParam().accept == "exclusive" ? 500ms : 20s);
  // Of one shared socket the one that is idle may take all.
  EXPECT_TRUE(both || GetParam().accept == "exclusive");
}

TEST_P(ServeShards, drain_under_load_without_losing_an_answer) {
  serve({"--log-file", root.path("log")});
  Tally kept;
  Tally single;
  const std::atomic<bool> over = false;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Client>(port));
    threads.emplace_back(
        [&, client = clients.back().get()] { ask_again_and_again(*client, kept, over); });
    threads.emplace_back([&] { ask_once_each(single, over); });
  }
  EXPECT_TRUE(eventually([&] { return kept.answered > 500 && single.answered > 500; }));
  server->signal(SIGTERM);
  const Ended ended = server->wait();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(kept.lost, 0);
  EXPECT_EQ(single.lost, 0);
  const std::string log = content_of(root.path("log"));
  EXPECT_EQ(std::ranges::count(log, '\n'), kept.answered + single.answered);
}

TEST_P(ServeShards, reload_and_open_the_log_again_under_load_and_nobody_sees_it) {
  root.write("other/a", noise(kPage, 1));
  const auto text = [&](const char* site) {
    return "listen = \"127.0.0.1:0\"\nlog_buffer = \"64M\"\nlog_file = \"" + root.path("log") +
           "\"\ndirectory = \"" + root.path(site) + "\"\n";
  };
  root.write("vigil.toml", text("site"));
  server.emplace(std::vector<std::string>{"serve", "--config", root.path("vigil.toml"), "--shards",
                                          "2", "--accept", GetParam().accept, "--engine",
                                          GetParam().engine});
  port = server->await_port();
  Tally kept;
  Tally single;
  std::atomic<bool> over = false;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(port));
    threads.emplace_back(
        [&, client = clients.back().get()] { ask_again_and_again(*client, kept, over); });
    threads.emplace_back([&] { ask_once_each(single, over); });
  }
  const auto lines_said = [&] { return std::ranges::count(server->errors(), '\n'); };
  constexpr int kRounds = 10;
  for (int i = 0; i < kRounds; ++i) {
    root.write("vigil.toml", text(i % 2 == 0 ? "other" : "site"));
    server->signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return lines_said() == i + 1; }));
    std::filesystem::rename(root.path("log"), root.path("log." + std::to_string(i)));
    server->signal(SIGUSR1);
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(root.path("log")); }));
  }
  over = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  server->signal(SIGTERM);
  const Ended ended = server->wait();
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err.find("not reloaded"), std::string::npos) << ended.err;
  EXPECT_EQ(kept.lost, 0);
  EXPECT_EQ(single.lost, 0);
  std::string log = content_of(root.path("log"));
  for (int i = 0; i < kRounds; ++i) {
    log += content_of(root.path("log." + std::to_string(i)));
  }
  EXPECT_EQ(std::ranges::count(log, '\n'), kept.answered + single.answered);
}

// Lines of a stream come from one shard, whoever has answered; none is cut by another.
TEST_P(ServeShards, write_whole_lines_to_standard_output) {
  serve({"--log", "json"});
  constexpr int kRequests = 200;
  for (int i = 0; i < kRequests; ++i) {
    EXPECT_EQ(Client(port).get("/a?" + std::to_string(i)).status, 200);
  }
  server->signal(SIGTERM);
  const Ended ended = server->wait();
  EXPECT_EQ(ended.status, 0);
  std::istringstream lines(ended.out);
  std::set<std::string> targets;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("listening on")) {
      EXPECT_TRUE(line.starts_with("{\"time\":\"") && line.ends_with("\"}")) << line;
      const std::size_t at = line.find("/a?");
      ASSERT_NE(at, std::string::npos) << line;
      targets.insert(line.substr(at, line.find('"', at) - at));
    }
  }
  EXPECT_EQ(targets.size(), kRequests);
}

// The kernel spreads them by chance: one shard has more of them than the other.
TEST(ServeShardsLimits, of_connections_are_for_all_together) {
  Folder root;
  root.write("a", "content");
  Serve server(root,
               {"--log", "off", "--shards", "2", "--accept", "reuseport", "--connections", "41"});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 41; ++i) {
    clients.push_back(std::make_unique<Client>(server.port));
    EXPECT_EQ(clients.back()->get("/a").status, 200);
  }
  EXPECT_EQ(Client(server.port).get("/a").status, 503);
  EXPECT_EQ(Client(server.port).get("/a").status, 503);
  EXPECT_EQ(clients.front()->get("/a").status, 200);
}

TEST(ServeShardsRefuse, what_they_do_not_know) {
  const auto said = [](std::vector<std::string> words) {
    words.insert(words.begin(), "serve");
    Process program(words);
    const Ended ended = program.wait();
    EXPECT_EQ(ended.status, 2);
    return ended.err;
  };
  EXPECT_EQ(said({"--accept", "fair"}),
            "vigil serve: --accept fair is no way to accept. Choose reuseport, reuseport-cpu, "
            "exclusive or handoff.\n");
  EXPECT_EQ(said({"--shards", "0"}),
            "vigil serve: --shards 0 is out of range. Choose from 1 to 256.\n");
  EXPECT_EQ(said({"--shards", "many"}).find("vigil serve: --shards many "), 0U);
}

TEST(ServeShardsBegin, on_a_unix_socket_and_pinned) {
  Folder root;
  root.write("site/a", "content");
  Process server({"serve", root.path("site"), "--log", "off", "--shards", "2", "--pin", "--listen",
                  "unix:" + root.path("socket")});
  server.await_port();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Client(root.path("socket")).get("/a").body, "content");
  }
  server.signal(SIGTERM);
  const Ended ended = server.wait(5s);
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err, "");
}

}  // namespace
}  // namespace vigil::e2e

// `--processes N`: a parent keeps the listeners and several processes serve. One that dies is back,
// and nobody is refused meanwhile; the parent answers for all.
#include "serve_processes.hpp"

namespace vigil::e2e {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ServeProcessesBy : public ServeProcesses, public testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, ServeProcessesBy,
                         testing::Values("reuseport", "exclusive", "handoff"));

// Hazard: while a process is not there, who connects is refused.
TEST_P(ServeProcessesBy, one_that_is_killed_under_load_is_back_and_nobody_was_refused) {
  Process server(words({"--shards", "2", "--accept", GetParam()}));
  const std::uint16_t port = server.await_port();
  start_load(port);
  await_answers(50);
  const std::vector<int> before = pids();
  ASSERT_EQ(before.size(), 2u);
  for (const int pid : before) {
    end_hard(pid);
    EXPECT_TRUE(eventually([&] {
      const std::vector<int> now = pids();
      return now[0] != 0 && now[1] != 0 && now[0] != pid && now[1] != pid;
    })) << server.errors();
    await_answers(50);
  }
  end_load();
  EXPECT_LE(lost_, 8) << "more than was under way";
  EXPECT_THAT(server.errors(),
              HasSubstr("vigil serve: process 0 (" + std::to_string(before[0]) +
                        ") was ended by signal 9 (SIGKILL), as the system does where memory is "
                        "used up, and is started again.\n"));
  EXPECT_THAT(server.errors(), HasSubstr(") serves again.\n"));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
}

// Hazard: with a process gone, nobody has its listener, and its port is another's or refuses.
TEST_F(ServeProcesses, with_all_killed_at_once_who_connects_waits_and_is_served) {
  Process server(words({"--shards", "1"}));
  const std::uint16_t port = server.await_port();
  for (int round = 0; round < 3; ++round) {
    const std::vector<int> before = pids();
    for (const int pid : before) {
      end_hard(pid);
    }
    std::vector<std::unique_ptr<Client>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(std::make_unique<Client>(port));
    }
    EXPECT_TRUE(eventually([&] {
      const std::vector<int> now = pids();
      return now[0] != 0 && now[1] != 0 && now[0] != before[0] && now[1] != before[1];
    })) << server.errors();
    // One that was taken by a process that was being killed is lost with it.
    int served = 0;
    for (const auto& client : all) {
      served += client->get("/a").status == 200 ? 1 : 0;
    }
    EXPECT_GE(served, 10);
    EXPECT_EQ(Client(port).get("/a").status, 200);
  }
}

TEST_F(ServeProcesses, a_parent_that_is_killed_takes_its_processes_with_it) {
  Process server(words());
  static_cast<void>(server.await_port());
  const std::vector<int> all = pids();
  server.signal(SIGKILL);
  for (const int pid : all) {
    EXPECT_TRUE(eventually([&] { return !runs(pid); })) << pid;
  }
}

TEST_F(ServeProcesses, end_in_order_and_finish_what_is_under_way) {
  root.write("site/large", noise(20'000'000, 4));
  Process server(words({"--shards", "1"}));
  const std::uint16_t port = server.await_port();
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(std::make_unique<Client>(port, 4096));
    ASSERT_TRUE(slow.back()->send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
    ASSERT_TRUE(slow.back()->answers());
  }
  const std::vector<int> all = pids();
  server.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return ask("/readyz") == "draining\n"; }));
  for (const auto& client : slow) {
    const Response whole = client->receive();
    EXPECT_TRUE(whole.complete && whole.body == noise(20'000'000, 4));
  }
  EXPECT_EQ(server.wait().status, 0);
  for (const int pid : all) {
    EXPECT_FALSE(runs(pid));
  }
  EXPECT_NE(::access(socket().c_str(), F_OK), 0);
}

// Hazard: who was let in while it ends is reset.
TEST_F(ServeProcesses, a_drain_under_load_loses_no_answer) {
  Process server(words({"--shards", "1"}));
  const std::uint16_t port = server.await_port();
  std::atomic<long> answered = 0;
  std::atomic<long> lost = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (;;) {
        const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const bool let_in =
            ::connect(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        constexpr std::string_view kAsk = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        std::size_t size = 0;
        if (let_in && ::send(handle, kAsk.data(), kAsk.size(), MSG_NOSIGNAL) > 0) {
          char room[65536];
          ssize_t got = 0;
          while ((got = ::recv(handle, room, sizeof room, 0)) > 0) {
            size += static_cast<std::size_t>(got);
          }
        }
        ::close(handle);
        if (!let_in) {
          return;  // it is closed
        }
        (size > 3000 ? answered : lost) += 1;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return answered > 100; }));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(lost, 0) << "of " << answered;
}

TEST_F(ServeProcesses, what_is_in_the_way_of_all_is_said_once) {
  const Ended ended = Process({"serve", root.path("nowhere"), "--listen", "127.0.0.1:0", "--log",
                               "off", "--processes", "3"})
                          .wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err, "vigil serve: cannot serve " + root.path("nowhere") +
                           ": no such file or directory. Name a directory that exists.\n");
  EXPECT_EQ(ended.out, "");
}

TEST_F(ServeProcesses, a_port_that_is_taken_is_a_sentence) {
  Serve other(root);
  const std::string at = "127.0.0.1:" + std::to_string(other.port);
  const Ended ended =
      Process({"serve", root.path("site"), "--listen", at, "--log", "off", "--processes", "2"})
          .wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.err, StartsWith("vigil serve: cannot listen on " + at + ": "));
}

}  // namespace
}  // namespace vigil::e2e

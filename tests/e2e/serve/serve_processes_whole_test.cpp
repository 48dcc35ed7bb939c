// `--processes N` as one server: restart, reload, log, and what the parent shows of all.
#include "serve_processes.hpp"

namespace vigil::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

TEST_F(ServeProcesses, a_restart_replaces_each_and_loses_no_answer) {
  Process server(words({"--shards", "2"}));
  const std::uint16_t port = server.await_port();
  start_load(port);
  await_answers(50);
  const std::vector<int> before = pids();
  const Ended asked = Process({"restart", socket()}).wait();
  EXPECT_EQ(asked.status, 0) << asked.err;
  EXPECT_EQ(asked.out, "all 2 processes are new; the old ones end when their connections have.\n");
  for (const int pid : before) {
    EXPECT_TRUE(eventually([&] { return !runs(pid); })) << pid;
  }
  await_answers(50);
  server.signal(SIGUSR2);
  EXPECT_TRUE(eventually([&] { return server.errors().find("are new") != std::string::npos; }));
  await_answers(50);
  end_load();
  EXPECT_EQ(lost_, 0) << "of " << answered_;
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
}

TEST_F(ServeProcesses, reload_together_or_not_at_all) {
  root.write("other/a", "new\n");
  const auto text = [&](const std::string& directory, const std::string& more = "") {
    return "listen = \"127.0.0.1:0\"\nlog = \"off\"\nshards = 1\nprocesses = 2\nadmin = \"" +
           socket() + "\"\ndirectory = \"" + root.path(directory) + "\"\n" + more;
  };
  root.write("vigil.toml", text("site"));
  Process server({"serve", "--config", root.path("vigil.toml"), "--admin", socket()});
  const std::uint16_t port = server.await_port();
  root.write("vigil.toml", text("other"));
  server.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return server.errors().find("reloaded") != std::string::npos; }));
  const auto all_new = [&] {
    for (int i = 0; i < 30; ++i) {
      if (Client(port).get("/a").body != "new\n") {
        return false;
      }
    }
    return true;
  };
  EXPECT_TRUE(eventually(all_new)) << "one of them has the old configuration";
  root.write("vigil.toml", text("nowhere"));
  server.signal(SIGHUP);
  EXPECT_TRUE(
      eventually([&] { return server.errors().find("not reloaded") != std::string::npos; }));
  root.write("vigil.toml", text("site", "[[listener]]\naddress = \"127.0.0.1:0\"\n"));
  server.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] {
    return server.errors().find("the listeners stay what they are") != std::string::npos;
  })) << server.errors();
  EXPECT_TRUE(all_new());
  EXPECT_THAT(server.errors(), Not(HasSubstr("unlike others")));
}

TEST_F(ServeProcesses, answer_as_one) {
  Process server(words({"--shards", "2"}));
  const std::uint16_t port = server.await_port();
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(Client(port).get("/a").status, 200);
  }
  const std::string metrics = ask("/metrics");
  for (const char* process : {"0", "1"}) {
    for (const char* shard : {"0", "1"}) {
      EXPECT_THAT(metrics, HasSubstr("\nvigil_http_requests_total{process=\"" +
                                     std::string(process) + "\",shard=\"" + shard + "\"} "));
    }
    EXPECT_THAT(metrics,
                HasSubstr("\nvigil_process_up{process=\"" + std::string(process) + "\"} 1\n"));
  }
  EXPECT_EQ(metrics.find("# TYPE vigil_http_requests "),
            metrics.rfind("# TYPE vigil_http_requests "));
  const json said = status();
  EXPECT_EQ(said.at("process").at("id"), server.pid());
  EXPECT_EQ(said.at("shards").size(), 4u);
  std::uint64_t requests = 0;
  for (const json& shard : said.at("shards")) {
    requests += shard.at("http").at("requests").get<std::uint64_t>();
  }
  EXPECT_EQ(requests, 40u);
  EXPECT_EQ(said.at("listeners").size(), 1u);
  EXPECT_EQ(ask("/readyz"), "ready\n");

  const std::string dump = ask("/dump");
  const std::vector<int> all = pids();
  for (unsigned i = 0; i < 2; ++i) {
    EXPECT_THAT(dump,
                HasSubstr("process " + std::to_string(i) + " (" + std::to_string(all[i]) + "):\n"));
  }
  const Ended top = Process({"top", socket()}).wait();
  EXPECT_THAT(top.out, HasSubstr("process 1, shard 0"));

  Client client(port);
  EXPECT_EQ(client.get("/a").status, 200);
  const std::string peer = "127.0.0.1:" + std::to_string(client.own_port());
  const Ended found = Process({"explain", socket(), peer}).wait();
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_THAT(found.out, MatchesRegex("process [01] \\([0-9]+\\)\n(.|\n)*"));
  EXPECT_THAT(found.out, HasSubstr(peer));
  const Ended none = Process({"explain", socket(), "127.0.0.1:1"}).wait();
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("no connection with that peer is open."));
}

// Whether every thread of a process is stopped: the signal takes its time.
bool stands_still(int pid) {
  const std::filesystem::directory_iterator threads("/proc/" + std::to_string(pid) + "/task");
  return std::ranges::all_of(threads, [](const std::filesystem::directory_entry& thread) {
    std::ifstream file(thread.path() / "stat");
    std::string words;
    std::getline(file, words);
    return words.find(") T ") != std::string::npos;
  });
}

// Hazard: one that hangs takes the sight of the others with it.
TEST_F(ServeProcesses, one_that_hangs_is_named_and_holds_nobody_up) {
  Process server(words({"--shards", "1"}));
  static_cast<void>(server.await_port());
  const std::vector<int> all = pids();
  ::kill(all[1], SIGSTOP);
  EXPECT_TRUE(eventually([&] { return stands_still(all[1]); }));
  EXPECT_EQ(ask("/healthz"), "alive\n");
  const json said = status();
  EXPECT_EQ(said.at("processes")[0].at("serves"), true);
  EXPECT_EQ(said.at("processes")[1].at("serves"), false);
  EXPECT_THAT(said.at("processes")[1].at("error").get<std::string>(), HasSubstr("does not answer"));
  EXPECT_THAT(ask("/metrics"), HasSubstr("vigil_process_up{process=\"1\"} 0\n"));
  ::kill(all[1], SIGCONT);
  EXPECT_TRUE(eventually([&] { return pids() == all; }));
}

TEST_F(ServeProcesses, the_log_has_every_line_once) {
  Process server(words({"--log", "json", "--log-file", root.path("log"), "--shards", "1"}));
  const std::uint16_t port = server.await_port();
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(Client(port).get("/a?" + std::to_string(i)).status, 200);
  }
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
  std::ifstream log(root.path("log"));
  std::set<std::string> targets;
  std::size_t lines = 0;
  for (std::string line; std::getline(log, line); ++lines) {
    const json entry = json::parse(line, nullptr, false);
    ASSERT_TRUE(entry.is_object()) << line;
    targets.insert(line.substr(line.find("/a?"), 6));
  }
  EXPECT_EQ(lines, 60u);
  EXPECT_EQ(targets.size(), 60u);
}

// Hazard: lines of one are torn by those of the other, where the pipe is full.
TEST_F(ServeProcesses, lines_on_standard_output_are_whole) {
  Process server(words({"--log", "json", "--shards", "1"}));
  const std::uint16_t port = server.await_port();
  const std::string long_one(1500, 'x');
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 100; ++j) {
        EXPECT_EQ(Client(port).get("/a?" + long_one).status, 200);
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  std::istringstream log(
      server.output([](const std::string& text) { return std::ranges::count(text, '\n') > 400; }));
  std::size_t lines = 0;
  for (std::string line; std::getline(log, line);) {
    if (!line.starts_with("listening on ")) {
      EXPECT_TRUE(json::parse(line, nullptr, false).is_object()) << line;
      ++lines;
    }
  }
  EXPECT_EQ(lines, 400u);
}

// Hazard: one that dies at once is started as fast as the machine can.
TEST_F(ServeProcesses, one_that_cannot_come_back_is_tried_again_and_again_more_slowly) {
  Process server(words({"--shards", "1"}));
  const std::uint16_t port = server.await_port();
  const std::vector<int> before = pids();
  std::filesystem::rename(root.path("site"), root.path("gone"));
  const auto killed = std::chrono::steady_clock::now();
  end_hard(before[0]);
  const auto tries = [&] {
    const std::string said = server.errors();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = said.find("It is tried again.", at)) != std::string::npos;
         ++at) {
      ++count;
    }
    return count;
  };
  EXPECT_TRUE(eventually([&] { return tries() >= 5; })) << server.errors();
  // 50, 100, 200 and 400 ms between them.
  EXPECT_GE(std::chrono::steady_clock::now() - killed, 750ms);
  EXPECT_EQ(ask("/readyz"), "process 0 is being started\n");
  EXPECT_THAT(ask("/metrics"), HasSubstr("vigil_process_up{process=\"0\"} 0\n"));
  std::filesystem::rename(root.path("gone"), root.path("site"));
  EXPECT_TRUE(eventually([&] { return ask("/readyz") == "ready\n"; })) << server.errors();
  EXPECT_EQ(pids()[1], before[1]);
  EXPECT_EQ(Client(port).get("/a").status, 200);
  const std::size_t all = tries();
  EXPECT_LE(all, 12u);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
}

// As systemd and a terminal do it: the signal goes to all of them.
TEST_F(ServeProcesses, a_signal_to_all_of_them_ends_them_in_order) {
  root.write("site/large", noise(20'000'000, 4));
  Process server(words({"--shards", "1"}));
  const std::uint16_t port = server.await_port();
  Client slow(port, 4096);
  ASSERT_TRUE(slow.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(slow.answers());
  for (const int pid : pids()) {
    ::kill(pid, SIGINT);
  }
  server.signal(SIGINT);
  const Response whole = slow.receive();
  EXPECT_TRUE(whole.complete && whole.body == noise(20'000'000, 4));
  const Ended ended = server.wait();
  EXPECT_EQ(ended.status, 0);
}

TEST_F(ServeProcesses, a_second_signal_ends_all_at_once) {
  root.write("site/large", noise(20'000'000, 4));
  Process server(words({"--shards", "1"}));
  const std::uint16_t port = server.await_port();
  Client slow(port, 4096);
  ASSERT_TRUE(slow.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(slow.answers());
  server.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return ask("/readyz") == "draining\n"; }));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(20s).status, 0) << "the drain has 30 s";
}

TEST_F(ServeProcesses, a_restart_that_cannot_be_leaves_all_as_they_are) {
  Process server(words({"--shards", "1"}));
  const std::uint16_t port = server.await_port();
  const std::vector<int> before = pids();
  std::filesystem::rename(root.path("site"), root.path("gone"));
  const Ended asked = Process({"restart", socket()}).wait();
  std::filesystem::rename(root.path("gone"), root.path("site"));
  EXPECT_EQ(asked.status, 1);
  EXPECT_THAT(asked.err, MatchesRegex("vigil restart: not restarted: process 0 \\([0-9]+\\) ended "
                                      "with 1 before it served. The old ones go on.\n"));
  EXPECT_EQ(pids(), before);
  EXPECT_EQ(Client(port).get("/a").status, 200);
}

TEST_F(ServeProcesses, without_a_parent_is_refused) {
  const Ended ended =
      Process({"serve", root.path("site"), "--listen", "127.0.0.1:0", "--processes", "2"},
              {.environment = {"VIGIL_PROCESS=0"}})
          .wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err,
            "vigil serve: cannot serve for a parent process: standard input is not the line to it "
            "(VIGIL_PROCESS is for --processes alone).\n");
}

}  // namespace
}  // namespace vigil::e2e

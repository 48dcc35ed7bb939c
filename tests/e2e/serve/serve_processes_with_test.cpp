// `--processes N` together with what else can be asked for: --user, --pin, a Unix socket; and 20
// processes that are killed one after the other.
#include <sched.h>
#include <sys/stat.h>

#include "serve_processes.hpp"
#include "tests/support/not_run.hpp"

namespace vigil::e2e {
namespace {

using testing::HasSubstr;

// A line of /proc/PID/status, behind its name.
std::string status_line(int pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":\t")) {
      return line.substr(name.size() + 2);
    }
  }
  return {};
}

// Hazard: while one of them is not there, who connects is refused. The same one is killed a few
// times only: it waits longer and longer before it is started again.
TEST_F(ServeProcesses, twenty_that_are_killed_under_load_refuse_nobody) {
  constexpr std::size_t kProcesses = 5;
  Process server({"serve", root.path("site"), "--listen", "127.0.0.1:0", "--admin", socket(),
                  "--log", "off", "--shards", "1", "--processes", std::to_string(kProcesses)});
  const std::uint16_t port = server.await_port();
  start_load(port);
  await_answers(20);
  for (std::size_t killed = 0; killed != 20; ++killed) {
    const std::size_t which = killed % kProcesses;
    const int pid = pids()[which];
    ASSERT_NE(pid, 0) << server.errors();
    end_hard(pid);
    ASSERT_TRUE(eventually([&] {
      const int now = pids()[which];
      return now != 0 && now != pid;
    })) << server.errors();
    await_answers(5);
  }
  end_load();
  // Of each of the four clients what was under way, each time.
  EXPECT_LE(lost_, 80);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
}

TEST_F(ServeProcesses, all_of_them_are_the_user_that_is_named_and_so_is_one_that_is_started_again) {
  if (::geteuid() != 0) {
    VIGIL_NOT_RUN("only root can become nobody");
  }
  root.write("site/secret", "for root");
  ASSERT_EQ(::chmod(root.path("site/secret").c_str(), 0600), 0);
  Process server(words({"--shards", "2", "--user", "nobody"}));
  const std::uint16_t port = server.await_port();
  const std::vector<int> before = pids();
  end_hard(before[0]);
  EXPECT_TRUE(eventually([&] {
    const int now = pids()[0];
    return now != 0 && now != before[0];
  })) << server.errors();
  std::vector<int> all = pids();
  all.push_back(server.pid());
  for (const int pid : all) {
    EXPECT_EQ(status_line(pid, "Uid"), "65534\t65534\t65534\t65534") << pid;
    EXPECT_EQ(status_line(pid, "CapEff"), "0000000000000000") << pid;
  }
  for (int i = 0; i < 20; ++i) {
    Client client(port);
    EXPECT_EQ(client.get("/secret").status, 403);
    EXPECT_EQ(client.get("/a").status, 200);
  }
  server.signal(SIGTERM);
  const Ended ended = server.wait();
  EXPECT_EQ(ended.status, 0);
}

TEST_F(ServeProcesses, serve_on_a_unix_socket_and_one_that_is_killed_is_back) {
  const std::string path = root.path("socket");
  Process server({"serve", root.path("site"), "--listen", "unix:" + path, "--admin", socket(),
                  "--log", "off", "--shards", "2", "--processes", "2"});
  static_cast<void>(server.await_port());
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(Client(path).get("/a").body, noise(3000, 1));
    }
    const int pid = pids()[0];
    end_hard(pid);
    EXPECT_TRUE(eventually([&] {
      const int now = pids()[0];
      return now != 0 && now != pid;
    })) << server.errors();
  }
  EXPECT_EQ(Client(path).get("/a").body, noise(3000, 1));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
}

// Hazard: each process counts its shards from the first processor on, and the others are idle.
TEST_F(ServeProcesses, each_is_pinned_to_a_processor_that_the_others_do_not_have) {
  cpu_set_t mine;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mine, &mine), 0);
  std::vector<int> allowed;
  for (int processor = 0; processor != CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(static_cast<unsigned>(processor), &mine)) {
      allowed.push_back(processor);
    }
  }
  if (allowed.size() < 2) {
    VIGIL_NOT_RUN("there is one processor for all");
  }
  Process server(words({"--shards", "1", "--pin"}));
  static_cast<void>(server.await_port());
  const std::vector<int> all = pids();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(status_line(all[0], "Cpus_allowed_list"), std::to_string(allowed[0]));
  EXPECT_EQ(status_line(all[1], "Cpus_allowed_list"), std::to_string(allowed[1]));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
}

}  // namespace
}  // namespace vigil::e2e

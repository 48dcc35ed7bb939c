// What a server shows of itself: the admin socket for its owner, the status address, and `vigil
// list` and `vigil top`, which ask the first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "serve_process.hpp"
#include "tests/support/not_run.hpp"

namespace vigil::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class ServeAdmin : public testing::Test {
 protected:
  void SetUp() override { root.write("a", "content"); }

  std::string socket() const { return at.path("admin.sock"); }
  // Where the status is, as the server says.
  static std::uint16_t status_port(Process& server) {
    const std::string line = "status on 127.0.0.1:";
    const std::string said = server.output([&](const std::string& text) {
      const std::size_t begin = text.find(line);
      return begin != std::string::npos && text.find('\n', begin) != std::string::npos;
    });
    return static_cast<std::uint16_t>(std::stoi(said.substr(said.find(line) + line.size())));
  }

  static Response at_status(std::uint16_t port, const std::string& target) {
    Client client(port);
    client.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return client.receive();
  }

  Folder root;
  Folder at;
};

TEST_F(ServeAdmin, answers_its_owner_with_what_it_does) {
  Serve server(root, {"--log", "off", "--shards", "2", "--admin", socket()});
  Client client(server.port);
  for (int i = 0; i != 5; ++i) {
    EXPECT_EQ(client.get("/a").status, 200);
  }
  const Response response = Client(socket()).get("/status.json");
  ASSERT_EQ(response.status, 200);
  const json seen = json::parse(response.body);
  EXPECT_EQ(seen["process"]["id"], server.pid());
  EXPECT_EQ(seen["listeners"][0]["at"], "127.0.0.1:" + std::to_string(server.port));
  ASSERT_EQ(seen["shards"].size(), 2u);
  int requests = 0;
  int connections = 0;
  for (const json& shard : seen["shards"]) {
    requests += shard["http"]["requests"].get<int>();
    connections += shard["http"]["connections"].get<int>();
  }
  EXPECT_EQ(requests, 5);
  EXPECT_EQ(connections, 1);
  EXPECT_GT(seen["process"]["resident_bytes"].get<std::uint64_t>(), 1u << 20);
  EXPECT_THAT(Client(socket()).get("/metrics").body, HasSubstr("\nvigil_draining 0\n"));
}

TEST_F(ServeAdmin, lets_nobody_else_in_and_leaves_no_socket_behind) {
  Serve server(root, {"--log", "off", "--admin", socket()});
  struct stat seen{};
  ASSERT_EQ(::stat(socket().c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777, 0600u);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chmod(at.path().c_str(), 0755), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
      socket().copy(address.sun_path, sizeof address.sun_path - 1);
      const int handle = ::socket(AF_UNIX, SOCK_STREAM, 0);
      const bool refused =
          ::setuid(65534) == 0 &&
          ::connect(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
          errno == EACCES;
      ::_exit(refused ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "another user reached the admin socket";
  }
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(ServeAdmin, changes_nothing_for_hostile_bytes) {
  Serve server(root, {"--log", "off", "--admin", socket()});
  for (std::uint32_t seed = 0; seed != 20; ++seed) {
    {
      Client hostile(socket());
      hostile.send(noise(5000, seed));
    }
    // That they left is noticed a moment later: all at once would be more than are let in (503).
    EXPECT_TRUE(
        eventually([&] { return Client(socket()).get("/../../etc/passwd").status == 404; }));
  }
  Client poster(socket());
  poster.send("POST /status.json HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_GE(poster.receive().status, 400);
  EXPECT_EQ(Client(socket()).get("/readyz").body, "ready\n");
  EXPECT_EQ(Client(server.port).get("/a").body, "content");
}

TEST_F(ServeAdmin, shows_the_status_where_it_was_asked_to) {
  Serve server(root, {"--log", "off", "--status", "127.0.0.1:0", "--admin", "off"});
  const std::uint16_t port = status_port(server);
  EXPECT_EQ(at_status(port, "/healthz").body, "alive\n");
  const Response ready = at_status(port, "/readyz");
  EXPECT_EQ(ready.status, 200);
  const Response metrics = at_status(port, "/metrics");
  EXPECT_THAT(metrics.fields.at("content-type"), HasSubstr("application/openmetrics-text"));
  EXPECT_THAT(metrics.body, HasSubstr("vigil_http_requests_total{shard=\"0\"} 0\n"));
  const Response page = at_status(port, "/");
  EXPECT_THAT(page.fields.at("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(page.body, HasSubstr("/page.js"));
  EXPECT_EQ(at_status(port, "/dump").status, 404);
}

// A page of somebody else's whose name was made to resolve to this address may not read it.
TEST_F(ServeAdmin, answers_no_foreign_name_at_the_status_address) {
  Serve server(root, {"--log", "off", "--status", "127.0.0.1:0", "--admin", "off"});
  Client client(status_port(server));
  client.send("GET /status.json HTTP/1.1\r\nHost: attacker.example\r\n\r\n");
  EXPECT_EQ(client.receive().status, 421);
  for (const char* own : {"localhost", "localhost:8081", "127.0.0.1", "127.0.0.1:8081", "[::1]"}) {
    client.send("GET /readyz HTTP/1.1\r\nHost: " + std::string(own) + "\r\n\r\n");
    EXPECT_EQ(client.receive().status, 200) << own;
  }
}

TEST_F(ServeAdmin, is_not_ready_while_it_drains) {
  root.write("large", noise(20'000'000, 1));
  Serve server(root, {"--log", "off", "--status", "127.0.0.1:0", "--admin", socket()});
  const std::uint16_t port = status_port(server);
  Client slow(server.port, 4096);
  slow.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(slow.answers());
  server.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return at_status(port, "/readyz").status == 503; }));
  EXPECT_EQ(at_status(port, "/healthz").status, 200);
  EXPECT_THAT(Client(socket()).get("/metrics").body, HasSubstr("\nvigil_draining 1\n"));
  EXPECT_TRUE(slow.receive().complete);
  EXPECT_EQ(server.wait().status, 0);
}

TEST_F(ServeAdmin, refuses_places_that_it_cannot_have) {
  Process taken({"serve", root.path(), "--listen", "127.0.0.1:0", "--admin",
                 at.path("not/there/admin.sock")});
  const Ended ended = taken.wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err, "vigil serve: cannot make the admin socket " +
                           at.path("not/there/admin.sock") +
                           ": no such file or directory. Choose another path, or --admin off.\n");
  Serve first(root, {"--log", "off", "--status", "127.0.0.1:0", "--admin", "off"});
  const std::string port = std::to_string(status_port(first));
  Process second(
      {"serve", root.path(), "--listen", "127.0.0.1:0", "--admin", "off", "--status", port});
  const Ended refused = second.wait();
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("cannot show the status at 127.0.0.1:" + port));
}

// As a user who has a runtime directory, and no right to /run.
TEST_F(ServeAdmin, is_found_by_list_and_top_without_being_told_where) {
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(at.path().c_str(), 65534, 65534), 0);
    ASSERT_EQ(::chmod(root.path().c_str(), 0755), 0);
  }
  const StartOptions user{.environment = {"XDG_RUNTIME_DIR=" + at.path()}, .as_nobody = true};
  const auto run = [&](std::vector<std::string> words) {
    Process command(std::move(words), user);
    return command.wait();
  };
  const Ended nobody = run({"list"});
  EXPECT_EQ(nobody.status, 0);
  EXPECT_EQ(nobody.out, "");
  EXPECT_THAT(nobody.err, HasSubstr("vigil list: no server shows itself in /run/vigil and " +
                                    at.path() + "/vigil"));
  Serve server(root, {"--log", "off", "--shards", "1", "--admin", "auto"}, user);
  const std::string number = std::to_string(server.pid());
  const Ended listed = run({"list"});
  EXPECT_EQ(listed.status, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("LISTENS AT"));
  EXPECT_THAT(listed.out, HasSubstr("\n" + number + "  127.0.0.1:" + std::to_string(server.port) +
                                    "  serving"));
  const json all = json::parse(run({"list", "--json"}).out);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["process"]["id"], server.pid());
  const Ended top = run({"top", number});
  EXPECT_EQ(top.status, 0) << top.err;
  EXPECT_THAT(top.out, HasSubstr("shard 0"));
  EXPECT_THAT(top.out, Not(HasSubstr("\x1b")));
  const Ended unknown = run({"top", "999999999"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_EQ(unknown.err,
            "vigil top: no server has the number 999999999. There is: " + number + ".\n");
  Client waiting(server.port);
  EXPECT_EQ(waiting.get("/a").status, 200);
  const std::string line = "waits for receive on 127.0.0.1:" + std::to_string(waiting.own_port());
  const Ended dumped = run({"dump", number});
  EXPECT_EQ(dumped.status, 0) << dumped.err;
  EXPECT_THAT(dumped.out, HasSubstr("vigil/0, after "));
  EXPECT_THAT(dumped.out, HasSubstr(line));
  const json loops = json::parse(run({"dump", "--json"}).out);
  int waits = 0;
  for (const json& task : loops[0]["tasks"]) {
    waits += task["peer"] == "127.0.0.1:" + std::to_string(waiting.own_port()) ? 1 : 0;
  }
  EXPECT_EQ(waits, 1);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
}

// Hazard: each one that was killed leaves a file, for ever.
TEST_F(ServeAdmin, of_a_server_that_was_killed_is_removed_by_the_next) {
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(at.path().c_str(), 65534, 65534), 0);
    ASSERT_EQ(::chmod(root.path().c_str(), 0755), 0);
  }
  const StartOptions user{.environment = {"XDG_RUNTIME_DIR=" + at.path()}, .as_nobody = true};
  const std::vector<std::string> words{"--log", "off", "--shards", "1", "--admin", "auto"};
  const auto path_of = [this](const Process& server) {
    return at.path("vigil/" + std::to_string(server.pid()) + ".sock");
  };
  const Serve stays(root, words, user);
  std::string left;
  {
    Serve killed(root, words, user);
    left = path_of(killed);
    EXPECT_EQ(::access(left.c_str(), F_OK), 0);
    killed.signal(SIGKILL);
    static_cast<void>(killed.wait());
  }
  EXPECT_EQ(::access(left.c_str(), F_OK), 0);
  const Serve next(root, words, user);
  EXPECT_NE(::access(left.c_str(), F_OK), 0);
  EXPECT_EQ(::access(path_of(stays).c_str(), F_OK), 0);
  EXPECT_EQ(::access(path_of(next).c_str(), F_OK), 0);
}

}  // namespace
}  // namespace vigil::e2e

// How `vigil serve` begins, says what is wrong, and ends.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "serve_process.hpp"

namespace vigil::e2e {
namespace {

// Runs the program to its end: one sentence on standard error, and nothing else.
void expect_failure(std::vector<std::string> arguments, int status, const std::string& sentence,
                    const StartOptions& options = {}) {
  Process process(std::move(arguments), options);
  const Ended ended = process.wait();
  EXPECT_EQ(ended.status, status);
  EXPECT_EQ(ended.err, sentence + "\n");
  EXPECT_EQ(ended.out, "");
}

TEST(ServeBegins, not_without_its_directory) {
  expect_failure({"serve", "/nowhere/at/all"}, 1,
                 "vigil serve: cannot serve /nowhere/at/all: no such file or directory. Name a "
                 "directory that exists.");
  Folder root;
  root.write("file", "");
  expect_failure({"serve", root.path("file")}, 1,
                 "vigil serve: cannot serve " + root.path("file") +
                     ": not a directory. Name the directory that holds the file.");
}

TEST(ServeBegins, not_on_a_port_that_is_taken) {
  Folder root;
  Serve first(root);
  const std::string place = "127.0.0.1:" + std::to_string(first.port);
  expect_failure({"serve", root.path(), "--listen", place}, 1,
                 "vigil serve: cannot listen on " + place +
                     ": address already in use. Stop the server that has this port (ss -ltnp shows "
                     "it), or choose another (--listen 127.0.0.1:0); port 0 takes any that is "
                     "free.");
}

TEST(ServeBegins, not_on_a_path_that_is_taken) {
  Folder root;
  const std::string advice =
      ": address already in use. A server that runs has this socket, or the path is that of a "
      "file that is no socket: stop the server, or choose another path.";
  root.write("file", "content");
  expect_failure({"serve", root.path(), "--listen", "unix:" + root.path("file")}, 1,
                 "vigil serve: cannot listen on unix:" + root.path("file") + advice);
  EXPECT_TRUE(std::filesystem::is_regular_file(root.path("file")));
  const std::string place = "unix:" + root.path("socket");
  Process first({"serve", root.path(), "--listen", place});
  first.await_port();
  expect_failure({"serve", root.path(), "--listen", place}, 1,
                 "vigil serve: cannot listen on " + place + advice);
}

TEST(ServeBegins, not_on_an_address_that_is_not_there) {
  Folder root;
  expect_failure({"serve", root.path(), "--listen", "192.0.2.1:0"}, 1,
                 "vigil serve: cannot listen on 192.0.2.1:0: cannot assign requested address. Use "
                 "an address of this machine (ip address lists them).");
}

TEST(ServeBegins, not_on_a_port_of_root) {
  std::ifstream limit("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  int first = 1024;
  limit >> first;
  if (first <= 80) {
    GTEST_SKIP() << "not run: here every user may listen on port 80";
  }
  Folder root;
  expect_failure(
      {"serve", root.path(), "--listen", "127.0.0.1:80"}, 1,
      "vigil serve: cannot listen on 127.0.0.1:80: permission denied. Use a port above 1023 "
      "(--listen 127.0.0.1:8080) or grant CAP_NET_BIND_SERVICE.",
      {.as_nobody = true});
}

TEST(ServeBegins, not_with_wrong_words) {
  expect_failure({"serve", "--lsten", "x"}, 2,
                 "vigil serve: unknown option --lsten. Did you mean --listen?");
  expect_failure({"sreve"}, 2, "vigil: unknown command sreve. Did you mean vigil serve?");
  expect_failure({"serve", "--idle-timeout", "60"}, 2,
                 "vigil serve: --idle-timeout 60 has no unit. Write a number and ns, us, ms, s, m, "
                 "h or d, such as 30s.");
}

TEST(ServeBegins, not_with_too_few_descriptors) {
  Folder root;
  expect_failure({"serve", root.path()}, 1,
                 "vigil serve: this process may open 30 descriptors and needs 59. Raise the limit "
                 "(ulimit -n 59), or "
                 "lower --connections or --cache-files.",
                 {.descriptors = 30});
}

TEST(ServeBegins, not_without_its_log) {
  Folder root;
  expect_failure({"serve", root.path(), "--log-file", "/nowhere/log"}, 1,
                 "vigil serve: cannot write the log to /nowhere/log: no such file or directory. "
                 "Choose another "
                 "--log-file, or --log off.");
}

TEST(ServeBegins, not_on_an_engine_that_is_not_there) {
  Folder root;
  Process process({"serve", root.path(), "--engine", "eppol"});
  const Ended ended = process.wait();
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.err.find("epoll, poll, select"), std::string::npos) << ended.err;
}

TEST(ServeBegins, on_a_unix_socket_and_several_places_at_once) {
  Folder root;
  root.write("a", "content");
  const std::string path = root.path("socket");
  Process server({"serve", root.path(), "--listen", "127.0.0.1:0", "--listen", "unix:" + path,
                  "--log", "off"});
  const std::string said = server.output(
      [](const std::string& text) { return std::count(text.begin(), text.end(), '\n') >= 2; });
  EXPECT_NE(said.find("listening on unix:" + path + "\n"), std::string::npos) << said;
  EXPECT_EQ(Client(path).get("/a").body, "content");
  EXPECT_EQ(Client(server.await_port()).get("/a").body, "content");
}

TEST(ServeBegins, with_the_engine_of_the_environment) {
  Folder root;
  root.write("a", "content");
  const Serve server(root, {}, {.environment = {"VIGIL_ENGINE=poll"}});
  EXPECT_EQ(Client(server.port).get("/a").body, "content");
}

TEST(ServeHelp, and_version_go_to_standard_output) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"},
                                                {"serve", "--help"},
                                                {"--version"},
                                                {"serve", "--manual"}}) {
    Process process(words);
    const Ended ended = process.wait();
    EXPECT_EQ(ended.status, 0);
    EXPECT_EQ(ended.err, "");
    EXPECT_GT(ended.out.size(), 30U);
    EXPECT_EQ(ended.out.find('\x1b'), std::string::npos);
  }
}

TEST(ServeEnds, with_0_by_either_signal_when_idle) {
  Folder root;
  root.write("a", "content");
  for (const int number : {SIGTERM, SIGINT}) {
    Serve server(root);
    Client idle(server.port);
    EXPECT_EQ(idle.get("/a").status, 200);
    server.signal(number);
    const Ended ended = server.wait(5s);
    EXPECT_EQ(ended.status, 0);
    EXPECT_EQ(ended.err, "");
    EXPECT_TRUE(idle.ends());
  }
}

// They have their answer; the server only waits for them to see it (RFC 9112 section 9.6).
TEST(ServeEnds, without_waiting_for_who_was_refused_and_is_silent) {
  Folder root;
  Serve server(root,
               {"--log", "off", "--head-timeout", "1s", "--connections", "2", "--shards", "1"});
  Client slow(server.port);
  slow.send("GET / HTTP/1.1\r\n");
  EXPECT_EQ(slow.receive().status, 408);
  Client wrong(server.port);
  wrong.send("nonsense\r\n\r\n");
  EXPECT_EQ(wrong.receive().status, 400);
  Client outside(server.port);
  EXPECT_EQ(outside.receive().status, 503);
  const auto told = std::chrono::steady_clock::now();
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - told, 1s);
}

TEST(ServeEnds, when_the_answers_under_way_are_complete) {
  Folder root;
  const std::string content = noise(20'000'000, 4);
  root.write("big", content);
  Serve server(root, {"--log", "off"});
  Client slow(server.port, 4096);
  slow.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(slow.answers());
  server.signal(SIGTERM);
  // No new connection is taken.
  EXPECT_TRUE(eventually([&] {
    const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool refused =
        ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0;
    ::close(probe);
    return refused;
  }));
  EXPECT_TRUE(server.runs());
  EXPECT_TRUE(slow.receive().body == content);
  EXPECT_EQ(server.wait(5s).status, 0);
}

TEST(ServeEnds, after_the_drain_and_names_who_held_on) {
  Folder root;
  root.write("big", noise(30'000'000, 4));
  Serve server(root, {"--log", "off", "--drain", "300ms"});
  Client slow(server.port, 4096);
  slow.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(slow.answers());
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(slow.handle(), reinterpret_cast<sockaddr*>(&own), &size);
  server.signal(SIGTERM);
  const Ended ended = server.wait(5s);
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err, "vigil serve: cut off after 300ms of draining: 127.0.0.1:" +
                           std::to_string(ntohs(own.sin_port)) +
                           ". They had a request under way; give them longer with --drain.\n");
}

TEST(ServeEnds, at_once_with_a_second_signal) {
  Folder root;
  root.write("big", noise(30'000'000, 4));
  Serve server(root, {"--log", "off", "--drain", "1h"});
  Client slow(server.port, 4096);
  slow.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(slow.answers());
  server.signal(SIGTERM);
  std::this_thread::sleep_for(100ms);
  EXPECT_TRUE(server.runs());
  server.signal(SIGINT);
  EXPECT_EQ(server.wait(5s).status, 0);
}

}  // namespace
}  // namespace vigil::e2e

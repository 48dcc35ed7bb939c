// The access log of a running server.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "serve_process.hpp"
#include "tests/support/not_run.hpp"

namespace vigil::e2e {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}
auto lines_are(long count) {
  return [count](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n') >= count;
  };
}

TEST(ServeLog, on_standard_output_has_a_line_of_json_for_each_request_with_the_id_that_was_sent) {
  Folder root;
  root.write("a", "content");
  Serve server(root);
  Client client(server.port);
  std::set<std::string> ids;
  for (const char* target : {"/a", "/nowhere", "/a?\"quote\\"}) {
    ids.insert(client.get(target, "User-Agent: me\r\n").fields.at("x-request-id"));
  }
  std::istringstream lines(server.output(lines_are(4)));
  std::string line;
  std::getline(lines, line);
  EXPECT_TRUE(line.starts_with("listening on 127.0.0.1:"));
  std::vector<int> statuses;
  while (std::getline(lines, line)) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(ids.erase(json["request_id"].get<std::string>()), 1U);
    EXPECT_EQ(json["user_agent"], "me");
    EXPECT_EQ(json["method"], "GET");
    statuses.push_back(json["status"]);
  }
  EXPECT_EQ(statuses, (std::vector<int>{200, 404, 200}));
  EXPECT_TRUE(ids.empty());
}

// What the server answers by itself, before any file is thought of, can be found in the log as
// well.
TEST(ServeLog, has_the_id_and_the_peer_of_answers_that_refuse) {
  Folder root;
  root.write("a", "content");
  Serve server(root, {"--connections", "1", "--fields-limit", "3", "--shards", "1"});
  std::vector<std::string> ids;
  const std::string many = "GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\nA: b\r\nA: b\r\n\r\n";
  for (const std::string& request : {std::string("nonsense\r\n\r\n"), many}) {
    ASSERT_TRUE(eventually([&] {
      Client client(server.port);
      client.send(request);
      const Response refused = client.receive();
      if (refused.status == 503) {
        return false;  // the connection before has not ended yet
      }
      ids.push_back(refused.fields.at("x-request-id"));
      return true;
    }));
  }
  std::unique_ptr<Client> only;
  ASSERT_TRUE(eventually([&] {
    only = std::make_unique<Client>(server.port);
    return only->get("/a").status == 200;
  }));
  Client away(server.port);
  const Response turned_away = away.get("/a");
  EXPECT_EQ(turned_away.status, 503);
  EXPECT_TRUE(turned_away.fields.contains("date"));
  ids.push_back(turned_away.fields.at("x-request-id"));
  const auto told = [&](const std::string& text) {
    return std::ranges::all_of(ids, [&](const std::string& id) {
      return text.find("\"request_id\":\"" + id) != std::string::npos;
    });
  };
  std::istringstream lines(server.output(told));
  std::map<std::string, int> statuses;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_TRUE(json["peer"].get<std::string>().starts_with("127.0.0.1:")) << line;
    statuses[json["request_id"].get<std::string>()] = json["status"];
  }
  EXPECT_EQ(statuses[ids[0]], 400);
  EXPECT_EQ(statuses[ids[1]], 431);
  EXPECT_EQ(statuses[ids[2]], 503);
}

TEST(ServeLog, in_a_file_is_appended_and_complete_when_the_server_has_ended) {
  Folder root;
  Folder logs;
  root.write("a", "content");
  logs.write("log", "before\n");
  Serve server(root, {"--log", "common", "--log-file", logs.path("log")});
  Client client(server.port);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(client.get("/a").status, 200);
  }
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
  const std::string text = content_of(logs.path("log"));
  EXPECT_TRUE(text.starts_with("before\n127.0.0.1 - - ["));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 101);
}

TEST(ServeLog, escapes_what_a_client_wrote) {
  Folder root;
  Serve server(root);
  Client client(server.port);
  client.get("/\x80\xff", "Referer: \x1b[31m\r\nUser-Agent: a\tb\x7f\"\r\n");
  client.send("\x01\x02 nonsense\r\n\r\n");
  const std::string text = server.output(lines_are(2));
  for (const char c : text) {
    EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << static_cast<int>(c);
  }
}

// A log that nobody reads must not stop the answers (hazard: full disk, full pipe).
TEST(ServeLog, that_nobody_reads_drops_lines_and_says_how_many) {
  Folder root;
  root.write("a", "content");
  Serve server(root, {"--log-buffer", "64K", "--shards", "1"});
  Client client(server.port);
  constexpr int kRequests = 3000;
  const std::string agent = "User-Agent: " + std::string(200, 'x') + "\r\n";
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_EQ(client.get("/a", agent).status, 200) << i;
  }
  // Now it is read: every request is a line, or counted.
  std::uint64_t seen = 0;
  const auto all_told = [&seen](const std::string& text) {
    seen = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (const auto json = nlohmann::json::parse(line, nullptr, false); json.is_object()) {
        seen += json.contains("dropped_lines") ? json["dropped_lines"].get<std::uint64_t>() : 1;
      }
    }
    return seen >= kRequests;
  };
  const std::string text = server.output(all_told);
  EXPECT_NE(text.find("dropped_lines"), std::string::npos);
  EXPECT_EQ(seen, static_cast<std::uint64_t>(kRequests));
}

// A named pipe is waited for as standard output is: what finds it full is late, not lost.
TEST(ServeLog, in_a_named_pipe_waits_for_its_reader) {
  Folder root;
  Folder logs;
  root.write("a", "content");
  ASSERT_EQ(::mkfifo(logs.path("pipe").c_str(), 0600), 0);
  const int reader = ::open(logs.path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  Serve server(root, {"--log", "common", "--log-file", logs.path("pipe")});
  Client client(server.port);
  constexpr long kRequests = 600;
  const std::string agent = "User-Agent: " + std::string(300, 'x') + "\r\n";
  const auto ask_all = [&] {
    for (long i = 0; i < kRequests; ++i) {
      ASSERT_EQ(client.get("/a", agent).status, 200) << i;
    }
  };
  ask_all();  // more than a pipe holds
  std::string text;
  EXPECT_TRUE(eventually([&] {
    std::array<char, 4096> room;
    const ssize_t got = ::read(reader, room.data(), room.size());
    text.append(room.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return std::count(text.begin(), text.end(), '\n') >= kRequests;
  }));
  EXPECT_EQ(text.find("dropped"), std::string::npos);
  EXPECT_EQ(server.errors(), "");

  ask_all();  // and now it is not read any more
  server.signal(SIGTERM);
  const Ended ended = server.wait(10s);
  EXPECT_EQ(ended.status, 0);
  EXPECT_TRUE(ended.err.starts_with("vigil serve: up to ")) << ended.err;
  EXPECT_TRUE(ended.err.ends_with(" lines of the log did not reach " + logs.path("pipe") +
                                  ", which could not be written for the last 2s.\n"))
      << ended.err;
  ::close(reader);
}

void expect_serves_without_its_log(Serve& server) {
  Client client(server.port);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(client.get("/a").status, 200);
  }
  EXPECT_TRUE(eventually([&] {
    return server.errors().find("vigil serve: cannot write the log to ") != std::string::npos;
  }));
  ASSERT_EQ(client.get("/a").status, 200);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
}

TEST(ServeLog, that_was_closed_stops_nothing) {
  Folder root;
  root.write("a", "content");
  Serve server(root);
  server.close_output();
  expect_serves_without_its_log(server);
}

TEST(ServeLog, on_a_full_disk_stops_nothing) {
  if (::access("/dev/full", W_OK) != 0) {
    VIGIL_NOT_RUN("there is no /dev/full");
  }
  Folder root;
  root.write("a", "content");
  Serve server(root, {"--log-file", "/dev/full"});
  expect_serves_without_its_log(server);
}

}  // namespace
}  // namespace vigil::e2e

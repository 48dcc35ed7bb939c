// `vigil serve --config`, `vigil check` and `vigil config`, as an operator meets them.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "serve_process.hpp"

namespace vigil::e2e {
namespace {

Ended run(std::vector<std::string> words, const StartOptions& options = {}) {
  Process process(std::move(words), options);
  return process.wait();
}

Response ask(std::uint16_t port, const std::string& host, const std::string& target = "/a") {
  Client client(port);
  client.send("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  return client.receive();
}

TEST(Check, names_every_fault_with_its_place_and_says_so_in_its_status) {
  Folder at;
  at.write("vigil.toml", "idle_timout = 3\ndrain = 5\n");
  const std::string file = at.path("vigil.toml");
  const Ended wrong = run({"check", file});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_EQ(wrong.out, "");
  EXPECT_EQ(wrong.err, file + ":1:1: unknown key idle_timout. Did you mean idle_timeout?\n" + file +
                           ":2:9: drain 5 has no unit. Write a number and ns, us, ms, s, m, h or "
                           "d, such as 30s.\n");
  at.write("vigil.toml", "idle_timeout = \"3s\"\n");
  const Ended right = run({"check", file});
  EXPECT_EQ(right.status, 0);
  EXPECT_EQ(right.out, file + ": fine: 1 key at the top, 1 site, 1 listener\n");
  EXPECT_EQ(right.err, "");
  EXPECT_EQ(run({"check", at.path("none")}).err,
            "vigil check: cannot read " + at.path("none") +
                ": no such file or directory. Name a file that is there and that this user may "
                "read.\n");
  EXPECT_EQ(run({"check", at.path("")}).status, 1);
  EXPECT_EQ(run({"check", "a", "b"}).status, 2);
}

TEST(Config, prints_what_is_in_effect_and_where_it_comes_from) {
  Folder at;
  at.write("vigil.toml", "idle_timeout = \"3s\"\ndrain = \"9s\"\n");
  const std::string file = at.path("vigil.toml");
  const Ended printed =
      run({"config", "--config", file, "--drain", "7s"}, {.environment = {"VIGIL_ENGINE=poll"}});
  EXPECT_EQ(printed.status, 0);
  const auto has = [&](const std::string& key, const std::string& origin) {
    std::istringstream lines(printed.out);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(key + " = ") && line.ends_with("# " + origin)) {
        return true;
      }
    }
    return false;
  };
  EXPECT_TRUE(has("idle_timeout", file + ":1:1")) << printed.out;
  EXPECT_TRUE(has("drain", "command line")) << printed.out;
  EXPECT_TRUE(has("head_limit", "default")) << printed.out;
  EXPECT_TRUE(has("engine", "environment, VIGIL_ENGINE")) << printed.out;
  // What it prints is a configuration file.
  at.write("again.toml", printed.out);
  EXPECT_EQ(run({"check", at.path("again.toml")}).status, 0);
}

TEST(Config, example_is_fine_and_the_one_that_is_installed) {
  Folder at;
  const Ended example = run({"config", "--example"});
  at.write("vigil.toml", example.out);
  EXPECT_EQ(run({"check", at.path("vigil.toml")}).status, 0);
  std::ifstream in(VIGIL_SOURCE_DIR "/share/vigil.toml", std::ios::binary);
  std::stringstream installed;
  installed << in.rdbuf();
  EXPECT_EQ(installed.str(), example.out)
      << "make it anew: vigil config --example > share/vigil.toml";
}

TEST(ServeConfig, chooses_the_site_by_the_name_that_is_asked_for) {
  Folder at;
  at.write("one/a", "first");
  at.write("two/a", "second");
  at.write("rest/a", "others");
  const std::string sites =
      "log = \"off\"\nlisten = \"127.0.0.1:0\"\n[[site]]\nhost = "
      "[\"one.example\", \"www.one.example\"]\ndirectory = \"" +
      at.path("one") +
      "\"\n[[site]]\nhost = \"*.two.example\"\nlisting = true\ndirectory = "
      "\"" +
      at.path("two") + "\"\n";
  at.write("vigil.toml", sites);
  Process server({"serve", "--config", at.path("vigil.toml")});
  const std::uint16_t port = server.await_port();
  EXPECT_EQ(ask(port, "one.example").body, "first");
  EXPECT_EQ(ask(port, "WWW.One.Example.:8080").body, "first");
  EXPECT_EQ(ask(port, "x.two.example").body, "second");
  EXPECT_EQ(ask(port, "x.two.example", "/").status, 200);  // its listing
  EXPECT_EQ(ask(port, "one.example", "/").status, 403);
  const Response none = ask(port, "three.example");
  EXPECT_EQ(none.status, 421);
  EXPECT_NE(none.body.find("no site of that name"), std::string::npos);
  EXPECT_EQ(ask(port, "127.0.0.1").status, 421);
  // With a directory for all others, on the command line or in the file.
  Process with({"serve", at.path("rest"), "--config", at.path("vigil.toml")});
  const std::uint16_t other = with.await_port();
  EXPECT_EQ(ask(other, "three.example").body, "others");
  EXPECT_EQ(ask(other, "one.example").body, "first");
}

// A name that the cache of one site holds says nothing about another's.
TEST(ServeConfig, keeps_the_caches_of_sites_apart) {
  Folder at;
  at.write("one/a", "first");
  at.write("two/b", "second");
  at.write("vigil.toml", "log = \"off\"\nlisten = \"127.0.0.1:0\"\ndirectory = \"" +
                             at.path("two") + "\"\n[[site]]\nhost = \"one\"\ndirectory = \"" +
                             at.path("one") + "\"\n");
  Process server({"serve", "--config", at.path("vigil.toml")});
  const std::uint16_t port = server.await_port();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(port, "one", "/a").body, "first");
    EXPECT_EQ(ask(port, "two", "/a").status, 404);
    EXPECT_EQ(ask(port, "two", "/b").body, "second");
    EXPECT_EQ(ask(port, "one", "/b").status, 404);
  }
}

TEST(ServeConfig, listens_at_every_listener_with_the_command_line_before_the_file) {
  Folder at;
  at.write("a", "content");
  at.write("vigil.toml",
           "log = \"off\"\nlisten = \"unix:" + at.path("s1") +
               "\"\nhead_limit = 2048\n[[listener]]\naddress = \"unix:" + at.path("s2") + "\"\n");
  Process server({"serve", at.path(), "--config", at.path("vigil.toml"), "--head-limit", "1K"});
  server.output([](const std::string& text) { return std::ranges::count(text, '\n') == 2; });
  for (const char* name : {"s1", "s2"}) {
    Client client(at.path(name));
    EXPECT_EQ(client.get("/a").body, "content");
    EXPECT_EQ(client.get("/a", "X: " + std::string(1500, 'x') + "\r\n").status, 431);
  }
}

TEST(ServeConfig, that_is_wrong_or_not_there_is_not_served) {
  Folder at;
  at.write("vigil.toml", "idle_timout = 3\n");
  const std::string file = at.path("vigil.toml");
  const Ended wrong = run({"serve", "--config", file});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_EQ(wrong.err, file + ":1:1: unknown key idle_timout. Did you mean idle_timeout?\n");
  const Ended none = run({"serve", "--config", at.path("none")});
  EXPECT_EQ(none.status, 1);
  EXPECT_TRUE(none.err.starts_with("vigil serve: cannot read ")) << none.err;
}

}  // namespace
}  // namespace vigil::e2e

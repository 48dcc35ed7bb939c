// The open-file cache: what changes on the disk changes in the answers, at once where the system
// reports it.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>

#include "serve_process.hpp"
#include "tests/support/both_engines.hpp"

namespace vigil::e2e {
namespace {

// Long: if an answer changed only because of a second look, the test would time out.
const std::vector<std::string> kSlowRecheck{"--log", "off", "--cache-recheck", "1h"};

class ServeCache : public testing::TestWithParam<std::string> {
 protected:
  void serve(std::vector<std::string> arguments = kSlowRecheck, const StartOptions& options = {}) {
    arguments.insert(arguments.end(), {"--engine", GetParam()});
    server = std::make_unique<Serve>(root, std::move(arguments), options);
  }
  std::string body(std::string_view target) { return Client(server->port).get(target).body; }
  int status(std::string_view target) { return Client(server->port).get(target).status; }
  bool becomes(std::string_view target, std::string_view content) {
    return eventually([&] { return body(target) == content; }, 5s);
  }
  // A client that has asked for /big, has the beginning of the answer, and has not read it yet.
  Client& half_way(std::string_view content) {
    root.write("big", content);
    serve();
    client = std::make_unique<Client>(server->port, 4096);
    client->send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(client->answers());
    return *client;
  }

  Folder root;
  std::unique_ptr<Serve> server;
  std::unique_ptr<Client> client;
};
INSTANTIATE_TEST_SUITE_P(On, ServeCache, testing::ValuesIn(test::both_engines()),
                         [](const auto& engine) { return engine.param; });

TEST_P(ServeCache, sees_a_file_written_in_place_and_its_tag_changes) {
  root.write("d/a", "one");
  serve();
  const std::string tag = Client(server->port).get("/d/a").fields.at("etag");
  EXPECT_EQ(body("/d/a"), "one");
  root.write("d/a", "other");
  EXPECT_TRUE(becomes("/d/a", "other"));
  EXPECT_NE(Client(server->port).get("/d/a").fields.at("etag"), tag);
}

TEST_P(ServeCache, sees_a_file_replaced_by_renaming) {
  root.write("a", "one");
  serve();
  EXPECT_EQ(body("/a"), "one");
  root.replace("a", "two");
  EXPECT_TRUE(becomes("/a", "two"));
}

TEST_P(ServeCache, sees_a_large_file_replaced_while_open) {
  root.write("a", noise(100'000, 1));
  serve();
  EXPECT_TRUE(body("/a") == noise(100'000, 1));
  root.replace("a", noise(100'000, 2));
  EXPECT_TRUE(becomes("/a", noise(100'000, 2)));
}

TEST_P(ServeCache, sees_files_come_and_go) {
  root.write("d/a", "one");
  serve();
  EXPECT_EQ(body("/d/a"), "one");
  std::filesystem::remove(root.path("d/a"));
  EXPECT_TRUE(eventually([&] { return status("/d/a") == 404; }, 5s));
  root.write("d/a", "again");
  EXPECT_TRUE(becomes("/d/a", "again"));
}

TEST_P(ServeCache, sees_an_index_file_and_a_sibling_appear) {
  root.write("d/a.txt", "plain");
  serve({"--log", "off", "--cache-recheck", "1h", "--listing"});
  EXPECT_EQ(status("/d/"), 200);
  EXPECT_EQ(body("/d/a.txt"), "plain");
  root.write("d/index.html", "index");
  EXPECT_TRUE(becomes("/d/", "index"));
  root.write("d/a.txt.gz", "small");
  EXPECT_TRUE(eventually(
      [&] {
        return Client(server->port).get("/d/a.txt", "Accept-Encoding: gzip\r\n").body == "small";
      },
      5s));
}

TEST_P(ServeCache, sees_a_directory_above_moved_and_another_in_its_place) {
  root.write("x/y/z/a", "old");
  root.write("new/y/z/a", "new");
  serve();
  EXPECT_EQ(body("/x/y/z/a"), "old");
  std::filesystem::rename(root.path("x"), root.path("away"));
  EXPECT_TRUE(eventually([&] { return status("/x/y/z/a") == 404; }, 5s));
  std::filesystem::rename(root.path("new"), root.path("x"));
  EXPECT_TRUE(becomes("/x/y/z/a", "new"));
  EXPECT_EQ(body("/away/y/z/a"), "old");
  root.write("x/y/z/a", "newer");
  EXPECT_TRUE(becomes("/x/y/z/a", "newer"));
}

TEST_P(ServeCache, sees_a_file_that_may_no_longer_be_read) {
  root.write("a", "one");
  serve(kSlowRecheck, {.as_nobody = true});
  EXPECT_EQ(body("/a"), "one");
  ::chmod(root.path("a").c_str(), 0);
  EXPECT_TRUE(eventually([&] { return status("/a") == 403; }, 5s));
}

TEST_P(ServeCache, looks_again_after_a_second_through_symbolic_links) {
  root.write("one/a", "one");
  root.write("two/a", "two");
  std::filesystem::create_directory_symlink("one", root.path("current"));
  serve({"--log", "off", "--cache-recheck", "50ms"});
  EXPECT_EQ(body("/current/a"), "one");
  std::filesystem::create_directory_symlink("two", root.path("next"));
  std::filesystem::rename(root.path("next"), root.path("current"));
  EXPECT_TRUE(becomes("/current/a", "two"));
}

TEST_P(ServeCache, keeps_within_its_bounds) {
  for (int i = 0; i < 60; ++i) {
    root.write("f" + std::to_string(i), noise(30'000, static_cast<std::uint32_t>(i)));
  }
  serve({"--log", "off", "--cache-files", "10"});
  const auto open_files = [&] {
    return std::distance(
        std::filesystem::directory_iterator("/proc/" + std::to_string(server->pid()) + "/fd"),
        std::filesystem::directory_iterator());
  };
  Client visitor(server->port);
  EXPECT_EQ(visitor.get("/nowhere").status, 404);
  const auto before = open_files();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(visitor.get("/f" + std::to_string(i)).body ==
                  noise(30'000, static_cast<std::uint32_t>(i)));
    }
  }
  EXPECT_TRUE(eventually([&] { return open_files() <= before + 10; })) << open_files() - before;
}

TEST_P(ServeCache, off_serves_as_well) {
  root.write("a", "one");
  root.write("b", noise(50'000, 1));
  serve({"--log", "off", "--cache-files", "0"});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(body("/a"), "one");
    EXPECT_TRUE(body("/b") == noise(50'000, 1));
  }
}

// A client that was promised more than there is must be able to tell.
TEST_P(ServeCache, a_file_truncated_while_it_is_sent_is_not_taken_for_whole) {
  const std::string content = noise(20'000'000, 9);
  Client& slow = half_way(content);
  std::filesystem::resize_file(root.path("big"), 1000);
  const Response response = slow.receive();
  EXPECT_EQ(response.status, 200);
  EXPECT_FALSE(response.complete);
  // What was under way lies in the file's own pages, and the cut empties those that it leaves.
  for (std::size_t i = 0; i < response.body.size(); ++i) {
    ASSERT_TRUE(response.body[i] == content[i] || (i >= 1000 && response.body[i] == 0)) << i;
  }
  EXPECT_TRUE(becomes("/big", content.substr(0, 1000)));
}

// What was begun is ended with the file that it began with; who asks then gets the new one.
TEST_P(ServeCache, a_file_replaced_while_it_is_sent_is_sent_as_it_was) {
  const std::string content = noise(20'000'000, 9);
  Client& slow = half_way(content);
  root.replace("big", noise(100'000, 2));
  EXPECT_TRUE(becomes("/big", noise(100'000, 2)));
  const Response response = slow.receive();
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.complete);
  EXPECT_TRUE(response.body == content);
}

}  // namespace
}  // namespace vigil::e2e

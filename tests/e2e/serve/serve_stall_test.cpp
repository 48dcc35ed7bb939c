// A request that keeps a shard of `vigil serve` is named, by the report and by a dump.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "serve_process.hpp"

namespace vigil::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The shard sleeps in a system call of the one request until `hold` is gone.
TEST(ServeStall, names_the_request_that_keeps_a_shard) {
  Folder root;
  Folder at;
  root.write("large", noise(200'000, 1));
  root.write("small", "content");
  at.write("hold", "");
  const std::string socket = at.path("admin.sock");
  Serve server(root,
               {"--log", "off", "--shards", "1", "--engine", "epoll", "--stall-limit", "20ms",
                "--admin", socket},
               {.environment = {"LD_PRELOAD=" VIGIL_BINARY_DIR "/lib/vigil_slow_sendfile.so",
                                "VIGIL_TEST_HOLD=" + at.path("hold")}});
  Client client(server.port);
  const std::string before = client.get("/small").fields.at("x-request-id");
  ASSERT_TRUE(client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(eventually([&] { return server.errors().find(", request ") != std::string::npos; }))
      << server.errors();
  Process text({"dump", socket});
  const std::string dump = text.wait().out;
  Process raw({"dump", socket, "--json"});
  const json parsed = json::parse(raw.wait().out, nullptr, false);
  ASSERT_TRUE(std::filesystem::remove(at.path("hold")));
  const Response response = client.receive();
  ASSERT_EQ(response.status, 200);
  const std::string name = "request " + response.fields.at("x-request-id");
  EXPECT_THAT(server.errors(), HasSubstr("  task: "));
  EXPECT_THAT(server.errors(), HasSubstr(", " + name + "\n"));
  EXPECT_THAT(server.errors(),
              testing::AnyOf(HasSubstr("was blocked in "), HasSubstr("is blocked in ")));
  EXPECT_THAT(dump, HasSubstr("is running, " + name + "\n"));
  std::string work;
  for (const json& task : parsed.at(0).at("tasks")) {
    work += task.at("work").is_null() ? "" : task.at("work").get<std::string>();
  }
  EXPECT_EQ(work, name) << "of the one request under way, and of nobody else";
  EXPECT_EQ(server.errors().find(before), std::string::npos) << server.errors();
}

}  // namespace
}  // namespace vigil::e2e

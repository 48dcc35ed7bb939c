// The programs of the guide do what its pages say; and the watcher, the greeting.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"

namespace vigil::test {
namespace {

class Guide : public testing::TestWithParam<std::string> {
 protected:
  ProgramOptions on_engine() const { return {.environment = {"VIGIL_ENGINE=" + GetParam()}}; }
};
INSTANTIATE_ON_EVERY_ENGINE(Guide);

TEST_P(Guide, WaitsForAnything) {
  const TemporaryDirectory directory;
  Program program({"guide_waiting", directory.path()}, on_engine());
  EXPECT_EQ(program.wait(), 0) << program.errors();
  EXPECT_EQ(program.output(),
            "time: not too early\n"
            "signal: 10\n"
            "process said: ready\n"
            "process: exit status 7\n"
            "file: new\n"
            "channel: the sum is 6\n"
            "offload: 1229 primes\n"
            "foreign: readable\n"
            "all: 1 and 2\n"
            "any: the quick was first\n");
}

TEST_P(Guide, EndsInTime) {
  Program program({"guide_deadlines"}, on_engine());
  EXPECT_EQ(program.wait(), 0) << program.errors();
  EXPECT_EQ(program.output(),
            "no answer in 50 ms\n"
            "the outer deadline: timed out\n"
            "workers that were told to end, and did: 3\n"
            "the cancelled server said: goodbye\n");
}

TEST_P(Guide, UsesAllCores) {
  Program program({"guide_shards"}, on_engine());
  EXPECT_EQ(program.wait(), 0) << program.errors();
  EXPECT_EQ(program.output(),
            "shard 1 found 1229 primes\n"
            "shard 0 answered\n"
            "shard 1 answered\n");
}

TEST_P(Guide, SeesInside) {
  Program program({"guide_seeing"}, on_engine());
  EXPECT_EQ(program.wait(), 0) << program.errors();
  EXPECT_NE(program.output().find("vigil/0, after "), std::string::npos) << program.output();
  EXPECT_NE(program.output().find("seeing.cpp:"), std::string::npos) << program.output();
  EXPECT_NE(program.output().find(" waits for a timer in "), std::string::npos) << program.output();
}

TEST_P(Guide, WorksWithFiles) {
  const TemporaryDirectory directory;
  Program program({"guide_files", directory.path()}, on_engine());
  EXPECT_EQ(program.wait(), 0) << program.errors();
  EXPECT_EQ(program.output(),
            "read: disk\n"
            "settings has 14 bytes\n"
            "../../etc/passwd: invalid cross-device link\n"
            "37 bytes below\n");
  EXPECT_EQ(directory.read("data/settings"), "color = green\n");
  EXPECT_EQ(directory.read("data/uploads/log"), "color=green\n");
}

TEST_P(Guide, GreetsAnEcho) {
  Program server({"echo"}, on_engine());
  const std::string port = std::to_string(server.port());
  Program client({"guide_client", port}, on_engine());
  EXPECT_EQ(client.wait(), 0) << client.errors();
  EXPECT_EQ(client.output(), "hello\n");
  EXPECT_EQ(server.end(), 0);
  Program alone({"guide_client", port}, on_engine());
  EXPECT_EQ(alone.wait(), 1);
  EXPECT_EQ(alone.errors(), "vigil: ended with an error: connection refused.\n");
}

class Watcher : public Guide {};
INSTANTIATE_ON_EVERY_ENGINE(Watcher);

TEST_P(Watcher, RunsTheCommandForChangesSignalsAndTime) {
  const TemporaryDirectory directory;
  Program watcher(
      {"watcher", "--engine", GetParam(), directory.path(), "sh", "-c", "echo it runs; exit 3"});
  const auto said = [&](const std::string& text) {
    return eventually([&] { return watcher.output().find(text) != std::string::npos; });
  };
  ASSERT_TRUE(said("watching "));
  directory.write("new", "content");
  EXPECT_TRUE(said("running sh: new changed\n  | it runs\nexit status 3\n")) << watcher.output();
  ::kill(watcher.pid(), SIGHUP);
  EXPECT_TRUE(said("running sh: SIGHUP\n  | it runs\nexit status 3\n")) << watcher.output();
  EXPECT_EQ(watcher.end(), 0) << watcher.errors();

  Program clock({"watcher", "--engine", GetParam(), "--every", "1", directory.path(), "true"});
  EXPECT_TRUE(eventually([&] {
    return clock.output().find("running true: the time has come\nexit status 0\n") !=
           std::string::npos;
  }));
  EXPECT_EQ(clock.end(), 0);
}

TEST_P(Watcher, EndsTheCommandItRuns) {
  const TemporaryDirectory directory;
  Program watcher({"watcher", "--engine", GetParam(), directory.path(), "sleep", "1000"});
  ASSERT_TRUE(eventually([&] { return !watcher.output().empty(); }));
  ::kill(watcher.pid(), SIGHUP);
  ASSERT_TRUE(eventually([&] { return watcher.output().find("running") != std::string::npos; }));
  EXPECT_EQ(watcher.end(), 0);
  EXPECT_NE(watcher.output().find("ended by signal 15\n"), std::string::npos) << watcher.output();
}

class Hello : public Guide {};
INSTANTIATE_ON_EVERY_ENGINE(Hello);

TEST_P(Hello, GreetsCurlAndHoldsOutUnderWrk) {
  VIGIL_NEEDS_PROGRAM("curl");
  Program server({"http_hello", "--engine", GetParam()});
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port()) + "/";
  EXPECT_EQ(run_tool({"curl", "-s", url, url}), "Hello, world!\nHello, world!\n");
  EXPECT_EQ(run_tool({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{content_type}", url}),
            "200 text/plain");
  if (!find_program("wrk").empty()) {
    const std::string said = run_tool({"wrk", "-t1", "-c20", "-d1", url});
    EXPECT_NE(said.find("Requests/sec:"), std::string::npos) << said;
    EXPECT_EQ(said.find("Non-2xx"), std::string::npos) << said;
    EXPECT_EQ(said.find("Socket errors"), std::string::npos) << said;
  }
  EXPECT_EQ(server.end(), 0);
}

}  // namespace
}  // namespace vigil::test

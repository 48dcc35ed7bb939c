// What every example promises: it says where it listens, ends with 0 when told to, and says in one
// sentence what is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"

namespace vigil::test {
namespace {

const std::string kServers[] = {"echo", "echo_turns", "http_hello", "resp", "chat"};

using OnEngine = std::tuple<std::string, std::string>;

class EveryServer : public testing::TestWithParam<OnEngine> {
 protected:
  const std::string& name() const { return std::get<0>(GetParam()); }
  const std::string& engine() const { return std::get<1>(GetParam()); }
};

std::string name_of(const testing::TestParamInfo<OnEngine>& info) {
  return std::get<0>(info.param) + "_" + std::get<1>(info.param);
}

std::size_t sentences(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_P(EveryServer, SaysWhereItListensAndEndsOnSigtermWithZero) {
  Program server({name(), "--engine", engine(), "0"});
  const Peer peer(server.port());
  EXPECT_TRUE(peer.connected());
  EXPECT_EQ(server.end(SIGTERM), 0);
  EXPECT_EQ(server.errors(), "");
}

TEST_P(EveryServer, TakesItsEngineFromTheEnvironment) {
  Program server({name()}, {.environment = {"VIGIL_ENGINE=" + engine()}});
  EXPECT_NE(server.port(), 0);
  EXPECT_EQ(server.end(SIGINT), 0);
}

// An idle connection is told the end at once: it does not hold the drain for its thirty seconds.
TEST_P(EveryServer, EndsIdleConnectionsWhenItDrains) {
  Program server({name(), "--engine", engine()});
  const std::uint16_t port = server.port();
  Peer first(port);
  Peer second(port);
  ASSERT_TRUE(first.connected() && second.connected());
  ASSERT_TRUE(eventually([&] { return server.sockets() >= 3; }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(server.end(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  bool ended = false;
  EXPECT_EQ(first.read_to_end(&ended), "");
  EXPECT_TRUE(ended);
}

INSTANTIATE_TEST_SUITE_P(Examples, EveryServer,
                         testing::Combine(testing::ValuesIn(kServers),
                                          testing::ValuesIn(engine_names())),
                         name_of);

class EveryProgram : public testing::TestWithParam<std::string> {};

TEST_P(EveryProgram, ExplainsItself) {
  Program program({GetParam(), "--help"});
  EXPECT_EQ(program.wait(), 0);
  EXPECT_TRUE(program.output().starts_with("usage: " + GetParam())) << program.output();
  EXPECT_EQ(program.errors(), "");
}

TEST_P(EveryProgram, NamesTheEnginesWhenOneDoesNotExist) {
  Program program(GetParam() == "watcher"
                      ? std::vector<std::string>{"watcher", "--engine", "no-such", "/", "true"}
                      : std::vector<std::string>{GetParam(), "--engine", "no-such", "0"});
  EXPECT_EQ(program.wait(), 2);
  EXPECT_EQ(sentences(program.errors()), 1u) << program.errors();
  for (const char* engine : {"no-such", "epoll", "poll", "select"}) {
    EXPECT_NE(program.errors().find(engine), std::string::npos) << program.errors();
  }
}

TEST_P(EveryProgram, RefusesWordsThatMeanNothing) {
  Program program({GetParam(), "--no-such-option"});
  EXPECT_EQ(program.wait(), 2);
  EXPECT_EQ(sentences(program.errors()), 1u) << program.errors();
  EXPECT_TRUE(program.errors().starts_with(GetParam() + ": ")) << program.errors();
}

INSTANTIATE_TEST_SUITE_P(Examples, EveryProgram,
                         testing::Values("echo", "echo_turns", "http_hello", "resp", "chat",
                                         "coexist", "watcher"),
                         [](const auto& program) { return program.param; });

TEST(Listening, OnAPortThatIsTakenSaysSoAndFails) {
  Program first({"echo", "0"});
  const std::string port = std::to_string(first.port());
  Program second({"echo", port});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_EQ(second.output(), "");
  EXPECT_TRUE(second.errors().starts_with("echo: cannot listen on 127.0.0.1:" + port +
                                          ": address already in use. Stop the server"))
      << second.errors();
}

TEST(Listening, OnAPrivilegedPortAsNobodyNamesThePrivilege) {
  if (::geteuid() != 0) {
    VIGIL_NOT_RUN("needs root, to become nobody");
  }
  VIGIL_NEEDS_PROGRAM("setpriv");
  Program server({"echo", "80"}, {.under = {find_program("setpriv"), "--reuid", "65534", "--regid",
                                            "65534", "--clear-groups", "--bounding-set=-all"}});
  EXPECT_EQ(server.wait(), 1);
  EXPECT_EQ(server.errors(),
            "echo: cannot listen on 127.0.0.1:80: permission denied. Use a port above 1023 or "
            "grant CAP_NET_BIND_SERVICE.\n");
}

// While a client does not read, its task is at work: the drain waits, and a second signal does not.
TEST(Draining, IsCutShortByASecondSignal) {
  Program server({"echo", "0"});
  Peer peer(server.port(), 4096);
  const std::string much(1 << 20, 'x');
  ASSERT_TRUE(eventually([&] { return peer.send_some(much) == 0; }));
  ::kill(server.pid(), SIGTERM);
  std::this_thread::sleep_for(300ms);
  ASSERT_TRUE(server.runs()) << "a connection at work was not waited for";
  EXPECT_EQ(server.end(SIGTERM), 0);
}

}  // namespace
}  // namespace vigil::test

// Servers on a machine that refuses io_uring, or one operation of it; and busy-polling, seen from
// outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/both_engines.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kWithout = VIGIL_BINARY_DIR "/bin/without-uring";

bool has_ring() { return (", " + engines() + ",").find(", uring,") != std::string::npos; }

void expect_echo(Program& server) {
  const std::uint16_t port = server.port();
  for (unsigned connection = 0; connection < 3; ++connection) {
    Peer peer(port);
    ASSERT_TRUE(peer.connected());
    for (unsigned request = 0; request < 20; ++request) {
      const std::string sent = payload(connection, request, 100);
      ASSERT_TRUE(peer.send(sent));
      EXPECT_EQ(peer.read(sent.size()), sent);
    }
  }
}

TEST(FallBack, FailsWithTheReasonWhenTheRingAloneWasAskedFor) {
  VIGIL_NEEDS_A_RING_BUILT_IN();
  for (const char* error : {"EPERM", "ENOSYS"}) {
    Program server({"echo", "--engine", "uring"}, {.under = {kWithout, "--errno", error}});
    EXPECT_EQ(server.wait(), 1);
    EXPECT_EQ(server.output(), "");
    EXPECT_THAT(server.errors(), StartsWith("echo: the engine \"uring\" cannot run here: refused "
                                            "by a seccomp filter. Choose one of: auto, epoll"));
    EXPECT_EQ(std::ranges::count(server.errors(), '\n'), 1);
  }
}

TEST(FallBack, TakesTheNextEngineSaysWhyOnceAndServes) {
  VIGIL_NEEDS_A_RING_BUILT_IN();
  Program server({"echo", "--engine", "uring,epoll"}, {.under = {kWithout}});
  expect_echo(server);
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(server.errors(),
            "echo: cannot use the engine uring (refused by a seccomp filter): going on with "
            "epoll.\n");
}

// Locked memory is the ring's own want; descriptors are every engine's, so none is passed over.
TEST(FallBack, GoesOnWithoutMemoryForARingAndEndsWithoutDescriptors) {
  VIGIL_NEEDS_A_RING_BUILT_IN();
  Program poor({"echo", "--engine", "uring,epoll"}, {.under = {kWithout, "--errno", "ENOMEM"}});
  expect_echo(poor);
  EXPECT_EQ(poor.end(), 0);
  EXPECT_EQ(poor.errors(),
            "echo: cannot use the engine uring (out of memory, or of locked memory "
            "(RLIMIT_MEMLOCK)): going on with epoll.\n");
  for (const auto& [engines, sentence] :
       {std::pair("uring,epoll", "none of the engines \"uring,epoll\" can run here: "),
        std::pair("uring", "the engine \"uring\" cannot run here: ")}) {
    Program none({"echo", "--engine", engines}, {.under = {kWithout, "--errno", "EMFILE"}});
    EXPECT_EQ(none.wait(), 1) << engines;
    EXPECT_THAT(none.errors(), StartsWith(std::string("echo: ") + sentence)) << engines;
    EXPECT_EQ(std::ranges::count(none.errors(), '\n'), 1);
  }
  Program alone({"echo", "--engine", "uring"}, {.under = {kWithout, "--errno", "ENOMEM"}});
  EXPECT_EQ(alone.wait(), 1);
  EXPECT_EQ(alone.errors(),
            "echo: the engine \"uring\" cannot run here: out of memory, or of locked memory "
            "(RLIMIT_MEMLOCK).\n");
}

TEST(FallBack, LeavesAServerAloneThatDoesNotAskForTheRing) {
  Program server({"echo"}, {.under = {kWithout}});
  expect_echo(server);
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(server.errors(), "");
}

TEST(FallBack, ServesFilesUnderTheFilter) {
  VIGIL_NEEDS_A_RING_BUILT_IN();
  TemporaryDirectory root;
  root.write("page", "served");
  Program server({"vigil", "serve", root.path(), "--engine", "uring,epoll", "--listen",
                  "127.0.0.1:0", "--log", "off"},
                 {.under = {kWithout}});
  Peer peer(server.port());
  ASSERT_TRUE(peer.send("GET /page HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(peer.read_to_end(), HasSubstr("\r\n\r\nserved"));
  EXPECT_EQ(server.end(), 0);
  EXPECT_THAT(server.errors(), HasSubstr("cannot use the engine uring (refused by a seccomp "
                                         "filter): going on with epoll.\n"));
}

// A ring without one operation does that one in another way, and stays a ring.
TEST(FallBack, DoesWithoutOneOperationOfTheRing) {
  if (!has_ring()) {
    VIGIL_NOT_RUN("the engine uring does not run here");
  }
  for (const char* operation :
       {"accept_multishot", "accept", "receive_multishot", "buffer_rings", "receive", "send",
        "registered_ring", "restrictions", "single_issuer", "defer_taskrun", "statx,open_at2,read",
        "close", "splice,send_zc,connect"}) {
    Program server({"echo", "--engine", "uring"}, {.under = {kWithout, "--operations", operation}});
    expect_echo(server);
    EXPECT_EQ(server.end(), 0) << operation;
    EXPECT_EQ(server.errors(), "") << operation;
  }
}

// Files without one of their operations go through the lane for that one.
TEST(FallBack, ServesFilesWithoutOneOperationOfTheRing) {
  if (!has_ring()) {
    VIGIL_NOT_RUN("the engine uring does not run here");
  }
  TemporaryDirectory root;
  root.write("page", "served");
  for (const char* operation : {"open_at2", "read", "close", "open_at2,read,close,send"}) {
    Program server({"vigil", "serve", root.path(), "--engine", "uring", "--listen", "127.0.0.1:0",
                    "--log", "off"},
                   {.under = {kWithout, "--operations", operation}});
    Peer peer(server.port());
    ASSERT_TRUE(peer.send("GET /page HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"));
    EXPECT_THAT(peer.read_to_end(), HasSubstr("\r\n\r\nserved")) << operation;
    EXPECT_EQ(server.end(), 0) << operation;
    EXPECT_EQ(server.errors(), "") << operation;
  }
}

// A stream that hibernates waits by a poll where the ring receives nothing ahead: the same clauses.
TEST(FallBack, HibernatesWithoutOneOperationOfTheRing) {
  if (!has_ring()) {
    VIGIL_NOT_RUN("the engine uring does not run here");
  }
  for (const std::string operation :
       {"receive_multishot", "accept_multishot", "receive,accept,close"}) {
    Program contract(
        {"vigil_contract", "--gtest_filter=*Hibernate*:*HttpServerRest*"},
        {.environment = {"VIGIL_TEST_ENGINES=uring", "VIGIL_TEST_URING_WITHOUT=" + operation}});
    EXPECT_EQ(contract.wait(150s), 0) << operation << "\n" << contract.output();
    EXPECT_THAT(contract.output(), HasSubstr("HibernateTest.WakesAtTheEndAndAtAReset/uring"))
        << operation;
  }
}

TEST(FallBack, IsAskedForWhatTheRingCannotDoWithout) {
  if (!has_ring()) {
    VIGIL_NOT_RUN("the engine uring does not run here");
  }
  for (const char* operation : {"poll_add", "poll_multishot", "async_cancel", "no_drop", "ring"}) {
    Program server({"echo", "--engine", "uring"}, {.under = {kWithout, "--operations", operation}});
    EXPECT_EQ(server.wait(), 1) << operation;
    EXPECT_THAT(server.errors(), HasSubstr("cannot run here: switched off by VIGIL_URING_WITHOUT"));
  }
}

TEST(FallBack, NamesWhoDoesNotKnowTheLaunchersOptions) {
  Program nothing({"without-uring"});
  EXPECT_EQ(nothing.wait(), 2);
  EXPECT_THAT(nothing.errors(), HasSubstr("needs a program"));
  Program wrong({"without-uring", "--errno", "EIO", "/bin/true"});
  EXPECT_EQ(wrong.wait(), 2);
  Program missing({"without-uring", "/nowhere/program"});
  EXPECT_EQ(missing.wait(), 1);
  EXPECT_THAT(missing.errors(), HasSubstr("cannot start /nowhere/program"));
  Program status({"without-uring", "/bin/sh", "-c", "exit 7"});
  EXPECT_EQ(status.wait(), 7);
}

// The names of a server's threads.
std::string threads_of(const Program& server) {
  std::string names;
  const auto tasks = "/proc/" + std::to_string(server.pid()) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::ifstream comm(task.path() / "comm");
    std::string name;
    std::getline(comm, name);
    names += name + " ";
  }
  return names;
}

TEST(SqPoll, HasAThreadOfTheKernelsOnlyWhenItIsAskedFor) {
  if (!has_ring()) {
    VIGIL_NOT_RUN("the engine uring does not run here");
  }
  Program without({"echo", "--engine", "uring"});
  expect_echo(without);
  EXPECT_THAT(threads_of(without), Not(HasSubstr("iou-sqp")));
  EXPECT_EQ(without.end(), 0);
  Program with({"echo", "--engine", "uring", "--sqpoll"});
  expect_echo(with);
  EXPECT_THAT(threads_of(with), HasSubstr("iou-sqp"));
  EXPECT_EQ(with.end(), 0);
  EXPECT_EQ(with.errors(), "");
}

TEST(SqPoll, IsToldToHaveNoEffectOnAnotherEngine) {
  Program server({"echo", "--engine", "epoll", "--sqpoll"});
  expect_echo(server);
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(server.errors(), "echo: sqpoll is for the engine uring, and has no effect on epoll.\n");
}

class Spinning : public testing::TestWithParam<std::string> {
 protected:
  // The CPU time that the server takes in 300 ms in which nobody asks for anything.
  static std::chrono::nanoseconds idle_cpu(Program& server) {
    const auto before = server.cpu();
    std::this_thread::sleep_for(300ms);
    return server.cpu() - before;
  }
};
INSTANTIATE_ON_EVERY_ENGINE(Spinning);

TEST_P(Spinning, AsksForItsTimeAndTellsWhatItCost) {
  Program server({"echo", "--engine", GetParam(), "--spin", "1000000"});
  expect_echo(server);
  EXPECT_GT(idle_cpu(server), 30ms) << "it sleeps";
  EXPECT_EQ(server.end(), 0);
  EXPECT_THAT(server.errors(), StartsWith("echo: busy-polling took "));
  EXPECT_THAT(server.errors(), HasSubstr(" ms of a processor: something came "));
}

TEST_P(Spinning, AdaptiveSleepsWhenNothingComes) {
  Program server({"echo", "--engine", GetParam(), "--spin", "adaptive"});
  expect_echo(server);
  EXPECT_LT(idle_cpu(server), 20ms) << "it does not give up";
  EXPECT_EQ(server.end(), 0);
  EXPECT_THAT(server.errors(), StartsWith("echo: busy-polling took "));
}

TEST_P(Spinning, IsOffUnlessItIsAskedFor) {
  Program server({"echo", "--engine", GetParam(), "--spin", "0"});
  expect_echo(server);
  EXPECT_LT(idle_cpu(server), 20ms);
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(server.errors(), "");
}

TEST(SpinOption, RefusesWhatIsNoTime) {
  for (const char* value : {"-1", "fast", "", "1000001", "50us"}) {
    Program echo({"echo", "--spin", value});
    EXPECT_EQ(echo.wait(), 2) << value;
    Program serve({"vigil", "serve", "--spin", value});
    EXPECT_EQ(serve.wait(), 2) << value;
    EXPECT_THAT(serve.errors(), HasSubstr("is not a time to busy-poll. Write microseconds"));
  }
}

}  // namespace
}  // namespace vigil::test

// Programs in a world: they run as vigil::run runs them, end, die, and go with their host.
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <string>

#include "vigil/sim/world.hpp"
#include "vigil/vigil.hpp"

namespace vigil::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

Task<Result<>> echo_server(std::string at) {
  auto listener = TcpListener::listen(*Address::parse(at));
  if (!listener) {
    co_return std::unexpected(listener.error());
  }
  auto serving = vigil::serve(*listener, {}, echo);
  co_return co_await std::move(serving);
}

// Sends `rounds` lines, each different, and compares what comes back. 0: all were the same.
Task<Result<int>> ask(std::string to, int who, int rounds) {
  auto connecting = TcpStream::connect(*Address::parse(to));
  auto peer = co_await std::move(connecting);
  if (!peer) {
    co_return std::unexpected(peer.error());
  }
  for (int round = 0; round != rounds; ++round) {
    const std::string line = "client " + std::to_string(who) + " round " + std::to_string(round) +
                             std::string(static_cast<std::size_t>(round % 50) * 20, 'x') + "\n";
    if (const auto sent = co_await peer->send(as_bytes(line)); !sent) {
      co_return std::unexpected(sent.error());
    }
    std::string answer;
    while (answer.size() < line.size()) {
      auto bytes = co_await peer->receive();
      if (!bytes) {
        co_return std::unexpected(bytes.error());
      }
      if (bytes->empty()) {
        co_return vigil::error(std::errc::connection_reset);
      }
      answer.append(as_text(bytes->bytes()));
    }
    if (answer != line) {
      this_world()->fail("a client got back what it had not sent");
      co_return 3;
    }
  }
  co_return 0;
}

// As ask(), again after each error.
Task<int> client(std::string to, int who, int rounds) {
  for (int attempt = 0; attempt != 1000; ++attempt) {
    auto asking = timeout(seconds(20), ask(to, who, rounds));
    const Result<int> asked = co_await std::move(asking);
    if (asked) {
      co_return *asked;
    }
    co_await sleep_for(milliseconds(100));
  }
  co_return 1;
}

// Two clients and a server on three hosts; the hash of the run.
std::uint64_t echo_run(std::uint64_t seed, const WorldOptions& options) {
  World world(seed, options);
  const Host server = world.host("server");
  server.start_always("echo", echo_server, server.address(7000));
  const Program first = world.host("one").start("client", client, server.address(7000), 1, 50);
  const Program second = world.host("two").start("client", client, server.address(7000), 2, 50);
  const bool done =
      world.run_until([&] { return !first.running() && !second.running(); }, hours(1));
  EXPECT_TRUE(done) << "seed " << seed << (world.failure() ? ": " + world.failure()->what : "")
                    << "\n"
                    << world.timeline(20);
  EXPECT_EQ(first.status(), 0) << first.output();
  EXPECT_EQ(second.status(), 0) << second.output();
  return world.trace_hash();
}

class OnEachFace : public ::testing::TestWithParam<Face> {};

TEST_P(OnEachFace, echo_over_two_hosts_gives_the_same_run_twice) {
  const WorldOptions options{.face = GetParam()};
  const std::uint64_t once = echo_run(1, options);
  EXPECT_EQ(echo_run(1, options), once);
  EXPECT_NE(echo_run(2, options), once);
}

TEST_P(OnEachFace, echo_is_right_in_ordinary_weather_of_every_seed) {
  const WorldOptions options{.faults = Faults::ordinary(), .face = GetParam()};
  for (std::uint64_t seed = 1; seed != 20 && !HasFailure(); ++seed) {
    EXPECT_EQ(echo_run(seed, options), echo_run(seed, options)) << "seed " << seed;
  }
}

std::string face_name(const ::testing::TestParamInfo<Face>& face) {
  return std::array{"readiness", "level", "completion"}[static_cast<std::size_t>(face.param)];
}

INSTANTIATE_TEST_SUITE_P(Programs, OnEachFace,
                         ::testing::Values(Face::readiness, Face::level, Face::completion),
                         face_name);

TEST(Program, tells_what_its_body_returned) {
  World world(1);
  const Host host = world.host("a");
  const Program seven = host.start("seven", [] -> Task<int> { co_return 7; });
  const Program sleeper = host.start(
      "sleeper", [](Nanos span) -> Task<> { co_await sleep_for(span); }, Nanos(hours(30)));
  const Program refused = host.start(
      "refused", [] -> Task<Result<>> { co_return vigil::error(std::errc::permission_denied); });
  EXPECT_TRUE(world.run_to_end(hours(31)));
  EXPECT_EQ(seven.status(), 7);
  EXPECT_EQ(sleeper.status(), 0);
  EXPECT_EQ(refused.status(), 1);
  EXPECT_EQ(refused.output(), "refused: ended with an error: permission denied.\n");
  EXPECT_GE(world.now(), hours(30));
  EXPECT_LT(world.now(), hours(30) + milliseconds(10));
}

TEST(Program, that_ended_is_started_again_once_and_not_beside_itself) {
  World world(1);
  const Host host = world.host("a");
  int starts = 0;
  const Program program = host.start_always(
      "twice",
      [](int* count) -> Task<int> {
        ++*count;
        co_await sleep_for(seconds(1));
        co_return 1;
      },
      &starts);
  world.run_for(milliseconds(500));
  program.start_again();  // it runs
  EXPECT_EQ(starts, 1);
  EXPECT_TRUE(world.run_to_end(minutes(1)));
  EXPECT_EQ(program.status(), 1);
  program.start_again();
  EXPECT_TRUE(program.running());
  EXPECT_EQ(starts, 2);
  host.crash();
  program.start_again();  // its host is down
  EXPECT_EQ(starts, 2);
  host.restart();
  EXPECT_TRUE(world.run_to_end(minutes(1)));
  EXPECT_EQ(starts, 3);
}

TEST(Program, that_ends_with_an_exception_fails_the_run) {
  World world(1);
  world.host("a").start("thrower", [] -> Task<> {
    co_await sleep_for(seconds(2));
    throw std::runtime_error("no more");
  });
  EXPECT_FALSE(world.run_to_end(minutes(1)));
  ASSERT_TRUE(world.failure());
  EXPECT_EQ(world.failure()->what, "\"thrower\" on host \"a\" ended with an exception: no more");
  EXPECT_GE(world.failure()->at, seconds(2));
}

TEST(Program, that_waits_for_what_cannot_come_ends_the_run_at_once) {
  World world(1);
  const Program stuck = world.host("a").start("stuck", [] -> Task<> {
    ManualResetEvent never;
    static_cast<void>(co_await never.wait());
  });
  EXPECT_FALSE(world.run_to_end(hours(1000)));
  EXPECT_FALSE(world.failure());
  EXPECT_TRUE(stuck.running());
  EXPECT_EQ(world.now(), Nanos(0));
  EXPECT_NE(world.timeline(5).find("waits for an event"), std::string::npos) << world.timeline(5);
}

TEST(Program, that_turns_without_end_is_said_to_spin) {
  World world(1);
  world.host("a").start("spinner", [] -> Task<> {
    for (;;) {
      co_await yield();
    }
  });
  EXPECT_FALSE(world.run_to_end(hours(1)));
  ASSERT_TRUE(world.failure());
  EXPECT_EQ(world.failure()->what.substr(0, 28), "\"spinner\" on host \"a\" spins:");
}

TEST(Program, ends_when_a_signal_kills_it) {
  World world(1);
  const Program sleeper = world.host("a").start("sleeper", [] -> Task<> {
    const std::string held(1000, 'x');  // freed with the frame: the leak sanitizer watches
    co_await sleep_for(hours(1));
  });
  world.run_for(seconds(1));
  EXPECT_TRUE(sleeper.running());
  sleeper.signal(SIGTERM);
  EXPECT_FALSE(sleeper.running());
  EXPECT_EQ(sleeper.status(), -1);
  EXPECT_TRUE(world.run_to_end(hours(1)));
}

Task<int> remember(std::string line) {
  auto opening = fs::File::open("/kept", {.write = true, .append = true, .create = true});
  auto file = co_await std::move(opening);
  if (!file || !co_await file->append(as_bytes(line)) || !co_await file->sync()) {
    co_return 1;
  }
  co_await sleep_for(hours(100));
  co_return 0;
}

TEST(Host, that_crashes_comes_back_with_its_disk_and_with_what_is_always_started) {
  World world(1);
  const Host host = world.host("a");
  const Program always = host.start_always("always", remember, std::string("begun\n"));
  const Program once = host.start("once", [] -> Task<> { co_await sleep_for(hours(100)); });
  world.run_for(seconds(1));
  EXPECT_TRUE(always.running() && once.running() && host.up());
  host.crash();
  EXPECT_FALSE(always.running() || once.running() || host.up());
  EXPECT_EQ(once.status(), -1);
  world.run_for(seconds(1));
  host.restart();
  world.run_for(seconds(1));
  EXPECT_TRUE(always.running() && !once.running() && host.up());
  EXPECT_EQ(host.read_file("/kept"), "begun\nbegun\n");
}

TEST(Host, that_crashes_says_nothing_to_its_peers) {
  World world(1);
  const Host server = world.host("server");
  server.start("echo", echo_server, server.address(7000));
  static Nanos ended;
  ended = {};
  const Program waiting = world.host("a").start(
      "client",
      [](std::string to) -> Task<> {
        auto connecting = TcpStream::connect(*Address::parse(to));
        auto peer = co_await std::move(connecting);
        static_cast<void>(co_await peer->send(as_bytes("hello")));
        static_cast<void>(co_await peer->receive());
        static_cast<void>(co_await peer->receive());
        ended = this_world()->now();
      },
      server.address(7000));
  world.run_for(seconds(1));
  server.crash();
  world.run_for(minutes(10));
  EXPECT_TRUE(waiting.running()) << "ended at " << ended.count();
}

TEST(World, a_partition_holds_back_what_it_parts_until_it_heals) {
  World world(1);
  const Host server = world.host("server");
  server.start("echo", echo_server, server.address(7000));
  const Host far = world.host("far");
  const Host near = world.host("near");
  world.partition({server, near}, {far});
  const Program kept = near.start("client", client, server.address(7000), 1, 5);
  const Program parted = far.start("client", client, server.address(7000), 2, 5);
  EXPECT_FALSE(world.run_until([&] { return !parted.running(); }, seconds(15)));
  EXPECT_EQ(kept.status(), 0);
  world.heal();
  EXPECT_TRUE(world.run_until([&] { return !parted.running(); }, minutes(2)));
  EXPECT_EQ(parted.status(), 0);
}

TEST(World, a_program_may_begin_another_and_crash_its_own_host) {
  World world(1);
  const Program suicide = world.host("a").start("suicide", [] -> Task<> {
    this_world()->host("other").start("begun", [] -> Task<int> { co_return 5; });
    co_await sleep_for(seconds(1));
    this_world()->host("a").crash();
    co_await sleep_for(seconds(1));
    this_world()->fail("it lived on");
  });
  EXPECT_TRUE(world.run_to_end(minutes(1)));
  EXPECT_FALSE(world.failure());
  EXPECT_EQ(suicide.status(), -1);
  EXPECT_NE(world.timeline(5).find("begun: ended with status 5"), std::string::npos)
      << world.timeline(5);
}

}  // namespace
}  // namespace vigil::sim

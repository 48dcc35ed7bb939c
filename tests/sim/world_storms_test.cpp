// The weather of hosts and links: it comes, it ends, and what it takes down comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "vigil/sim/world.hpp"
#include "vigil/vigil.hpp"
#include "world/core.hpp"

namespace vigil::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

WorldOptions only(Fault fault, std::uint32_t rate, Nanos longest) {
  WorldOptions options;
  options.faults[fault].rate = rate;
  options.faults[fault].longest = longest;
  options.trace = true;
  return options;
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

Task<> sleep_long() { static_cast<void>(co_await sleep_for(hours(1000))); }

TEST(Storms, a_host_crashes_and_comes_back_with_its_programs) {
  World world(3, only(Fault::crash, 100'000, seconds(3)));
  const Host host = world.host("a");
  const Program program = host.start_always("sleeper", sleep_long);
  bool was_down = false;
  for (int i = 0; i != 600; ++i) {
    world.run_for(milliseconds(100));
    was_down |= !host.up();
  }
  EXPECT_TRUE(was_down);
  world.set_faults(Faults::none());
  world.run_for(seconds(4));
  EXPECT_TRUE(host.up() && program.running());
  EXPECT_GT(count(world.trace(), " a restart "), 2U);
  EXPECT_EQ(count(world.trace(), " a restart "), count(world.trace(), " a crash "));
}

TEST(Storms, do_not_take_a_test_its_own_client) {
  World world(3, only(Fault::crash, 500'000, seconds(3)));
  const Program client =
      world.host("a").start("client", [] -> Task<> { co_await sleep_for(seconds(100)); });
  world.host("a").start_always("server", sleep_long);
  world.run_until([&] { return !client.running(); }, minutes(5));
  EXPECT_EQ(client.status(), 0);
}

// Sends a datagram each 10 ms of a second; how many of them came is what the test asks about.
Task<Result<>> send_often(std::string to, int rounds) {
  auto socket = UdpSocket::bind(Address::any(0));
  if (!socket) {
    co_return std::unexpected(socket.error());
  }
  const Address peer = *Address::parse(to);
  for (int round = 0; round != rounds; ++round) {
    static_cast<void>(co_await socket->send_to(as_bytes("x"), peer));
    co_await sleep_for(milliseconds(10));
  }
  co_return Result<>{};
}

int heard = 0;

Task<Result<>> hear(std::string at) {
  auto socket = UdpSocket::bind(*Address::parse(at));
  if (!socket) {
    co_return std::unexpected(socket.error());
  }
  char room[16];
  while (co_await socket->receive_from(std::as_writable_bytes(std::span(room)))) {
    ++heard;
  }
  co_return Result<>{};
}

int heard_under(const WorldOptions& options) {
  heard = 0;
  World world(5, options);
  const Host ear = world.host("ear");
  ear.start("ear", hear, ear.address(9000));
  world.host("mouth").start("mouth", send_often, ear.address(9000), 6000);
  world.run_for(minutes(2));
  EXPECT_FALSE(world.failure());
  return heard;
}

TEST(Storms, links_flap_and_networks_part_for_a_while) {
  EXPECT_EQ(heard_under({}), 6000);
  for (const Fault fault : {Fault::link_flap, Fault::partition}) {
    const int came = heard_under(only(fault, 100'000, seconds(3)));
    EXPECT_LT(came, 5500) << describe(fault).name;
    EXPECT_GT(came, 2000) << describe(fault).name;
  }
}

TEST(Storms, the_wall_clock_jumps_and_the_monotonic_one_does_not) {
  World world(3, only(Fault::wall_step, 100'000, hours(2)));
  static Nanos farthest;
  static Nanos latest;
  farthest = latest = {};
  world.host("a").start("clock", [] -> Task<> {
    const Nanos begin = Loop::current()->host().wall_time();
    for (int second = 0; second != 300; ++second) {
      const Instant before = Loop::current()->now();
      co_await sleep_for(seconds(1));
      latest = std::max(latest, Loop::current()->now() - before);
      const Nanos off = Loop::current()->host().wall_time() - begin;
      farthest = std::max(farthest, std::chrono::abs(off));
    }
  });
  EXPECT_TRUE(world.run_to_end(minutes(10)));
  EXPECT_GT(farthest, minutes(20));
  EXPECT_LT(latest, seconds(1) + milliseconds(10));
}

TEST(Storms, a_schedule_brings_back_the_very_outages) {
  WorldOptions options = only(Fault::link_flap, 50'000, seconds(3));
  options.faults[Fault::crash].rate = 50'000;
  const auto run = [](const WorldOptions& with) {
    World world(9, with);
    for (const char* name : {"a", "b", "c"}) {
      world.host(name).start_always("sleeper", sleep_long);
    }
    world.run_for(minutes(2));
    return std::pair(world.struck(), world.trace());
  };
  const auto [struck, trace] = run(options);
  ASSERT_GT(struck.size(), 10U);
  options.only = struck;
  EXPECT_EQ(run(options).second, trace);
}

}  // namespace
}  // namespace vigil::sim

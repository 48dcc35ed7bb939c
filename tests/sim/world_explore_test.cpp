// Exploring: a failing seed is found, runs again the same, and is left with the faults that it
// takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "vigil/sim/explore.hpp"
#include "vigil/vigil.hpp"

namespace vigil::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Task<> answer(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

Task<Result<>> serve_answers(std::string at) {
  auto listener = TcpListener::listen(*Address::parse(at));
  if (!listener) {
    co_return std::unexpected(listener.error());
  }
  auto serving = vigil::serve(*listener, {}, answer);
  co_return co_await std::move(serving);
}

// Asks for a while; whatever goes wrong, it asks again.
Task<> ask_often(std::string to, int rounds) {
  for (int round = 0; round != rounds; ++round) {
    auto connecting = TcpStream::connect(*Address::parse(to));
    auto peer = co_await std::move(connecting);
    if (peer && co_await peer->send(as_bytes("a question of some length"))) {
      static_cast<void>(co_await peer->receive());
    }
    co_await sleep_for(milliseconds(10));
  }
}

void talk(World& world) {
  const Host server = world.host("server");
  server.start_always("server", serve_answers, server.address(7000));
  const Program client = world.host("client").start("client", ask_often, server.address(7000), 100);
  world.run_until([&] { return !client.running(); }, minutes(10));
}

bool struck(const World& world, Fault fault, HostId host) {
  const auto& all = world.struck();
  return std::any_of(all.begin(), all.end(), [fault, host](const Strike& strike) {
    return strike.fault == fault && strike.host == host;
  });
}

// Wrong where the server got a short read and a segment to the client came late.
void talk_and_fail(World& world) {
  talk(world);
  if (struck(world, Fault::short_read, 0) && struck(world, Fault::delayed_segment, 1)) {
    world.fail("the answer was 42");
  }
}

ExploreOptions in_ordinary_weather() {
  ExploreOptions options;
  options.world.faults = Faults::ordinary();
  options.replay_command = "./it --seed % --faults storm.toml";
  return options;
}

TEST(Explore, leaves_a_failing_seed_with_the_faults_that_it_takes) {
  const Explored explored = explore(talk_and_fail, in_ordinary_weather());
  ASSERT_EQ(explored.failed.size(), 1U);
  const FailedSeed& failed = explored.failed[0];
  EXPECT_EQ(failed.seed, explored.seeds);
  EXPECT_TRUE(failed.same_again && failed.minimal);
  ASSERT_EQ(failed.faults.size(), 2U) << failed.report;
  EXPECT_TRUE(std::any_of(failed.faults.begin(), failed.faults.end(), [](const Strike& strike) {
    return strike.fault == Fault::short_read && strike.host == 0;
  }));
  const std::string again = "  again: ./it --seed " + std::to_string(failed.seed) + " --faults";
  for (const std::string& part :
       {again, std::string("the answer was 42"), std::string(", server: short_read (draw "),
        std::string(", client: delayed_segment (draw "),
        std::string("    program client: ended")}) {
    EXPECT_NE(failed.report.find(part), std::string::npos) << part << " is not in\n"
                                                           << failed.report;
  }
}

TEST(Explore, the_faults_that_are_left_make_it_fail_and_one_less_does_not) {
  const FailedSeed failed = explore(talk_and_fail, in_ordinary_weather()).failed.at(0);
  for (std::size_t less = 0; less <= failed.faults.size(); ++less) {
    WorldOptions options = in_ordinary_weather().world;
    options.only = failed.faults;
    if (less != 0) {
      options.only->erase(options.only->begin() + static_cast<std::ptrdiff_t>(less - 1));
    }
    World world(failed.seed, options);
    talk_and_fail(world);
    EXPECT_EQ(world.failure().has_value(), less == 0);
  }
}

TEST(Explore, says_that_no_fault_is_needed) {
  const Explored explored = explore(
      [](World& world) {
        talk(world);
        world.fail("always");
      },
      in_ordinary_weather());
  ASSERT_EQ(explored.failed.size(), 1U);
  EXPECT_EQ(explored.seeds, 1U);
  EXPECT_TRUE(explored.failed[0].faults.empty() && explored.failed[0].minimal);
  EXPECT_NE(explored.failed[0].report.find("it takes no fault"), std::string::npos);
}

TEST(Explore, says_that_something_escapes_when_a_seed_runs_differently_again) {
  static int calls = 0;
  calls = 0;
  const Explored explored = explore([](World& world) {
    world.host("a").start(
        "sleeper", [](Nanos span) -> Task<> { co_await sleep_for(span); }, Nanos(seconds(++calls)));
    world.run_for(minutes(1));
    world.fail("always");
  });
  ASSERT_EQ(explored.failed.size(), 1U);
  EXPECT_FALSE(explored.failed[0].same_again);
  EXPECT_NE(explored.failed[0].report.find("something is not simulated"), std::string::npos);
}

TEST(Explore, goes_on_behind_a_failure_and_ends_where_it_is_told) {
  ExploreOptions options;
  options.shrink_at_most = Nanos(0);
  options.first_seed = 10;
  options.after_each = [](std::uint64_t seed, World&) { return seed != 14; };
  const Explored explored = explore(
      [](World& world) {
        world.run_for(seconds(2));
        if (world.seed() % 2 == 0) {
          world.fail("even");
        }
      },
      options);
  EXPECT_EQ(explored.seeds, 5U);
  EXPECT_EQ(explored.simulated, seconds(10));
  ASSERT_EQ(explored.failed.size(), 3U);
  EXPECT_EQ(explored.failed[1].seed, 12U);
}

TEST(ExploreDeathTest, a_check_that_fails_names_the_seed_and_ends_with_1) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  ExploreOptions options = in_ordinary_weather();
  options.first_seed = 77;
  EXPECT_EXIT(explore(
                  [](World& world) {
                    world.host("a").start("wrong", [] -> Task<> {
                      co_await sleep_for(seconds(3));
                      check(false, "this was used wrongly");
                    });
                    world.run_for(seconds(5));
                  },
                  options),
              ::testing::ExitedWithCode(1),
              "this was used wrongly\nseed 77, at 3\\.00.*\nagain: ./it --seed 77 --faults");
}

TEST(TracePage, holds_the_run_and_lets_nothing_of_it_out_of_its_data) {
  WorldOptions options;
  options.trace = true;
  World world(1, options);
  world.host("</script><b>").start("<i>", [] -> Task<> { co_await sleep_for(seconds(1)); });
  world.run_to_end(minutes(1));
  world.fail("a & b </script>");
  const std::string page = trace_page(world, "<title> & \"more\"");
  EXPECT_NE(page.find("&lt;title&gt; &amp; &quot;more&quot;"), std::string::npos);
  EXPECT_EQ(page.find("<b>"), std::string::npos);
  EXPECT_EQ(page.find("<i>\""), std::string::npos);
  EXPECT_NE(page.find("\\u003c/script\\u003e\\u003cb\\u003e"), std::string::npos);
  EXPECT_NE(world.trace().find(" </script><b> start "), std::string::npos) << world.trace();
}

}  // namespace
}  // namespace vigil::sim

// fs::replace and the power that goes: the old file or the new one, at whatever step, on every
// face.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "vigil/sim/world.hpp"
#include "vigil/vigil.hpp"

namespace vigil::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kOld(9'000, 'o');
const std::string kNew(20'000, 'n');

Task<Result<>> replace_it(bool* done) {
  auto replacing = fs::replace("/data/file", as_bytes(kNew));
  const Result<> replaced = co_await std::move(replacing);
  *done = replaced.has_value();
  co_return replaced;
}

class ReplacedFile : public ::testing::TestWithParam<Face> {};

// Cuts the power before each step of the world in turn, until the replacement outruns it.
TEST_P(ReplacedFile, is_whole_whenever_the_power_goes) {
  std::set<std::string> left;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    bool done = false;
    for (int steps = 0; !done; ++steps) {
      World world(seed, {.face = GetParam()});
      const Host host = world.host("disk");
      host.write_file("/data/file", kOld);
      host.start("writer", replace_it, &done);
      int taken = 0;
      static_cast<void>(world.run_until([&] { return done || taken++ == steps; }, minutes(1)));
      const bool had_succeeded = done;
      host.crash();
      const std::string content = host.read_file("/data/file").value_or("(none)");
      ASSERT_TRUE(content == kNew || (content == kOld && !had_succeeded))
          << "seed " << seed << ", step " << steps << ": " << content.size() << " bytes of "
          << content.substr(0, 1);
      left.insert(content);
      ASSERT_LT(steps, 1000);
    }
  }
  EXPECT_EQ(left, (std::set<std::string>{kOld, kNew})) << "no crash came in between";
}

// Errors and delays of the disk at any step, without a crash.
TEST_P(ReplacedFile, is_the_old_one_after_an_error_and_nothing_is_left_beside_it) {
  int failed = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    WorldOptions options{.face = GetParam()};
    options.faults[Fault::disk_full].rate = 150'000;
    options.faults[Fault::disk_error].rate = 50'000;
    options.faults[Fault::disk_slow].rate = 200'000;
    options.faults[Fault::disk_slow].longest = seconds(2);
    World world(seed, options);
    const Host host = world.host("disk");
    host.write_file("/data/file", kOld);
    bool done = false;
    host.start("writer", replace_it, &done);
    EXPECT_TRUE(world.run_to_end(minutes(1)));
    ASSERT_FALSE(world.failure()) << "seed " << seed << ": " << world.failure()->what;
    const std::string content = host.read_file("/data/file").value_or("(none)");
    // An error of the directory's sync comes after the new file is in its place.
    ASSERT_TRUE(content == kNew || (content == kOld && !done)) << "seed " << seed;
    failed += done ? 0 : 1;
  }
  EXPECT_GT(failed, 20);
  EXPECT_LT(failed, 180);
}

// As a deadline does, at every moment of a slow disk.
TEST_P(ReplacedFile, that_is_cancelled_leaves_no_other_name) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    WorldOptions options{.face = GetParam()};
    options.faults[Fault::disk_slow].rate = 1'000'000;
    options.faults[Fault::disk_slow].longest = milliseconds(20);
    World world(seed, options);
    const Host host = world.host("disk");
    host.write_file("/data/file", kOld);
    std::string names;
    const Program program = host.start(
        "writer",
        [](std::uint64_t patience, std::string* seen) -> Task<int> {
          bool done = false;
          auto replacing = replace_it(&done);
          auto limited = timeout(milliseconds(patience), std::move(replacing));
          const Result<> outcome = co_await std::move(limited);
          auto opening = fs::Directory::open("/data");
          auto data = co_await std::move(opening);
          if (!data) {
            co_return 1;
          }
          auto beginning = fs::Walk::begin(*data);
          auto walk = co_await std::move(beginning);
          if (!walk) {
            co_return 2;
          }
          auto walking = walk->next();
          for (auto next = co_await std::move(walking); next && *next != nullptr;) {
            *seen += (*next)->name;
            auto going_on = walk->next();
            next = co_await std::move(going_on);
          }
          co_return outcome || outcome.error() == std::errc::timed_out ? 0 : 3;
        },
        seed, &names);
    EXPECT_TRUE(world.run_to_end(minutes(1)));
    EXPECT_EQ(program.status(), 0) << "seed " << seed;
    EXPECT_EQ(names, "file") << "seed " << seed;
    const std::string content = host.read_file("/data/file").value_or("(none)");
    EXPECT_TRUE(content == kOld || content == kNew) << "seed " << seed;
  }
}

std::string face_name(const ::testing::TestParamInfo<Face>& face) {
  return std::array{"readiness", "level", "completion"}[static_cast<std::size_t>(face.param)];
}

INSTANTIATE_TEST_SUITE_P(On, ReplacedFile,
                         ::testing::Values(Face::readiness, Face::level, Face::completion),
                         face_name);

}  // namespace
}  // namespace vigil::sim

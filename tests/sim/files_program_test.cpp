// vigil::fs on a simulated disk: the real operations, through real lanes, in weather and crashes.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "vigil/sim/world.hpp"
#include "vigil/vigil.hpp"

namespace vigil::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

std::string line(int number) { return "line " + std::to_string(number) + "\n"; }

std::string lines(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) {
    text += line(i);
  }
  return text;
}

// The number of whole lines from the beginning on; -1 if something else stands among them.
int count_lines(const std::string& text) {
  int count = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string next = line(count + 1);
    if (text.compare(at, next.size(), next) != 0) {
      return -1;
    }
    at += next.size();
    ++count;
  }
  return count;
}

// Appends lines, each synced, to what is there; begins with the file's name on the disk.
Task<Result<>> append_lines(int until, int* synced) {
  auto opening = fs::File::open("/log", {.write = true, .create = true});
  auto log = co_await std::move(opening);
  if (!log) {
    co_return std::unexpected(log.error());
  }
  auto opening_root = fs::File::open("/");
  auto root = co_await std::move(opening_root);
  if (!root) {
    co_return std::unexpected(root.error());
  }
  if (const auto named = co_await root->sync(); !named) {
    co_return named;
  }
  std::string text(1 << 16, ' ');
  const auto got = co_await log->read_at(std::as_writable_bytes(std::span(text)), 0);
  if (!got) {
    co_return std::unexpected(got.error());
  }
  text.resize(*got);
  const std::size_t whole = text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1;
  const int known = count_lines(text.substr(0, whole));
  if (known < *synced) {
    this_world()->fail("a line that was synced is gone");
  }
  // What a crash tore off at the end is written over.
  std::uint64_t end = whole;
  for (int i = known + 1; i <= until; ++i) {
    const std::string next = line(i);
    if (const auto written = co_await log->write_at(as_bytes(next), end); !written) {
      co_return written;
    }
    end += next.size();
    if (const auto done = co_await log->sync(); !done) {
      co_return done;
    }
    *synced = i;
    static_cast<void>(co_await sleep_for(milliseconds(50)));
  }
  co_return Result<>{};
}

class FilesOfAProgram : public ::testing::TestWithParam<Face> {};

TEST_P(FilesOfAProgram, that_syncs_them_survive_every_crash) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    WorldOptions options{.face = GetParam()};
    options.faults[Fault::crash].rate = 300'000;
    options.faults[Fault::crash].longest = std::chrono::seconds(1);
    options.faults[Fault::disk_slow].rate = 100'000;
    options.faults[Fault::disk_slow].longest = milliseconds(100);
    World world(seed, options);
    const Host host = world.host("disk");
    int synced = 0;
    host.start_always("writer", append_lines, 200, &synced);
    EXPECT_TRUE(world.run_until([&] { return synced == 200; }, hours(1)));
    ASSERT_FALSE(world.failure()) << "seed " << seed << ": " << world.failure()->what;
    EXPECT_EQ(host.read_file("/log").value_or(""), lines(200)) << "seed " << seed;
  }
}

// What was created, seen by its watch and in its listing.
Task<int> watch_and_list(std::string* seen) {
  auto opening = fs::Directory::open("/data");
  auto directory = co_await std::move(opening);
  auto watch = fs::Watch::open();
  if (!directory || !watch || !watch->add(*directory, kEntryAdded | kEntryRemoved)) {
    co_return 1;
  }
  for (int i = 0; i != 3; ++i) {
    auto waiting = watch->next();
    const auto change = co_await std::move(waiting);
    if (!change) {
      co_return 2;
    }
    *seen += ((change->changes & kEntryAdded) != 0 ? "+" : "-") + change->name + " ";
  }
  auto listing = directory->list();
  auto list = co_await std::move(listing);
  if (!list) {
    co_return 3;
  }
  for (;;) {
    auto reading = list->next();
    const auto entries = co_await std::move(reading);
    if (!entries) {
      co_return 4;
    }
    if (entries->empty()) {
      break;
    }
    for (const fs::Entry& entry : *entries) {
      *seen += entry.name;
    }
  }
  auto leaving = directory->open_beneath("../secret");
  const auto outside = co_await std::move(leaving);
  co_return outside.has_value() ? 5 : 0;
}

TEST_P(FilesOfAProgram, are_watched_and_listed) {
  WorldOptions options{.face = GetParam()};
  World world(3, options);
  const Host host = world.host("disk");
  host.write_file("/data/first", "1");
  host.write_file("/secret", "x");
  std::string seen;
  const Program program = host.start("watcher", watch_and_list, &seen);
  world.run_for(minutes(1));
  host.write_file("/data/second", "2");
  world.run_for(minutes(1));
  host.remove_file("/data/first");
  host.write_file("/data/second", "again");
  EXPECT_TRUE(world.run_to_end(minutes(1)));
  EXPECT_EQ(program.status(), 0);
  EXPECT_EQ(seen, "+second -first +second second");
}

TEST_P(FilesOfAProgram, that_fail_say_why) {
  WorldOptions options{.face = GetParam()};
  options.faults[Fault::disk_full].rate = 1'000'000;
  World world(1, options);
  const Program program = world.host("disk").start("writer", [] -> Task<Result<>> {
    auto opening = fs::File::open("/new", {.write = true, .create = true});
    auto file = co_await std::move(opening);
    co_return file ? Result<>{} : std::unexpected(file.error());
  });
  EXPECT_TRUE(world.run_to_end(minutes(1)));
  EXPECT_EQ(program.output(), "writer: ended with an error: no space left on device.\n");
}

std::string face_name(const ::testing::TestParamInfo<Face>& face) {
  return std::array{"readiness", "level", "completion"}[static_cast<std::size_t>(face.param)];
}

INSTANTIATE_TEST_SUITE_P(Programs, FilesOfAProgram,
                         ::testing::Values(Face::readiness, Face::level, Face::completion),
                         face_name);

}  // namespace
}  // namespace vigil::sim

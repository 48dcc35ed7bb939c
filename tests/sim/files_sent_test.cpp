// Files sent from a disk that takes its time: nobody else waits for it, and what arrives is the
// file or visibly cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "kernel/file_system.hpp"
#include "vigil/sim/world.hpp"
#include "vigil/vigil.hpp"
#include "world/core.hpp"

namespace vigil::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kSize = 700'000;

std::string content() {
  std::string text(kSize, ' ');
  for (std::size_t i = 0; i != kSize; ++i) {
    text[i] = static_cast<char>('a' + i * 7 % 26);
  }
  return text;
}

FileSystem& files_of(const Host& host) { return WorldCore::state(host).kernel->files(); }

Task<> send_file_to(TcpStream* peer) {
  auto opening = fs::File::open("/data/large");
  auto file = co_await std::move(opening);
  if (file) {
    auto sending = peer->send_file(file->native_handle(), 0, kSize);
    static_cast<void>(co_await std::move(sending));
  }
}

// Who says "f" gets the file, others an echo.
Task<> answer(TcpStream peer) {
  for (;;) {
    auto bytes = co_await peer.receive();
    if (!bytes || bytes->empty()) {
      co_return;
    }
    if (as_text(bytes->bytes()) == "f") {
      auto sending = send_file_to(&peer);
      co_await std::move(sending);
      co_return;
    }
    if (!co_await peer.send(bytes->bytes())) {
      co_return;
    }
  }
}

Task<> accept_all(Scope& scope, TcpListener* from) {
  for (;;) {
    auto accepted = co_await from->accept();
    if (!accepted || !scope.spawn(&answer, std::move(*accepted))) {
      co_return;
    }
  }
}

Task<int> server() {
  const auto at = Address::parse("0.0.0.0:80");
  auto listener = TcpListener::listen(*at);
  if (!listener) {
    co_return 1;
  }
  auto serving = scoped(&accept_all, &*listener);
  co_await std::move(serving);
  co_return 0;
}

Task<int> download(std::string from, std::string* got) {
  auto connecting = TcpStream::connect(*Address::parse(from));
  auto stream = co_await std::move(connecting);
  if (!stream || !co_await stream->send(as_bytes("f"))) {
    co_return 1;
  }
  for (;;) {
    auto bytes = co_await stream->receive();
    if (!bytes || bytes->empty()) {
      co_return 0;
    }
    *got += as_text(bytes->bytes());
  }
}

struct Pings {
  int count = 0;
  Nanos longest{};
};

Task<int> ping(std::string from, Pings* pings) {
  auto connecting = TcpStream::connect(*Address::parse(from));
  auto stream = co_await std::move(connecting);
  if (!stream) {
    co_return 1;
  }
  for (; pings->count != 200; ++pings->count) {
    const Instant begun = Loop::current()->engine().now();
    if (!co_await stream->send(as_bytes("p"))) {
      co_return 2;
    }
    auto bytes = co_await stream->receive();
    if (!bytes || bytes->empty()) {
      co_return 3;
    }
    pings->longest = std::max(pings->longest, Loop::current()->engine().now() - begun);
    static_cast<void>(co_await sleep_for(milliseconds(20)));
  }
  co_return 0;
}

class FilesSent : public ::testing::TestWithParam<Face> {
 protected:
  static WorldOptions slow_disk() {
    WorldOptions options{.face = GetParam()};
    options.faults[Fault::disk_slow].rate = 1'000'000;
    options.faults[Fault::disk_slow].longest = seconds(2);
    return options;
  }
};

TEST_P(FilesSent, from_a_slow_disk_keep_nobody_else_waiting) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(seed, slow_disk());
    const Host disk = world.host("disk");
    disk.write_file("/data/large", content());
    files_of(disk).drop_caches();
    disk.start("server", server);
    world.run_for(milliseconds(10));
    std::string got;
    Pings pings;
    const Host clients = world.host("clients");
    const Program pinging = clients.start("ping", ping, disk.address(80), &pings);
    const Program loading = clients.start("download", download, disk.address(80), &got);
    EXPECT_TRUE(
        world.run_until([&] { return !pinging.running() && !loading.running(); }, minutes(2)));
    EXPECT_EQ(pinging.status(), 0);
    EXPECT_EQ(loading.status(), 0);
    EXPECT_TRUE(got == content()) << got.size();
    EXPECT_LT(pings.longest, milliseconds(10)) << "seed " << seed;
    EXPECT_EQ(files_of(disk).waits(), 0u) << "a loop's thread waited for the disk";
  }
}

// The pages leave again at every step while it is being sent, those just fetched too.
TEST_P(FilesSent, arrive_however_short_memory_is) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(seed, slow_disk());
    const Host disk = world.host("disk");
    disk.write_file("/data/large", content());
    disk.start("server", server);
    world.run_for(milliseconds(10));
    std::string got;
    const Program loading =
        world.host("clients").start("download", download, disk.address(80), &got);
    EXPECT_TRUE(world.run_until(
        [&] {
          files_of(disk).drop_caches();
          return !loading.running();
        },
        minutes(10)));
    EXPECT_TRUE(got == content()) << got.size();
  }
}

Task<int> cut_file(Nanos after) {
  static_cast<void>(co_await sleep_for(after));
  auto opening = fs::File::open("/data/large", {.write = true});
  auto file = co_await std::move(opening);
  if (!file) {
    co_return 1;
  }
  const Result<> cut = co_await file->truncate(1000);
  co_return cut ? 0 : 2;
}

Task<int> put_another(Nanos after, const std::string* text) {
  static_cast<void>(co_await sleep_for(after));
  auto replacing = fs::replace("/data/large", as_bytes(*text));
  const Result<> replaced = co_await std::move(replacing);
  co_return replaced ? 0 : 1;
}

TEST_P(FilesSent, that_are_truncated_meanwhile_end_early_and_are_never_filled_up) {
  int cut_short = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    World world(seed, {.face = GetParam()});
    const Host disk = world.host("disk");
    disk.write_file("/data/large", content());
    disk.start("server", server);
    world.run_for(milliseconds(10));
    std::string got;
    const Program loading =
        world.host("clients").start("download", download, disk.address(80), &got);
    const Program cutting = disk.start("cut", cut_file, Nanos(seed * 250'000));
    EXPECT_TRUE(
        world.run_until([&] { return !loading.running() && !cutting.running(); }, minutes(1)));
    EXPECT_TRUE(content().starts_with(got)) << "seed " << seed;
    cut_short += got.size() < kSize ? 1 : 0;
  }
  EXPECT_GT(cut_short, 5);
}

TEST_P(FilesSent, that_are_replaced_meanwhile_arrive_as_they_were) {
  const std::string other(kSize, '#');
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed, {.face = GetParam()});
    const Host disk = world.host("disk");
    disk.write_file("/data/large", content());
    disk.start("server", server);
    world.run_for(milliseconds(10));
    std::string got;
    const Program loading =
        world.host("clients").start("download", download, disk.address(80), &got);
    const Program putting = disk.start("put", put_another, Nanos(seed * 250'000), &other);
    EXPECT_TRUE(
        world.run_until([&] { return !loading.running() && !putting.running(); }, minutes(1)));
    EXPECT_TRUE(got == content() || got == other) << "seed " << seed << ": " << got.size();
    EXPECT_EQ(disk.read_file("/data/large").value_or(""), other);
  }
}

std::string face_name(const ::testing::TestParamInfo<Face>& face) {
  return std::array{"readiness", "level", "completion"}[static_cast<std::size_t>(face.param)];
}

INSTANTIATE_TEST_SUITE_P(On, FilesSent,
                         ::testing::Values(Face::readiness, Face::level, Face::completion),
                         face_name);

}  // namespace
}  // namespace vigil::sim

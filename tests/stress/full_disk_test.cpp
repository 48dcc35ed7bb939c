// A file system that fills up while it is written: an error, and nothing lost that was there. On a
// tmpfs of 256 KiB, which a process of the test's own sees alone.
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/not_run.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/fs/directory.hpp"
#include "vigil/fs/replace.hpp"

namespace vigil::test {
namespace {

class FullDisk : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(FullDisk);

constexpr int kAsItShould = 7;
constexpr int kNoMount = 8;
constexpr std::size_t kRoom = 256 * 1024;

// What is wrong, or nothing.
Task<> fills_up(std::string path, std::string* wrong) {
  const auto expect = [&](bool holds, const char* what) { *wrong += holds ? "" : what; };
  const std::string old(3'000, 'o');
  const std::string large(2 * kRoom, 'n');
  expect((co_await fs::replace(path + "/kept", as_bytes(old))).has_value(), "the first write; ");
  const auto replaced = co_await fs::replace(path + "/kept", as_bytes(large));
  expect(!replaced && replaced.error() == std::errc::no_space_on_device, "replace; ");

  auto filling = fs::File::open(path + "/filling", {.write = true, .create = true});
  auto file = co_await std::move(filling);
  expect(file.has_value(), "open, after a replacement that left nothing behind; ");
  const auto whole = co_await file->write_at(as_bytes(large), 0);
  expect(!whole && whole.error() == std::errc::no_space_on_device, "write; ");
  const auto reserved = co_await file->allocate(0, 2 * kRoom);
  expect(!reserved && reserved.error() == std::errc::no_space_on_device, "allocate; ");
  expect((co_await file->truncate(0)).has_value(), "truncate gives the room back; ");
  expect((co_await file->write_at(as_bytes(old), 0)).has_value(), "the write after it; ");
  expect((co_await file->close()).has_value(), "close; ");

  auto opening = fs::File::open(path + "/kept");
  auto kept = co_await std::move(opening);
  std::string room(large.size(), '\0');
  const auto read = co_await kept->read_at(std::as_writable_bytes(std::span(room)), 0);
  expect(read && room.substr(0, *read) == old, "what was there before; ");
}

int in_a_small_file_system(const std::string& engine, const std::string& place) {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=262144") != 0) {
    return kNoMount;
  }
  auto loop = Loop::create({.engine = engine});
  if (!loop) {
    return 1;
  }
  std::string wrong;
  run_to_end(**loop, &fills_up, place, &wrong);
  std::fputs(wrong.c_str(), stderr);
  return wrong.empty() ? kAsItShould : 1;
}

TEST_P(FullDisk, IsAnErrorAndWhatWasThereStays) {
  if (::geteuid() != 0) {
    VIGIL_NOT_RUN("only root can mount a small file system");
  }
  const TemporaryDirectory place;
  EXPECT_EXIT(
      {
        const int outcome = in_a_small_file_system(GetParam(), place.path());
        if (outcome == kNoMount) {
          std::puts("not run: mounting is not allowed here");
        }
        ::_exit(outcome == kNoMount ? kAsItShould : outcome);
      },
      testing::ExitedWithCode(kAsItShould), "");
}

}  // namespace
}  // namespace vigil::test

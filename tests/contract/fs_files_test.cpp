// Files through the lane: what is opened, read, written and looked at, and what stays behind.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/fs/directory.hpp"
#include "vigil/fs/names.hpp"

namespace vigil {
namespace {

constexpr int kFiles = 5000;

using test::TemporaryDirectory;

class FsFiles : public test::EngineTest {
 protected:
  TemporaryDirectory here_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsFiles);

TEST_P(FsFiles, AReadFillsTheRoomUnlessTheFileEnds) {
  here_.write("a", "0123456789");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto file = co_await fs::File::open(*here / "a");
        CO_ASSERT_OK(file);
        std::array<std::byte, 4> room;
        const auto four = co_await file->read_at(room, 3);
        CO_ASSERT_OK(four);
        EXPECT_EQ(as_text(ByteView(room).first(*four)), "3456");
        const auto two = co_await file->read_at(room, 8);
        CO_ASSERT_OK(two);
        EXPECT_EQ(as_text(ByteView(room).first(*two)), "89");
        const auto none = co_await file->read_at(room, 100);
        CO_ASSERT_OK(none);
        EXPECT_EQ(*none, 0u);
      },
      &here_);
}

TEST_P(FsFiles, StatusIsWhatTheSystemSays) {
  here_.write("a", "content");
  ::chmod((here_ / "a").c_str(), 0640);
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        struct stat seen;
        CO_ASSERT_TRUE(::stat((*here / "a").c_str(), &seen) == 0);
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        auto opened = co_await root->open_with_status("a");
        CO_ASSERT_OK(opened);
        auto again = co_await root->status_of("a");
        CO_ASSERT_OK(again);
        auto third = co_await opened->file.status();
        auto by_path = co_await fs::status_of(*here / "a");
        CO_ASSERT_OK(by_path);
        CO_ASSERT_OK(third);
        for (const fs::Status& status : {opened->status, *again, *third, *by_path}) {
          EXPECT_EQ(status.kind, fs::Kind::regular);
          EXPECT_EQ(status.size, 7u);
          EXPECT_EQ(status.mode, 0640u);
          EXPECT_EQ(status.inode, seen.st_ino);
          EXPECT_EQ(status.device, seen.st_dev);
          EXPECT_EQ(status.modified_ns, seen.st_mtim.tv_sec * 1'000'000'000 + seen.st_mtim.tv_nsec);
          EXPECT_EQ(status.changed_ns, seen.st_ctim.tv_sec * 1'000'000'000 + seen.st_ctim.tv_nsec);
        }
        auto itself = co_await root->status();
        CO_ASSERT_OK(itself);
        EXPECT_EQ(itself->kind, fs::Kind::directory);
      },
      &here_);
}

Task<> look_at(std::string path, std::uint64_t* size) {
  const auto status = co_await fs::status_of(std::move(path));
  *size = status ? status->size : 0;
}

// More at once than an engine that looks by itself has room for.
TEST_P(FsFiles, ManyAreLookedAtAtOnceAndNoneIsTakenForAnother) {
  constexpr std::size_t kAtOnce = 150;
  for (std::size_t i = 0; i < kAtOnce; ++i) {
    here_.write(std::to_string(i), std::string(i + 1, 'x'));
  }
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        std::array<std::uint64_t, kAtOnce> sizes{};
        for (int round = 0; round < 3; ++round) {
          sizes = {};
          auto all = scoped(
              [](Scope& scope, const TemporaryDirectory* in, std::uint64_t* out) -> Task<> {
                for (std::size_t i = 0; i < kAtOnce; ++i) {
                  CO_ASSERT_OK(scope.spawn(&look_at, *in / std::to_string(i), out + i));
                }
              },
              here, sizes.data());
          co_await std::move(all);
          for (std::size_t i = 0; i < kAtOnce; ++i) {
            EXPECT_EQ(sizes[i], i + 1);
          }
        }
        const auto gone = co_await fs::status_of(*here / "nowhere");
        EXPECT_EQ(gone.error(), std::errc::no_such_file_or_directory);
      },
      &here_);
}

// The lane has threads; the ring needs none, where the kernel has the operation.
TEST_P(FsFiles, ARingLooksAtFilesWithoutTheLane) {
  here_.write("a", "content");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto file = co_await fs::File::open(*here / "a");
        CO_ASSERT_OK(file);
        const std::uint64_t before = Loop::current()->file_lane().figures().started;
        CO_ASSERT_OK(co_await file->status());
        CO_ASSERT_OK(co_await fs::status_of(*here / "a"));
        const std::uint64_t asked = Loop::current()->file_lane().figures().started - before;
        EXPECT_EQ(asked, Loop::current()->engine().traits().name == "uring" ? 0u : 2u);
      },
      &here_);
}

TEST_P(FsFiles, WritesGoWhereTheyWereTold) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        auto file = co_await root->open_beneath("new", {.write = true, .create = true});
        CO_ASSERT_OK(file);
        CO_ASSERT_OK(co_await file->write_at(as_bytes("world"), 5));
        CO_ASSERT_OK(co_await file->write_at(as_bytes("hello"), 0));
        CO_ASSERT_OK(co_await file->sync(true));
        CO_ASSERT_OK(co_await file->close());
        EXPECT_FALSE(file->is_open());
        auto log = co_await root->open_beneath("new", {.read = false, .append = true});
        CO_ASSERT_OK(log);
        CO_ASSERT_OK(co_await log->append(as_bytes("\n")));
        auto taken =
            co_await root->open_beneath("new", {.write = true, .create = true, .exclusive = true});
        EXPECT_FALSE(taken);
        EXPECT_EQ(taken.error(), std::errc::file_exists);
      },
      &here_);
  EXPECT_EQ(here_.read("new"), "helloworld\n");
}

TEST_P(FsFiles, AnErrorIsTheSystems) {
  here_.write("a", "");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto missing = co_await fs::File::open(*here / "missing");
        EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
        auto root = co_await fs::Directory::open(*here / "a");
        EXPECT_EQ(root.error(), std::errc::not_a_directory);
        auto zero = co_await fs::File::open(std::string("a\0b", 3));
        EXPECT_EQ(zero.error(), std::errc::invalid_argument);
      },
      &here_);
}

// In the lane and natively, in one piece and in several. (The simulation has disks that fill up.)
TEST_P(FsFiles, AFullDiskIsAnError) {
  run([]() -> Task<> {
    auto file = co_await fs::File::open("/dev/full", {.write = true});
    CO_ASSERT_OK(file);
    EXPECT_EQ((co_await file->write_at(as_bytes("one"), 0)).error(), std::errc::no_space_on_device);
    std::array<ByteView, 2> parts{as_bytes("one"), as_bytes("two")};
    EXPECT_EQ((co_await file->write_at(std::span<ByteView>(parts), 0)).error(),
              std::errc::no_space_on_device);
    CO_ASSERT_OK(co_await file->close());
  });
}

TEST_P(FsFiles, OpeningAFifoDoesNotHoldAThread) {
  ASSERT_EQ(::mkfifo((here_ / "fifo").c_str(), 0600), 0);
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        auto opened = co_await root->open_with_status("fifo");
        CO_ASSERT_OK(opened);
        EXPECT_EQ(opened->status.kind, fs::Kind::fifo);
      },
      &here_);
}

TEST_P(FsFiles, AListingHasEachNameOnceInBoundedMemory) {
  for (int i = 0; i < kFiles; ++i) {
    here_.write("file-" + std::to_string(i), "");
  }
  here_.directory("sub");
  here_.link("link", "nowhere");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        auto listing = co_await root->list();
        CO_ASSERT_OK(listing);
        std::vector<bool> seen(kFiles);
        std::size_t batches = 0;
        int others = 0;
        for (;;) {
          auto batch = co_await listing->next();
          CO_ASSERT_OK(batch);
          if (batch->empty()) {
            break;
          }
          ++batches;
          EXPECT_LE(batch->size(), 2048u);
          for (const fs::Entry& entry : *batch) {
            if (entry.name.starts_with("file-")) {
              const auto number = std::stoul(std::string(entry.name.substr(5)));
              CO_ASSERT_TRUE(number < kFiles && !seen[number]);
              EXPECT_EQ(entry.kind, fs::Kind::regular);
              seen[number] = true;
            } else {
              ++others;
              EXPECT_EQ(entry.kind, entry.name == "sub" ? fs::Kind::directory : fs::Kind::symlink)
                  << entry.name;
            }
          }
        }
        EXPECT_GT(batches, 1u);
        EXPECT_EQ(others, 2);
        EXPECT_EQ(std::count(seen.begin(), seen.end(), true), kFiles);
      },
      &here_);
}

TEST_P(FsFiles, ClosingUnderAReadStopsTheProgramWithASentence) {
  here_.write("a", "0123456789");
  const auto close_under_read = [](const TemporaryDirectory* here) -> Task<> {
    auto opened = co_await fs::File::open(*here / "a");
    CO_ASSERT_OK(opened);
    const auto reader = [](fs::File* file) -> Task<> {
      std::array<std::byte, 4> room;
      static_cast<void>(co_await file->read_at(room, 0));
    };
    auto both = scoped(
        [](Scope& scope, fs::File* file, auto body) -> Task<> {
          CO_ASSERT_OK(scope.spawn(body, file));
          *file = fs::File();
        },
        &*opened, reader);
    co_await std::move(both);
  };
  EXPECT_DEATH(run(close_under_read, &here_), "closed while a task reads or writes it");
}

}  // namespace
}  // namespace vigil

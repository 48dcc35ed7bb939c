// Names made, removed and moved: what a program asks for, and what beneath a directory it cannot.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/fs/directory.hpp"
#include "vigil/fs/names.hpp"

namespace vigil {
namespace {

using test::TemporaryDirectory;

bool there(const std::string& path) {
  struct stat seen;
  return ::lstat(path.c_str(), &seen) == 0;
}

class FsNames : public test::EngineTest {
 protected:
  TemporaryDirectory here_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsNames);

TEST_P(FsNames, AreMadeMovedAndRemoved) {
  here_.write("a", "content");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        const std::string sub = *here / "sub";
        CO_ASSERT_OK(co_await fs::make_directory(sub));
        const auto again = co_await fs::make_directory(sub);
        EXPECT_EQ(again.error(), std::errc::file_exists);
        CO_ASSERT_OK(co_await fs::rename(*here / "a", sub + "/b"));
        const auto full = co_await fs::remove_directory(sub);
        EXPECT_EQ(full.error(), std::errc::directory_not_empty);
        const auto directory = co_await fs::unlink(sub);
        EXPECT_EQ(directory.error(), std::errc::is_a_directory);
        const auto seen = co_await fs::status_of(sub + "/b");
        CO_ASSERT_OK(seen);
        EXPECT_EQ(seen->size, 7u);
        CO_ASSERT_OK(co_await fs::unlink(sub + "/b"));
        CO_ASSERT_OK(co_await fs::remove_directory(sub));
        const auto gone = co_await fs::status_of(sub);
        EXPECT_EQ(gone.error(), std::errc::no_such_file_or_directory);
      },
      &here_);
  EXPECT_FALSE(there(here_ / "a"));
  EXPECT_FALSE(there(here_ / "sub"));
}

TEST_P(FsNames, ARenameReplacesUnlessItIsToKeep) {
  here_.write("a", "new");
  here_.write("b", "old");
  here_.write("c", "other");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        const auto kept = co_await fs::rename(*here / "a", *here / "b", true);
        EXPECT_EQ(kept.error(), std::errc::file_exists);
        CO_ASSERT_OK(co_await fs::rename(*here / "a", *here / "b"));
        CO_ASSERT_OK(co_await fs::rename(*here / "c", *here / "d", true));
      },
      &here_);
  EXPECT_EQ(here_.read("b"), "new");
  EXPECT_EQ(here_.read("d"), "other");
}

TEST_P(FsNames, DirectoriesOnTheWayAreMade) {
  here_.write("file", "");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        CO_ASSERT_OK(co_await fs::make_directories(*here / "a/b//c/"));
        CO_ASSERT_OK(co_await fs::make_directories(*here / "a/b/d"));
        const auto through = co_await fs::make_directories(*here / "file/x");
        EXPECT_EQ(through.error(), std::errc::not_a_directory);
      },
      &here_);
  EXPECT_TRUE(there(here_ / "a/b/c"));
  EXPECT_TRUE(there(here_ / "a/b/d"));
}

// The last name is never followed; those before it stay beneath the directory.
TEST_P(FsNames, BeneathADirectoryNoneLeavesIt) {
  here_.write("secret", "outside");
  here_.directory("root/sub");
  here_.directory("outside");
  here_.write("root/file", "inside");
  here_.link("root/out", "../outside");
  here_.link("root/in", "sub");
  here_.link("root/link", "../secret");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(*here / "root");
        CO_ASSERT_OK(root);
        const auto out = std::errc::cross_device_link;
        for (const char* path : {"../secret", "sub/../../secret", "/etc/passwd", "out/x"}) {
          const std::string at = path;
          const auto unlinked = co_await root->unlink(at);
          EXPECT_EQ(unlinked.error(), out) << at;
          const auto made = co_await root->make_directory(at);
          EXPECT_EQ(made.error(), out) << at;
          const auto from = co_await root->rename(at, "taken");
          EXPECT_EQ(from.error(), out) << at;
          const auto to = co_await root->rename("file", at);
          EXPECT_EQ(to.error(), out) << at;
        }
        for (const char* path : {".", "..", "sub/..", ""}) {
          const std::string at = path;
          EXPECT_FALSE(co_await root->unlink(at)) << at;
          EXPECT_FALSE(co_await root->remove_directory(at)) << at;
          EXPECT_FALSE(co_await root->make_directory(at)) << at;
          EXPECT_FALSE(co_await root->rename("file", at)) << at;
        }
        CO_ASSERT_OK(co_await root->make_directory("in/new", 0750));
        CO_ASSERT_OK(co_await root->rename("file", "in/file"));
        CO_ASSERT_OK(co_await root->unlink("link"));
        CO_ASSERT_OK(co_await root->sync());
      },
      &here_);
  EXPECT_EQ(here_.read("secret"), "outside");
  EXPECT_EQ(here_.read("root/sub/file"), "inside");
  EXPECT_TRUE(there(here_ / "root/sub/new"));
  EXPECT_FALSE(there(here_ / "root/link"));
  EXPECT_TRUE(there(here_ / "root/out"));
}

TEST_P(FsNames, AZeroByteIsNoName) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        const std::string zero("a\0b", 3);
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        const auto made = co_await root->make_directory(zero);
        EXPECT_EQ(made.error(), std::errc::invalid_argument);
        const auto moved = co_await root->rename("a", zero);
        EXPECT_EQ(moved.error(), std::errc::invalid_argument);
        const auto looked = co_await fs::status_of(zero);
        EXPECT_EQ(looked.error(), std::errc::invalid_argument);
      },
      &here_);
}

}  // namespace
}  // namespace vigil

// Walking a tree, and a directory of a hundred thousand entries: all of it, once, in bounded
// memory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/fs/walk.hpp"

namespace vigil {
namespace {

using test::TemporaryDirectory;

class FsWalk : public test::EngineTest {
 protected:
  TemporaryDirectory here_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsWalk);

TEST_P(FsWalk, ComesToEachEntryOnceADirectoryBeforeWhatIsInIt) {
  here_.directory("a/b/c");
  here_.directory("empty");
  here_.write("a/b/c/deep", "12345");
  here_.write("a/one", "1");
  here_.write("top", "");
  here_.link("a/link", "b");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        auto walk = co_await fs::Walk::begin(*root, {.status = true});
        CO_ASSERT_OK(walk);
        std::map<std::string, fs::Kind> seen;
        for (;;) {
          const auto next = co_await walk->next();
          CO_ASSERT_OK(next);
          if (*next == nullptr) {
            break;
          }
          const fs::Walked& at = **next;
          const std::string path(at.path);
          EXPECT_TRUE(seen.emplace(path, at.kind).second) << path << " came twice";
          const std::size_t slash = path.rfind('/');
          EXPECT_EQ(at.name, path.substr(slash == path.npos ? 0 : slash + 1));
          EXPECT_TRUE(slash == path.npos || seen.contains(path.substr(0, slash))) << path;
          EXPECT_EQ(at.depth, static_cast<std::size_t>(std::ranges::count(path, '/')));
          CO_ASSERT_TRUE(at.status != nullptr);
          EXPECT_EQ(at.status->kind, at.kind);
          EXPECT_EQ(at.status->inode, at.inode);
          if (at.name == "deep") {
            EXPECT_EQ(at.status->size, 5u);
          }
        }
        const auto end = co_await walk->next();
        CO_ASSERT_OK(end);
        EXPECT_EQ(*end, nullptr);
        using enum fs::Kind;
        EXPECT_EQ(seen, (std::map<std::string, fs::Kind>{{"a", directory},
                                                         {"a/b", directory},
                                                         {"a/b/c", directory},
                                                         {"a/b/c/deep", regular},
                                                         {"a/link", symlink},
                                                         {"a/one", regular},
                                                         {"empty", directory},
                                                         {"top", regular}}));
      },
      &here_);
}

TEST_P(FsWalk, LeavesOutWhatIsSkippedAndSaysWhereItIsTooDeep) {
  here_.directory("a/b/c/d");
  here_.directory("skipped/x");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        auto walk = co_await fs::Walk::begin(*root, {.depth = 3});
        CO_ASSERT_OK(walk);
        std::set<std::string> seen;
        std::vector<std::string> failed;
        for (;;) {
          const auto next = co_await walk->next();
          if (!next) {
            EXPECT_EQ(next.error(), std::errc::filename_too_long);
            failed.emplace_back(walk->failed());
            continue;
          }
          if (*next == nullptr) {
            break;
          }
          seen.emplace((*next)->path);
          if ((*next)->name == "skipped") {
            walk->skip();
          }
        }
        EXPECT_EQ(seen, (std::set<std::string>{"a", "a/b", "a/b/c", "skipped"}));
        EXPECT_EQ(failed, std::vector<std::string>{"a/b/c"});
      },
      &here_);
}

TEST_P(FsWalk, GoesOnBehindADirectoryThatCannotBeRead) {
  here_.directory("gone/x");
  here_.write("z", "");
  here_.write("a", "");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        auto walk = co_await fs::Walk::begin(*root);
        CO_ASSERT_OK(walk);
        std::size_t seen = 0;
        std::size_t errors = 0;
        for (;;) {
          const auto next = co_await walk->next();
          if (!next) {
            EXPECT_EQ(next.error(), std::errc::no_such_file_or_directory);
            EXPECT_EQ(walk->failed(), "gone");
            ++errors;
            continue;
          }
          if (*next == nullptr) {
            break;
          }
          ++seen;
          if ((*next)->name == "gone") {
            std::filesystem::remove_all(*here / "gone");
          }
        }
        EXPECT_EQ(seen, 3u);
        EXPECT_EQ(errors, 1u);
      },
      &here_);
}

// Made once, for all engines.
class FsHugeDirectory : public test::EngineTest {
 protected:
  static constexpr int kEntries = 30'000;
  static void SetUpTestSuite() {
    here_ = std::make_unique<TemporaryDirectory>();
    const int root = ::open(here_->path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i != kEntries; ++i) {
      const int file =
          ::openat(root, std::to_string(i).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      ASSERT_GE(file, 0);
      ::close(file);
    }
    ::close(root);
  }
  static void TearDownTestSuite() { here_.reset(); }

  static inline std::unique_ptr<TemporaryDirectory> here_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsHugeDirectory);

Task<> count_turns(const bool* over, std::uint64_t* turns) {
  while (!*over) {
    co_await yield();
    ++*turns;
  }
}

Task<> list_all(const TemporaryDirectory* here, std::vector<bool>* seen, bool* over) {
  auto root = co_await fs::Directory::open(here->path());
  CO_ASSERT_OK(root);
  auto listing = co_await root->list(true);
  CO_ASSERT_OK(listing);
  for (;;) {
    auto batch = co_await listing->next();
    CO_ASSERT_OK(batch);
    if (batch->empty()) {
      break;
    }
    EXPECT_LE(batch->size(), 2048u);
    for (const fs::Entry& entry : *batch) {
      const auto number = std::stoul(std::string(entry.name));
      CO_ASSERT_TRUE(number < seen->size() && !(*seen)[number]);
      (*seen)[number] = true;
      CO_ASSERT_TRUE(entry.status != nullptr && entry.status->kind == fs::Kind::regular);
    }
  }
  *over = true;
}

TEST_P(FsHugeDirectory, IsListedWithItsStatusWhileOthersHaveTheirTurns) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        std::vector<bool> seen(kEntries);
        std::uint64_t turns = 0;
        bool over = false;
        auto both = scoped(
            [](Scope& scope, const TemporaryDirectory* at, std::vector<bool>* all, bool* done,
               std::uint64_t* count) -> Task<> {
              CO_ASSERT_OK(scope.spawn(count_turns, done, count));
              co_await list_all(at, all, done);
            },
            here, &seen, &over, &turns);
        co_await std::move(both);
        EXPECT_EQ(std::count(seen.begin(), seen.end(), true), kEntries);
        // A trip to the lane takes a few hundred: others had a turn during each.
        EXPECT_GT(turns, 100u);
      },
      here_.get());
}

}  // namespace
}  // namespace vigil

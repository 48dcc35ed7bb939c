// File changes: each is told, and when some were lost that is told too.
#include <gtest/gtest.h>
#include <cerrno>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/fs/watch.hpp"

namespace vigil {
namespace {

using test::TemporaryDirectory;
using namespace std::chrono_literals;

class FsWatch : public test::EngineTest {
 protected:
  TemporaryDirectory here_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsWatch);

// Waits for changes until those of `wanted` have come for `watch`.
Task<std::uint32_t> until_seen(fs::Watch* watch, int number, std::uint32_t wanted,
                               std::string* names) {
  std::uint32_t seen = 0;
  while ((seen & wanted) != wanted) {
    auto change = co_await watch->next();
    if (!change) {
      ADD_FAILURE() << change.error().message();
      co_return seen;
    }
    if (change->watch == number) {
      seen |= change->changes;
      *names += change->name + ";";
    }
  }
  co_return seen;
}

TEST_P(FsWatch, TellsWhatHappensInADirectoryWhileItWaits) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto opened = fs::Watch::open();
        CO_ASSERT_OK(opened);
        auto root = co_await fs::Directory::open(here->path());
        CO_ASSERT_OK(root);
        auto number = opened->add(*root);
        CO_ASSERT_OK(number);
        auto all = scoped(
            [](Scope& scope, fs::Watch* watch, int at, const TemporaryDirectory* where) -> Task<> {
              const auto change_it = [](const TemporaryDirectory* place) -> Task<> {
                auto file =
                    co_await fs::File::open(*place / "new", {.write = true, .create = true});
                CO_ASSERT_OK(file);
                CO_ASSERT_OK(co_await file->write_at(as_bytes("x"), 0));
                CO_ASSERT_OK(co_await file->close());
                std::filesystem::remove(*place / "new");
              };
              CO_ASSERT_OK(scope.spawn(change_it, where));
              std::string names;
              auto seeing = until_seen(
                  watch, at, kEntryAdded | kContentChanged | kWriteClosed | kEntryRemoved, &names);
              co_await std::move(seeing);
              EXPECT_EQ(names, "new;new;new;new;");
            },
            &*opened, *number, here);
        co_await std::move(all);
      },
      &here_);
}

TEST_P(FsWatch, SaysWhenAWatchHasEndedByItself) {
  here_.write("a", "");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto watch = fs::Watch::open();
        CO_ASSERT_OK(watch);
        CO_ASSERT_OK(watch->add(*here / "a"));
        std::filesystem::remove(*here / "a");
        for (bool gone = false; !gone;) {
          auto change = co_await watch->next();
          CO_ASSERT_OK(change);
          gone = change->gone;
        }
      },
      &here_);
}

TEST_P(FsWatch, AnErrorIsTheSystems) {
  run([]() -> Task<> {
    auto watch = fs::Watch::open();
    CO_ASSERT_OK(watch);
    auto missing = watch->add("/nowhere/at/all");
    EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
    co_return;
  });
}

TEST_P(FsWatch, SaysWhichLimitWasReached) {
  const std::error_code watches = fs::WatchError::too_many_watches;
  EXPECT_EQ(watches, std::errc::no_space_on_device);
  EXPECT_NE(watches.message().find("fs.inotify.max_user_watches"), std::string::npos);
  // The queue limit is really reached: a user may have 128 of them (the test stops at 5,000).
  run([]() -> Task<> {
    std::vector<fs::Watch> watches_open;
    for (int i = 0; i < 5000; ++i) {
      auto watch = fs::Watch::open();
      if (!watch) {
        const bool queues = watch.error() == fs::WatchError::too_many_queues;
        EXPECT_TRUE(queues || watch.error() == std::error_code(EMFILE, std::generic_category()))
            << watch.error().message();
        EXPECT_EQ(watch.error(), std::errc::too_many_files_open);
        co_return;
      }
      watches_open.push_back(std::move(*watch));
    }
  });
}

TEST_P(FsWatch, AnOverflowIsTold) {
  here_.write("a", "");
  here_.write("b", "");
  std::size_t room = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> room;
  if (room == 0 || room > 100'000) {
    GTEST_SKIP() << "not run: fs.inotify.max_queued_events is " << room;
  }
  run(
      [](const TemporaryDirectory* here, std::size_t most) -> Task<> {
        auto watch = fs::Watch::open();
        CO_ASSERT_OK(watch);
        CO_ASSERT_OK(watch->add(here->path(), kAttributesChanged));
        for (std::size_t i = 0; i < most + 10; ++i) {
          std::filesystem::permissions(*here / (i % 2 == 0 ? "a" : "b"),
                                       std::filesystem::perms(0600 + i % 8));
        }
        std::size_t told = 0;
        for (;;) {
          auto change = co_await watch->next();
          CO_ASSERT_OK(change);
          if ((change->changes & kChangesMissed) != 0) {
            EXPECT_EQ(change->watch, fs::Change::kEverything);
            break;
          }
          ++told;
        }
        EXPECT_EQ(told, most);
      },
      &here_, room);
}

TEST_P(FsWatch, CancelLosesNoChange) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto watch = fs::Watch::open();
        CO_ASSERT_OK(watch);
        auto number = watch->add(here->path());
        CO_ASSERT_OK(number);
        auto waiting = watch->next();
        auto limited = timeout(1ms, std::move(waiting));
        auto nothing = co_await std::move(limited);
        EXPECT_EQ(nothing.error(), std::errc::timed_out);
        here->write("late", "");
        auto change = co_await watch->next();
        CO_ASSERT_OK(change);
        EXPECT_EQ(change->name, "late");
      },
      &here_);
}

}  // namespace
}  // namespace vigil

// replace: the old file or the new one, and nothing else left behind. What a crash leaves is asked
// in the simulation (tests/sim/files_replace_test.cpp).
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/fs/names.hpp"
#include "vigil/fs/replace.hpp"

namespace vigil {
namespace {

using test::TemporaryDirectory;

// The system's calls, but the operation `fails` says EIO, or cancels `scope` before it is done.
class Meddler final : public Syscalls {
 public:
  std::int32_t recv(NativeHandle handle, std::byte* to, std::size_t size) noexcept override {
    return native_syscalls().recv(handle, to, size);
  }
  std::int32_t send(NativeHandle handle, const std::byte* from,
                    std::size_t size) noexcept override {
    return native_syscalls().send(handle, from, size);
  }
  std::int32_t perform(Op& op) noexcept override {
    if (op.code != code) {
      return native_syscalls().perform(op);
    }
    if (!cancels) {
      return -EIO;
    }
    inside.store(true);
    inside.notify_one();
    go_on.wait(false);
    return native_syscalls().perform(op);
  }
  void close(NativeHandle handle) noexcept override { native_syscalls().close(handle); }
  Instant now() noexcept override { return native_syscalls().now(); }

  Opcode code = Opcode::none;
  bool cancels = false;
  std::atomic<bool> inside = false;
  std::atomic<bool> go_on = false;
};

class FsReplace : public test::EngineTest {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(here_.path())) {
      all.push_back(entry.path().filename().string());
    }
    return all;
  }
  LoopOptions meddled() { return {.syscalls = &meddler_}; }

  TemporaryDirectory here_;
  Meddler meddler_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsReplace);

TEST_P(FsReplace, WritesANewFileAndReplacesAnOldOne) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        CO_ASSERT_OK(co_await fs::replace(*here / "a", as_bytes("first")));
        CO_ASSERT_OK(co_await fs::replace(*here / "a", as_bytes("second, longer")));
        const fs::ReplaceOptions fleeting{.durable = false};
        CO_ASSERT_OK(co_await fs::replace(*here / "a", as_bytes("3"), fleeting));
        CO_ASSERT_OK(co_await fs::replace(*here / "empty", ByteView{}));
      },
      &here_);
  EXPECT_EQ(here_.read("a"), "3");
  EXPECT_EQ(names().size(), 2u);
}

TEST_P(FsReplace, KeepsThePermissionsOrSetsThem) {
  here_.write("secret", "old");
  ::chmod((here_ / "secret").c_str(), 0600);
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        CO_ASSERT_OK(co_await fs::replace(*here / "secret", as_bytes("new")));
        const fs::ReplaceOptions everybody{.mode = 0666};
        CO_ASSERT_OK(co_await fs::replace(*here / "open", as_bytes("new"), everybody));
        const auto kept = co_await fs::status_of(*here / "secret");
        CO_ASSERT_OK(kept);
        EXPECT_EQ(kept->mode, 0600u);
        const auto set = co_await fs::status_of(*here / "open");
        CO_ASSERT_OK(set);
        EXPECT_EQ(set->mode, 0666u) << "the umask has no say in it";
      },
      &here_);
}

TEST_P(FsReplace, ALinkIsReplacedAndNotFollowed) {
  here_.write("target", "untouched");
  here_.link("link", "target");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        CO_ASSERT_OK(co_await fs::replace(*here / "link", as_bytes("new")));
      },
      &here_);
  EXPECT_EQ(here_.read("target"), "untouched");
  EXPECT_EQ(here_.read("link"), "new");
}

TEST_P(FsReplace, BeneathADirectoryItStaysThere) {
  here_.directory("root");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(*here / "root");
        CO_ASSERT_OK(root);
        const auto out = co_await fs::replace(*root, "../a", as_bytes("x"));
        EXPECT_EQ(out.error(), std::errc::cross_device_link);
        CO_ASSERT_OK(co_await fs::replace(*root, "a", as_bytes("inside")));
        const auto directory = co_await fs::replace(*root, "..", as_bytes("x"));
        EXPECT_EQ(directory.error(), std::errc::is_a_directory);
      },
      &here_);
  EXPECT_EQ(here_.read("root/a"), "inside");
  EXPECT_EQ(names(), std::vector<std::string>{"root"});
}

TEST_P(FsReplace, AFailureOfAnyStepLeavesTheOldFileAlone) {
  here_.write("a", "old");
  for (const Opcode step :
       {Opcode::stat, Opcode::open, Opcode::write_at, Opcode::sync, Opcode::rename}) {
    meddler_.code = step;
    run_with(
        meddled(),
        [](const TemporaryDirectory* here) -> Task<> {
          const auto failed = co_await fs::replace(*here / "a", as_bytes("new"));
          EXPECT_EQ(failed.error(), std::errc::io_error);
        },
        &here_);
    EXPECT_EQ(here_.read("a"), "old");
    EXPECT_EQ(names(), std::vector<std::string>{"a"}) << static_cast<int>(step);
  }
}

// While a thread is in the step; the cancel is heard when it returns, but for the rename, behind
// which nothing is turned back.
TEST_P(FsReplace, ACancelAtAnyStepLeavesTheOldFileOrTheNew) {
  for (const Opcode step :
       {Opcode::stat, Opcode::open, Opcode::write_at, Opcode::sync, Opcode::rename}) {
    here_.write("a", "old");
    meddler_.code = step;
    meddler_.cancels = true;
    meddler_.inside = meddler_.go_on = false;
    const bool moved = step == Opcode::rename;
    run_with(
        meddled(),
        [](const TemporaryDirectory* here, Meddler* meddler, bool replaced) -> Task<> {
          auto all = scoped(
              [](Scope& scope, std::string path, Meddler* in, bool done) -> Task<> {
                CO_ASSERT_OK(scope.spawn(
                    [](std::string at, bool expected) -> Task<> {
                      const auto outcome = co_await fs::replace(at, as_bytes("new"));
                      EXPECT_EQ(outcome.has_value(), expected);
                      if (!expected) {
                        EXPECT_EQ(outcome.error(), std::errc::operation_canceled);
                      }
                    },
                    path, done));
                while (!in->inside.load()) {
                  co_await yield();
                }
                scope.cancel();
                in->go_on = true;
                in->go_on.notify_all();
              },
              *here / "a", meddler, replaced);
          co_await std::move(all);
        },
        &here_, &meddler_, moved);
    EXPECT_EQ(here_.read("a"), moved ? "new" : "old") << static_cast<int>(step);
    EXPECT_EQ(names(), std::vector<std::string>{"a"}) << static_cast<int>(step);
  }
}

}  // namespace
}  // namespace vigil

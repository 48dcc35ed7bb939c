// The file lane: bounded, cancelled in each of its places, and nothing lost on the way.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <semaphore>
#include <string>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/fs/directory.hpp"

namespace vigil {
namespace {

using test::TemporaryDirectory;
using namespace std::chrono_literals;

// The system's calls, but each file operation first tells that a thread has it, and waits to be let
// through.
class Gate final : public Syscalls {
 public:
  std::int32_t recv(NativeHandle handle, std::byte* to, std::size_t size) noexcept override {
    return native_syscalls().recv(handle, to, size);
  }
  std::int32_t send(NativeHandle handle, const std::byte* from,
                    std::size_t size) noexcept override {
    return native_syscalls().send(handle, from, size);
  }
  std::int32_t perform(Op& op) noexcept override {
    if (may_block(op.code)) {
      entered.release();
      let_through.acquire();
    }
    return native_syscalls().perform(op);
  }
  void close(NativeHandle handle) noexcept override { native_syscalls().close(handle); }
  Instant now() noexcept override { return native_syscalls().now(); }

  std::counting_semaphore<> entered{0};
  std::counting_semaphore<> let_through{0};
};

struct Outcome {
  bool ended = false;
  std::error_code error;
};

Task<> open_one(std::string path, Outcome* outcome) {
  auto opened = co_await fs::File::open(path);
  outcome->ended = true;
  outcome->error = opened ? std::error_code() : opened.error();
}

Task<> open_within(std::string path, Nanos limit, Outcome* outcome) {
  auto opening = fs::File::open(path);
  auto limited = timeout(limit, std::move(opening));
  auto opened = co_await std::move(limited);
  outcome->ended = true;
  outcome->error = opened ? std::error_code() : opened.error();
}

class FsLane : public test::EngineTest {
 protected:
  void SetUp() override { here_.write("a", "content"); }
  LoopOptions one_thread(std::size_t capacity) {
    return {.file_lane = {.threads = 1, .capacity = capacity}, .syscalls = &gate_};
  }
  TemporaryDirectory here_;
  Gate gate_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsLane);

// Not the system's calls themselves: those an engine may do without the lane.
TEST_P(FsLane, StartsAThreadWhenWorkComesAndNotBefore) {
  gate_.let_through.release(20);
  run_with(
      LoopOptions{.syscalls = &gate_},
      [](const TemporaryDirectory* here) -> Task<> {
        Lane& lane = Loop::current()->file_lane();
        EXPECT_EQ(lane.figures().threads, 0u);
        for (int i = 0; i < 20; ++i) {
          auto file = co_await fs::File::open(*here / "a");
          CO_ASSERT_OK(file);
        }
        EXPECT_EQ(lane.figures().threads, 1u) << "one after the other they need one";
        EXPECT_EQ(lane.figures().started, 20u);
        EXPECT_EQ(lane.figures().delayed, 0u);
      },
      &here_);
}

TEST_P(FsLane, WhoFindsItFullWaitsUnderItsDeadline) {
  run_with(
      one_thread(2),
      [](Gate* gate, std::string path) -> Task<> {
        std::array<Outcome, 4> outcomes;
        auto all = scoped(
            [](Scope& scope, Gate* closed, std::string name, Outcome* out) -> Task<> {
              CO_ASSERT_OK(scope.spawn(&open_one, name, out));
              closed->entered.acquire();  // a thread is in it
              CO_ASSERT_OK(scope.spawn(&open_within, name, Nanos(20ms), out + 1));  // queued
              CO_ASSERT_OK(scope.spawn(&open_within, name, Nanos(20ms), out + 2));  // outside
              CO_ASSERT_OK(scope.spawn(&open_one, name, out + 3));                  // outside
              const LaneFigures now = Loop::current()->file_lane().figures();
              EXPECT_EQ(now.started, 1u);
              EXPECT_EQ(now.queued, 1u);
              EXPECT_EQ(now.waiting, 2u);
              EXPECT_EQ(now.delayed, 2u);
              auto later = open_within(name, Nanos(100ms), out + 2);
              co_await std::move(later);
              EXPECT_FALSE(out[0].ended);
              closed->let_through.release(2);
            },
            gate, path, outcomes.data());
        co_await std::move(all);
        EXPECT_EQ(outcomes[0].error, std::error_code());
        EXPECT_EQ(outcomes[1].error, std::errc::timed_out);
        EXPECT_EQ(outcomes[2].error, std::errc::timed_out);
        EXPECT_EQ(outcomes[3].error, std::error_code()) << "its turn came when others gave up";
        const LaneFigures figures = Loop::current()->file_lane().figures();
        EXPECT_EQ(figures.cancelled, 3u);
        EXPECT_EQ(figures.started, 2u);
        EXPECT_GE(figures.queue_wait_longest, 20ms) << "the last waited behind the first";
      },
      &gate_, here_ / "a");
}

// In each place: outside the full lane, in its queue, and in a thread's hands. What a thread opened
// is not lost: its task gets it, cancelled or not, and the fixture counts handles.
TEST_P(FsLane, CancelEndsWhatHasNotBegunAndLeavesWhatHas) {
  run_with(
      one_thread(2),
      [](Gate* gate, std::string path) -> Task<> {
        std::array<Outcome, 3> outcomes;
        auto all = scoped(
            [](Scope& scope, Gate* closed, std::string name, Outcome* out) -> Task<> {
              CO_ASSERT_OK(scope.spawn(&open_one, name, out));
              closed->entered.acquire();
              CO_ASSERT_OK(scope.spawn(&open_one, name, out + 1));
              CO_ASSERT_OK(scope.spawn(&open_one, name, out + 2));
              scope.cancel();
              closed->let_through.release(1);
            },
            gate, path, outcomes.data());
        co_await std::move(all);
        EXPECT_EQ(outcomes[0].error, std::error_code()) << "the thread's result stands";
        EXPECT_EQ(outcomes[1].error, std::errc::operation_canceled);
        EXPECT_EQ(outcomes[2].error, std::errc::operation_canceled);
        const LaneFigures figures = Loop::current()->file_lane().figures();
        EXPECT_EQ(figures.started, 1u);
        EXPECT_EQ(figures.cancelled, 2u);
      },
      &gate_, here_ / "a");
}

Task<> read_with_patience(std::string path, Nanos patience, std::atomic<int>* ended) {
  auto reading = [](std::string name) -> Task<Result<>> {
    auto file = co_await fs::File::open(name);
    if (!file) {
      co_return std::unexpected(file.error());
    }
    std::array<std::byte, 16> room;
    auto got = co_await file->read_at(room, 0);
    if (!got) {
      co_return std::unexpected(got.error());
    }
    EXPECT_EQ(as_text(ByteView(room).first(*got)), "content");
    co_return Result<>{};
  }(path);
  auto limited = timeout(patience, std::move(reading));
  auto result = co_await std::move(limited);
  if (!result) {
    EXPECT_EQ(result.error(), std::errc::timed_out) << result.error().message();
  }
  ended->fetch_add(1);
}

// Buffers and handles survive any mix of deadlines: run under the sanitizers. With the system's own
// calls, which an engine may do without the lane, and with others.
TEST_P(FsLane, DeadlinesAtEveryMomentLoseNothing) {
  constexpr int kTasks = 1000;
  std::atomic<int> ended = 0;
  gate_.let_through.release(2 * kTasks);
  run_with(
      LoopOptions{.file_lane = {.threads = 3, .capacity = 16}, .syscalls = &gate_},
      [](std::string path, std::atomic<int>* count) -> Task<> {
        auto all = scoped(
            [](Scope& scope, std::string name, std::atomic<int>* done) -> Task<> {
              for (int i = 0; i < kTasks; ++i) {
                const Nanos patience =
                    std::chrono::microseconds(i % 7 == 0 ? 10'000'000 : i * 37 % 9000);
                CO_ASSERT_OK(scope.spawn(&read_with_patience, name, patience, done));
              }
              co_return;
            },
            path, count);
        co_await std::move(all);
        const LaneFigures figures = Loop::current()->file_lane().figures();
        EXPECT_LE(figures.threads, 3u);
        EXPECT_GT(figures.delayed, 0u);
      },
      here_ / "a", &ended);
  EXPECT_EQ(ended.load(), kTasks);
}

// A machine that gives no threads.
class NoThreads final : public Host {
 public:
  Nanos wall_time() noexcept override { return native_host().wall_time(); }
  void entropy(std::span<std::byte> fill) noexcept override { native_host().entropy(fill); }
  std::optional<std::string> environment(const char* name) override {
    return native_host().environment(name);
  }
  void log(std::string_view line) noexcept override { native_host().log(line); }
  Result<std::unique_ptr<Crew>> start(Body&, Role, unsigned) noexcept override {
    return error(EAGAIN);
  }
};

TEST_P(FsLane, WithoutThreadsAnOperationFailsAtOnce) {
  NoThreads host;
  run_with(
      LoopOptions{.host = &host, .syscalls = &gate_},
      [](std::string path) -> Task<> {
        auto file = co_await fs::File::open(path);
        EXPECT_FALSE(file);
        EXPECT_EQ(file.error(), std::errc::resource_unavailable_try_again);
      },
      here_ / "a");
}

}  // namespace
}  // namespace vigil

// What a dump says of a loop's tasks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/streams.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/coro/this_task.hpp"
#include "vigil/coro/when.hpp"
#include "vigil/loop/dump.hpp"
#include "vigil/runtime/stall_watcher.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Dump dump_now(std::size_t records = 256) {
  Loop& loop = *Loop::current();
  auto room = DumpRoom::make(records);
  EXPECT_TRUE(room);
  take_dump(loop, *room);
  return read_dump(*room, loop.engine().now());
}

// The task with a line of this file among its awaits.
const Dump::Task* task_at(const Dump& dump, unsigned line) {
  for (const Dump::Task& task : dump.tasks) {
    for (const std::source_location& place : task.awaits) {
      if (place.line() == line && std::string(place.file_name()).ends_with("dump_test.cpp")) {
        return &task;
      }
    }
  }
  return nullptr;
}

class Dumps : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(Dumps);

constexpr unsigned kWaitLine = __LINE__ + 1;
Task<> wait_for(ManualResetEvent* event) { static_cast<void>(co_await event->wait()); }

constexpr unsigned kReceiveLine = __LINE__ + 1;
Task<> receive(TcpStream* stream) { static_cast<void>(co_await stream->receive()); }

Task<Result<>> sleep_long() { co_return co_await sleep_for(1h); }
constexpr unsigned kDeadlineLine = __LINE__ + 1;
Task<> sleep_with_deadline() { static_cast<void>(co_await timeout(30s, sleep_long())); }

TEST_P(Dumps, SayWhereEachTaskAwaitsAndWhatItWaitsFor) {
  run([]() -> Task<> {
    auto streams = make_both();
    auto pair = co_await std::move(streams);
    auto all = scoped(
        [](Scope& scope, TcpStream* stream) -> Task<> {
          ManualResetEvent event;
          EXPECT_TRUE(scope.spawn(&wait_for, &event));
          EXPECT_TRUE(scope.spawn(&receive, stream));
          EXPECT_TRUE(scope.spawn(&sleep_with_deadline));
          co_await yield();
          const Dump dump = dump_now();
          const Dump::Task* waits = task_at(dump, kWaitLine);
          const Dump::Task* receives = task_at(dump, kReceiveLine);
          const Dump::Task* sleeps = task_at(dump, kDeadlineLine);
          if (waits == nullptr || receives == nullptr || sleeps == nullptr) {
            ADD_FAILURE() << text_of(dump);
          } else {
            EXPECT_EQ(waits->state, TaskState::waiting);
            EXPECT_EQ(waits->code, Opcode::wait);
            EXPECT_EQ(receives->code, Opcode::receive);
            EXPECT_EQ(receives->handle, stream->native_handle());
            EXPECT_EQ(sleeps->code, Opcode::sleep);
            EXPECT_TRUE(sleeps->deadline_in);
            EXPECT_LE(sleeps->deadline_in.value_or(Nanos{}), 30s);
            EXPECT_GT(sleeps->deadline_in.value_or(Nanos{}), 1s);
            EXPECT_GT(sleeps->goes_on_in.value_or(Nanos{}), 30min);
            EXPECT_FALSE(receives->waits_since) << "nobody told this loop the time";
            EXPECT_THAT(text_of(*waits), HasSubstr("waits for an event"));
          }
          event.set();
          scope.cancel();
        },
        &pair.first);
    co_await std::move(all);
  });
}

TEST_P(Dumps, ShowTheTaskThatRunsAndWhatItStarted) {
  run([]() -> Task<> {
    auto all = scoped([](Scope& scope) -> Task<> {
      co_await this_task::set_tag(4711);
      EXPECT_TRUE(scope.spawn([]() -> Task<> {
        const Dump dump = dump_now();
        std::size_t running = 0;
        for (const Dump::Task& task : dump.tasks) {
          running += task.state == TaskState::running ? 1 : 0;
          if (task.tag == 4711) {
            EXPECT_EQ(task.state, TaskState::ready) << "it started this one, and is behind it";
          }
        }
        EXPECT_EQ(running, 1u) << text_of(dump);
        co_return;
      }));
      const Dump dump = dump_now();
      std::size_t running = 0;
      for (const Dump::Task& task : dump.tasks) {
        if (task.state == TaskState::running) {
          ++running;
          EXPECT_EQ(task.tag, 4711u);
        }
      }
      EXPECT_EQ(running, 1u) << text_of(dump);
    });
    co_await std::move(all);
  });
}

TEST_P(Dumps, NameTheWorkOfTasks) {
  run([]() -> Task<> {
    auto all = scoped([](Scope& scope) -> Task<> {
      ManualResetEvent event;
      EXPECT_TRUE(scope.spawn(&wait_for, &event));
      EXPECT_TRUE(scope.spawn(
          [](ManualResetEvent* until) -> Task<> {
            co_await this_task::set_tag(4711);
            auto waiting = wait_for(until);  // which has no tag of its own
            co_await std::move(waiting);
          },
          &event));
      auto room = DumpRoom::make(100);
      CO_ASSERT_OK(room);
      take_dump(*Loop::current(), *room);
      const Instant now = Loop::current()->engine().now();
      const Dump plain = read_dump(*room, now);
      EXPECT_THAT(text_of(plain), HasSubstr(", tag 4711\n"));
      std::vector<std::uint32_t> asked;
      const Dump named = read_dump(*room, now, {}, [&asked](std::uint32_t tag) {
        asked.push_back(tag);
        return "request " + std::to_string(tag + 1);
      });
      EXPECT_THAT(text_of(named), HasSubstr(", request 4712\n"));
      EXPECT_EQ(asked, std::vector<std::uint32_t>{4711}) << "who has none is not asked for";
      event.set();
    });
    co_await std::move(all);
  });
}

TEST_P(Dumps, CountWhatFoundNoRoom) {
  run([]() -> Task<> {
    auto all = scoped([](Scope& scope) -> Task<> {
      ManualResetEvent event;
      for (int i = 0; i != 3000; ++i) {
        EXPECT_TRUE(scope.spawn(&wait_for, &event));
      }
      auto wide = DumpRoom::make(10'000);
      auto narrow = DumpRoom::make(100);
      CO_ASSERT_OK(wide);
      CO_ASSERT_OK(narrow);
      take_dump(*Loop::current(), *wide);
      take_dump(*Loop::current(), *narrow);
      EXPECT_EQ(wide->left_out(), 0u);
      EXPECT_GT(wide->records().size(), 3000u);
      EXPECT_EQ(narrow->records().size(), 100u);
      EXPECT_EQ(100 + narrow->left_out(), wide->records().size());
      const Instant now = Loop::current()->engine().now();
      EXPECT_THAT(text_of(read_dump(*narrow, now)),
                  HasSubstr("and " + std::to_string(narrow->left_out()) + " more\n"));
      EXPECT_THAT(text_of(read_dump(*wide, now), 0, 10), HasSubstr("more\n"));
      event.set();
    });
    co_await std::move(all);
  });
}

TEST_P(Dumps, StandUnderTheTaskThatOpenedTheirScope) {
  run([]() -> Task<> {
    auto all = scoped([](Scope& scope) -> Task<> {
      ManualResetEvent event;
      EXPECT_TRUE(scope.spawn(
          [](ManualResetEvent* until) -> Task<> {
            auto inner = scoped(
                [](Scope& inside, ManualResetEvent* last) -> Task<> {
                  EXPECT_TRUE(inside.spawn(&wait_for, last));
                  co_return;
                },
                until);
            co_await std::move(inner);
          },
          &event));
      const std::string text = text_of(dump_now());
      EXPECT_THAT(text, HasSubstr("waits for the tasks of its scope\n"));
      // Deeper than the task around it.
      const std::size_t line = text.find("dump_test.cpp:" + std::to_string(kWaitLine));
      EXPECT_NE(line, std::string::npos) << text;
      const std::size_t start = text.rfind('\n', line) + 1;
      EXPECT_EQ(text.substr(start, 2), "  ") << text;
      event.set();
      co_return;
    });
    co_await std::move(all);
  });
}

// A signal may meet the loop at any instruction while it makes, awaits, cancels and ends tasks: the
// lists are whole at each.
TEST_P(Dumps, MayBeTakenAtAnyInstruction) {
  run([]() -> Task<> {
    auto watcher = StallWatcher::start(Loop::current()->host(), {.limit = Nanos{}});
    CO_ASSERT_OK(watcher);
    auto watch = (*watcher)->watch("busy");
    CO_ASSERT_OK(watch);
    std::atomic<bool> over{false};
    std::atomic<unsigned> taken{0};
    std::thread asks([&over, &taken, by = watcher->get()] {
      while (!over.load()) {
        for (const LoopDump& one : by->dump(20s)) {
          taken += one.dump ? 1u : 0u;
        }
      }
    });
    const auto end = std::chrono::steady_clock::now() + 500ms;
    while (std::chrono::steady_clock::now() < end || taken.load() < 50) {
      auto all = scoped([](Scope& scope) -> Task<> {
        ManualResetEvent event;
        for (int i = 0; i != 30; ++i) {
          EXPECT_TRUE(scope.spawn(&wait_for, &event));
          EXPECT_TRUE(scope.spawn(
              []() -> Task<> { static_cast<void>(co_await timeout(1h, sleep_long())); }));
        }
        co_await yield();
        event.set();
        co_await yield();
        scope.cancel();
      });
      co_await std::move(all);
    }
    over = true;
    asks.join();
    EXPECT_GE(taken.load(), 50u);
  });
}

}  // namespace
}  // namespace vigil::test

// The watcher, on loops that really block: who did it is named by file and line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "tests/support/shards_fixture.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/coro/this_task.hpp"
#include "vigil/net/tcp.hpp"
#include "vigil/runtime/stall_watcher.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::EndsWith;
using testing::HasSubstr;

// What a watcher said, from its thread to the test's.
class Heard {
 public:
  void take(const StallReport& report) {
    const std::scoped_lock lock(mutex_);
    all_.push_back(report);
  }
  std::vector<StallReport> all() {
    const std::scoped_lock lock(mutex_);
    return all_;
  }
  // The first of a kind and cause; waits for it for as long as a test may.
  Task<StallReport> first(StallCause cause, StallReport::Kind kind = StallReport::Kind::stall) {
    for (int i = 0; i != 2000; ++i) {
      for (const StallReport& report : all()) {
        if (report.cause == cause && report.kind == kind) {
          co_return report;
        }
      }
      static_cast<void>(co_await sleep_for(10ms));
    }
    ADD_FAILURE() << "nothing was said of it in 20 s";
    co_return StallReport();
  }
  StallOptions options(Nanos limit = 20ms) {
    StallOptions made;
    made.limit = limit;
    made.report = [this](const StallReport& report) { take(report); };
    return made;
  }

 private:
  std::mutex mutex_;
  std::vector<StallReport> all_;
};

// Sanitizers hand a signal on when the program calls into them, as it does for the time.
constexpr unsigned kSpinFirst = __LINE__ + 1;
[[gnu::noinline]] void spin_until(const std::atomic<bool>& over) {
  const auto end = steady_clock::now() + 25s;
  while (!over.load(std::memory_order_relaxed) && steady_clock::now() < end) {
  }
}
constexpr unsigned kSpinLast = __LINE__ - 1;

[[gnu::noinline]] void spin_for(Nanos span) {
  const auto end = steady_clock::now() + span;
  while (steady_clock::now() < end) {
  }
}

constexpr unsigned kReadFirst = __LINE__ + 1;
[[gnu::noinline]] bool read_slowly(int from) {
  char byte = 0;
  const bool got = ::read(from, &byte, 1) == 1;
  return got;
}
constexpr unsigned kReadLast = __LINE__ - 1;

class Watcher : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(Watcher);

// Runs `body(watcher, heard)` on a loop that is watched.
template <TaskBody F>
Task<> watched(F body, Heard* heard, StallOptions options) {
  auto watcher = StallWatcher::start(Loop::current()->host(), std::move(options));
  CO_ASSERT_OK(watcher);
  auto watch = (*watcher)->watch(
      "vigil/0", [](std::uint32_t tag) { return "request " + std::to_string(tag); });
  CO_ASSERT_OK(watch);
  auto task = body(watcher->get(), heard);
  co_await std::move(task);
}

TEST_P(Watcher, NamesTheLineThatKeepsTheProcessor) {
  run([]() -> Task<> {
    Heard heard;
    auto all = watched(
        [](StallWatcher*, Heard* said) -> Task<> {
          co_await this_task::set_tag(17);
          constexpr unsigned kAwaited = __LINE__ + 1;
          static_cast<void>(co_await sleep_for(1ms));
          std::atomic<bool> over{false};
          // It spins until it is told of: however slow the machine is.
          std::thread ends([&over, said] {
            const auto last = steady_clock::now() + 20s;
            while (said->all().empty() && steady_clock::now() < last) {
              std::this_thread::sleep_for(5ms);
            }
            over = true;
          });
          spin_until(over);
          ends.join();
          auto waits = said->first(StallCause::computing);
          const StallReport report = co_await std::move(waits);
          EXPECT_THAT(report.place.file, EndsWith("tests/unit/stall/watcher_test.cpp"));
          EXPECT_GE(report.place.line, kSpinFirst);
          EXPECT_LE(report.place.line, kSpinLast);
          EXPECT_THAT(report.place.function, HasSubstr("spin_until"));
          EXPECT_THAT(places_text(report.awaits),
                      EndsWith("watcher_test.cpp:" + std::to_string(kAwaited)));
          EXPECT_EQ(report.tag, 17u);
          EXPECT_THAT(text_of(report), testing::Contains(EndsWith(", request 17")));
          EXPECT_TRUE(report.goes_on);
          EXPECT_GE(report.wall, 1s) << "it was told before its time";
          auto ended = said->first(StallCause::computing, StallReport::Kind::is_over);
          const StallReport over_now = co_await std::move(ended);
          EXPECT_GE(over_now.wall, report.wall);
        },
        &heard, heard.options());
    co_await std::move(all);
  });
}

TEST_P(Watcher, NamesTheSystemCallThatBlocks) {
  run([]() -> Task<> {
    Heard heard;
    auto all = watched(
        [](StallWatcher* by, Heard* said) -> Task<> {
          co_await yield();  // what runs before the first turn keeps nobody waiting
          std::array<int, 2> ends{};
          EXPECT_EQ(::pipe(ends.data()), 0);
          std::thread writes([end = ends[1]] {
            std::this_thread::sleep_for(300ms);
            EXPECT_EQ(::write(end, "x", 1), 1);
          });
          EXPECT_TRUE(read_slowly(ends[0]));
          writes.join();
          ::close(ends[0]);
          ::close(ends[1]);
          auto waits = said->first(StallCause::blocked);
          const StallReport report = co_await std::move(waits);
          EXPECT_EQ(report.call, "read(2)");
          EXPECT_THAT(report.place.file, EndsWith("watcher_test.cpp"));
          EXPECT_GE(report.place.line, kReadFirst);
          EXPECT_LE(report.place.line, kReadLast);
          EXPECT_GE(report.wall, 100ms);
          EXPECT_FALSE(report.goes_on);
          const auto figures = by->figures();
          EXPECT_EQ(figures.size(), 1u);
          EXPECT_GE(figures[0].stalls, 1u);
          EXPECT_GE(figures[0].longest, 100ms);
        },
        &heard, heard.options());
    co_await std::move(all);
  });
}

TEST_P(Watcher, SaysNothingOfALoopThatWaits) {
  run([]() -> Task<> {
    Heard heard;
    auto all = watched(
        [](StallWatcher* by, Heard*) -> Task<> {
          static_cast<void>(co_await sleep_for(400ms));
          const auto figures = by->figures();
          EXPECT_EQ(figures[0].stalls, 0u) << "it only slept";
        },
        &heard, heard.options(200ms));
    co_await std::move(all);
    for (const StallReport& report : heard.all()) {
      EXPECT_EQ(report.cause, StallCause::not_run) << text_of(report)[0];
    }
  });
}

TEST_P(Watcher, CountsOnePlaceThatStallsAgain) {
  run([]() -> Task<> {
    Heard heard;
    StallOptions options = heard.options();
    options.repeat = 300ms;
    auto all = watched(
        [](StallWatcher*, Heard* said) -> Task<> {
          const auto last = steady_clock::now() + 20s;
          for (bool again = false; !again && steady_clock::now() < last;) {
            spin_for(100ms);
            co_await yield();
            for (const StallReport& report : said->all()) {
              again |= report.kind == StallReport::Kind::again;
            }
          }
          auto first = said->first(StallCause::computing, StallReport::Kind::again);
          const StallReport report = co_await std::move(first);
          EXPECT_GE(report.times, 1u);
          EXPECT_THAT(text_of(report)[0], HasSubstr("spin_for"));
        },
        &heard, std::move(options));
    co_await std::move(all);
  });
}

// How often the threads that watch have slept and woken so far, of the whole process.
std::uint64_t looks_so_far() {
  std::uint64_t all = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(entry.path() / "status");
    std::string line;
    bool watches = false;
    while (std::getline(status, line)) {
      watches |= line == "Name:\tvigil/watch";
      if (watches && line.starts_with("voluntary_ctxt_switches:")) {
        all += std::stoull(line.substr(line.find(':') + 1));
      }
    }
  }
  return all;
}

TEST_P(Watcher, RestsWhileNoLoopTurnsAndSeesTheNextStall) {
  run([]() -> Task<> {
    Heard heard;
    auto all = watched(
        [](StallWatcher*, Heard* said) -> Task<> {
          std::uint64_t least = ~std::uint64_t{0};
          for (int i = 0; i != 10 && least > 60; ++i) {  // a busy machine may wake the loop late
            const std::uint64_t before = looks_so_far();
            static_cast<void>(co_await sleep_for(1s));
            least = std::min(least, looks_so_far() - before);
          }
          EXPECT_LE(least, 60u) << "looks in a second in which nothing happened";
          static_cast<void>(co_await sleep_for(300ms));
          std::atomic<bool> over{false};
          std::thread ends([&over, said] {
            const auto last = steady_clock::now() + 20s;
            while (said->all().empty() && steady_clock::now() < last) {
              std::this_thread::sleep_for(5ms);
            }
            over = true;
          });
          spin_until(over);
          ends.join();
          auto waits = said->first(StallCause::computing);
          const StallReport report = co_await std::move(waits);
          EXPECT_THAT(report.place.function, HasSubstr("spin_until"));
        },
        &heard, heard.options());
    co_await std::move(all);
  });
}

class OneWatcher : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(On, OneWatcher, testing::Values(engine_names().front()));

// A loop whose thread shares a processor with another that always wants it, and is the last in line
// for it (nice 19): what it is short of is nobody's fault in it.
TEST_P(OneWatcher, BlamesNoTaskWhereTheProcessorWasTaken) {
  Heard heard;
  std::thread([this, &heard] {
    run(
        [](Heard* into) -> Task<> {
          auto watcher = StallWatcher::start(Loop::current()->host(), into->options());
          CO_ASSERT_OK(watcher);
          auto watch = (*watcher)->watch("vigil/0");
          CO_ASSERT_OK(watch);
          cpu_set_t one;
          CPU_ZERO(&one);
          CPU_SET(Loop::current()->host().processors().allowed.front(), &one);
          ::pthread_setaffinity_np(::pthread_self(), sizeof one, &one);
          std::atomic<bool> over{false};
          std::thread other([&over] {
            while (!over.load(std::memory_order_relaxed)) {
            }
          });
          EXPECT_EQ(::setpriority(PRIO_PROCESS, 0, 19), 0);  // of this thread alone
          const auto last = steady_clock::now() + 20s;
          while ((*watcher)->figures()[0].not_run == 0 && steady_clock::now() < last) {
            spin_for(1ms);  // as far as it is up to it
            co_await yield();
          }
          over = true;
          other.join();
          EXPECT_NE((*watcher)->figures()[0].not_run, 0u);
        },
        &heard);
  }).join();
  bool said = false;
  for (const StallReport& report : heard.all()) {
    if (report.cause == StallCause::not_run) {
      said = true;
      EXPECT_THAT(text_of(report)[0], HasSubstr("for want of a processor"));
      EXPECT_TRUE(report.stack.empty());
    }
  }
  EXPECT_TRUE(said);
}

constexpr unsigned kStuckLine = __LINE__ + 1;
Task<> wait_for(ManualResetEvent* event) { static_cast<void>(co_await event->wait()); }

TEST_P(Watcher, DumpsALoopThatNeverTurnsAgain) {
  run([]() -> Task<> {
    Heard heard;
    auto all = watched(
        [](StallWatcher* by, Heard*) -> Task<> {
          auto inside = scoped(
              [](Scope& scope, StallWatcher* watcher) -> Task<> {
                ManualResetEvent event;
                EXPECT_TRUE(scope.spawn(&wait_for, &event));
                static_cast<void>(co_await sleep_for(50ms));
                std::atomic<bool> over{false};
                auto asked = std::async(std::launch::async, [&over, watcher] {
                  auto dumps = watcher->dump(20s);
                  const auto last = steady_clock::now() + 20s;
                  while (!dumps[0].stuck_for && steady_clock::now() < last) {
                    std::this_thread::sleep_for(5ms);
                    dumps = watcher->dump(20s);
                  }
                  over = true;
                  return dumps;
                });
                spin_until(over);
                const std::vector<LoopDump> dumps = asked.get();
                EXPECT_EQ(dumps.size(), 1u);
                EXPECT_TRUE(dumps[0].in_turn);
                EXPECT_TRUE(dumps[0].stuck_for) << "it knows for how long";
                if (dumps[0].dump) {
                  const std::string text = text_of(*dumps[0].dump);
                  EXPECT_THAT(text, HasSubstr("watcher_test.cpp:" + std::to_string(kStuckLine) +
                                              " waits for an event, for "));
                  EXPECT_THAT(text, HasSubstr("is running"));
                } else {
                  ADD_FAILURE() << dumps[0].dump.error().message();
                }
                event.set();
              },
              by);
          co_await std::move(inside);
        },
        &heard, heard.options());
    co_await std::move(all);
  });
}

TEST_P(Watcher, DumpsALoopThatTurnsAndNamesThePeer) {
  run([]() -> Task<> {
    Heard heard;
    auto all = watched(
        [](StallWatcher* by, Heard*) -> Task<> {
          auto listener = TcpListener::listen(Address::loopback(0));
          CO_ASSERT_OK(listener);
          auto inside = scoped(
              [](Scope& scope, StallWatcher* watcher, TcpListener* from) -> Task<> {
                EXPECT_TRUE(scope.spawn(
                    [](TcpListener* with) -> Task<> { static_cast<void>(co_await with->accept()); },
                    from));
                static_cast<void>(co_await sleep_for(20ms));
                const std::string accepts = "waits for accept on " + from->local_address()->text();
                // The call may begin before this task is through with waiting for it.
                auto asking = offload(
                    [](StallWatcher* who, std::string wanted) {
                      std::string text;
                      const auto last = steady_clock::now() + 20s;
                      while (!text.contains(wanted) && steady_clock::now() < last) {
                        const auto dumps = who->dump(20s);
                        text = dumps[0].dump ? text_of(*dumps[0].dump) : "";
                      }
                      return text;
                    },
                    watcher, std::string("waits for an offloaded call"));
                const auto text = co_await std::move(asking);
                CO_ASSERT_OK(text);
                EXPECT_THAT(*text, HasSubstr(accepts));
                EXPECT_THAT(*text, HasSubstr("waits for an offloaded call"));
                scope.cancel();
              },
              by, &*listener);
          co_await std::move(inside);
        },
        &heard, heard.options());
    co_await std::move(all);
  });
}

TEST(WatchedSignal, IsGivenBackAndTakenFromNobody) {
  struct sigaction before{};
  ::sigaction(SIGUSR2, nullptr, &before);
  {
    auto watcher = StallWatcher::start(native_host(), {.signal = SIGUSR2});
    ASSERT_TRUE(watcher) << watcher.error().message();
    auto second = StallWatcher::start(native_host(), {.signal = SIGUSR2});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), std::errc::device_or_resource_busy);
  }
  struct sigaction now{};
  ::sigaction(SIGUSR2, nullptr, &now);
  EXPECT_EQ(now.sa_handler, before.sa_handler);

  ::signal(SIGUSR2, [](int) {});
  auto refused = StallWatcher::start(native_host(), {.signal = SIGUSR2});
  EXPECT_FALSE(refused);
  ::signal(SIGUSR2, SIG_DFL);

  auto wrong = StallWatcher::start(native_host(), {.signal = SIGKILL});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error(), std::errc::invalid_argument);
}

TEST(WatchedShards, AreDumpedByName) {
  run_shards({.count = 2}, [](Shards& shards) -> Task<> {
    auto watcher = StallWatcher::start(Loop::current()->host());
    CO_ASSERT_OK(watcher);
    auto everywhere = shards.gather(
        [](StallWatcher* by, Shards* all) -> Task<std::size_t> {
          auto watch = by->watch("vigil/" + std::to_string(all->here()));
          EXPECT_TRUE(watch);
          static_cast<void>(co_await sleep_for(200ms));
          auto asking = offload([](StallWatcher* who) { return who->dump(20s); }, by);
          const auto dumps = co_await std::move(asking);
          std::size_t whole = 0;
          for (const LoopDump& one : *dumps) {
            whole += one.dump && one.loop.starts_with("vigil/") ? 1u : 0u;
          }
          static_cast<void>(co_await sleep_for(200ms));
          co_return whole;
        },
        watcher->get(), &shards);
    const auto dumped = co_await std::move(everywhere);
    for (const auto& whole : dumped) {
      EXPECT_EQ(*whole, 2u);
    }
  });
}

}  // namespace
}  // namespace vigil::test

// A task that keeps its loop from turning, and the watcher that names it: the file and the line of
// the block, by its stack and by its awaits.
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/runtime/run.hpp"
#include "vigil/runtime/stall_watcher.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

enum class How : std::uint8_t { cpu, sleep, read };

struct Options {
  milliseconds block{50};
  milliseconds limit{20};
  How how = How::cpu;
};

// The lines that the watcher is to name: between the first and the last of each block.
struct Lines {
  unsigned first = 0;
  unsigned last = 0;
};
Lines planted;

// The blocks. Each does what no task should: it does not come back to its loop for a while.
[[gnu::noinline]] std::uint64_t compute_for(milliseconds span) {
  const auto end = steady_clock::now() + span;
  planted.first = __LINE__;
  std::uint64_t sum = 0;
  while (steady_clock::now() < end) {
    for (unsigned i = 0; i != 20'000; ++i) {
      sum = sum * 6364136223846793005u + i;
    }
  }
  planted.last = __LINE__;
  return sum;
}

[[gnu::noinline]] void sleep_for(milliseconds span) {
  planted.first = __LINE__;
  std::this_thread::sleep_for(span);
  planted.last = __LINE__;
}

[[gnu::noinline]] bool read_for(milliseconds span) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    return false;
  }
  std::thread writer([span, end = ends[1]] {
    std::this_thread::sleep_for(span);
    ::close(end);
  });
  char byte = 0;
  planted.first = __LINE__;
  const bool got = ::read(ends[0], &byte, 1) == 0;
  planted.last = __LINE__;
  writer.join();
  ::close(ends[0]);
  return got;
}

// Ticks all the while: the innocent one, which a stall makes late.
vigil::Task<> tick() {
  for (;;) {
    const vigil::Result<> slept = co_await vigil::sleep_for(milliseconds(5));
    if (!slept) {
      co_return;
    }
  }
}

vigil::Task<> block(Options options) {
  co_await vigil::sleep_for(milliseconds(30));
  if (options.how == How::cpu) {
    std::printf("It computes %#llx.\n",
                static_cast<unsigned long long>(compute_for(options.block)));
  } else if (options.how == How::sleep) {
    ::sleep_for(options.block);
  } else {
    read_for(options.block);
  }
}

// What the watcher said, as it comes in on its thread.
class Reports {
 public:
  void take(const vigil::StallReport& report) {
    for (const std::string& line : vigil::text_of(report)) {
      std::printf("%s\n", line.c_str());
    }
    const std::scoped_lock lock(mutex_);
    if (report.kind == vigil::StallReport::Kind::stall && !first_ &&
        report.cause != vigil::StallCause::not_run) {
      first_ = report;
    }
  }
  std::optional<vigil::StallReport> first() {
    const std::scoped_lock lock(mutex_);
    return first_;
  }

 private:
  std::mutex mutex_;
  std::optional<vigil::StallReport> first_;
};

bool is_named(const vigil::StallReport& report) {
  return report.place.file.ends_with("examples/stall.cpp") && report.place.line >= planted.first &&
         report.place.line <= planted.last;
}

vigil::Task<> watch_block(vigil::Scope& scope, Options options, Reports* reports, bool* named) {
  vigil::StallOptions watched;
  watched.limit = options.limit;
  watched.report = [reports](const vigil::StallReport& report) { reports->take(report); };
  auto watcher = vigil::StallWatcher::start(vigil::Loop::current()->host(), watched);
  if (!watcher) {
    std::printf("stall: cannot watch: %s.\n", watcher.error().message().c_str());
    co_return;
  }
  auto watch = (*watcher)->watch("vigil/0");
  if (!watch) {
    std::printf("stall: cannot watch: %s.\n", watch.error().message().c_str());
    co_return;
  }
  static_cast<void>(scope.spawn(&tick));
  static_cast<void>(scope.spawn(&block, options));
  // A report comes when the stall is over, or after a second if it is not.
  for (int i = 0; i != 500 && !reports->first(); ++i) {
    co_await vigil::sleep_for(milliseconds(10));
  }
  const auto first = reports->first();
  *named = first && is_named(*first);
  scope.cancel();
}

[[noreturn]] void wrong_use(const std::string& sentence) {
  std::fprintf(stderr, "stall: %s. See stall --help.\n", sentence.c_str());
  std::exit(2);
}

milliseconds read_span(std::string_view option, std::string_view text) {
  unsigned value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  const std::string_view unit(read.ptr, static_cast<std::size_t>(end - read.ptr));
  if (read.ec != std::errc() || value == 0 || value > 60'000 || (unit != "ms" && unit != "s") ||
      (unit == "s" && value > 60)) {
    wrong_use(std::string(option) + " takes a time from 1ms to 60s, such as 50ms, not \"" +
              std::string(text) + "\"");
  }
  return unit == "s" ? std::chrono::seconds(value) : milliseconds(value);
}

How read_how(std::string_view text) {
  if (text == "cpu" || text == "sleep") {
    return text == "cpu" ? How::cpu : How::sleep;
  }
  if (text != "read") {
    wrong_use("--how takes cpu, sleep or read, not \"" + std::string(text) + "\"");
  }
  return How::read;
}

void help() {
  std::puts(
      "usage: stall [--block TIME] [--how HOW] [--limit TIME]\n"
      "Blocks a loop on purpose, and shows how the stall watcher names who did it.\n\n"
      "  --block TIME   how long (default 50ms)\n"
      "  --how HOW      cpu: computes; sleep: sleeps; read: waits in read(2) (default cpu)\n"
      "  --limit TIME   a turn that takes longer is a stall (default 20ms)\n"
      "  --help         prints this\n\n"
      "Exit status: 0 file and line of the block were named, 1 they were not, 2 wrong use.");
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help") {
      help();
      std::exit(0);
    }
    if (name != "--block" && name != "--how" && name != "--limit") {
      wrong_use("there is no option \"" + std::string(name) + "\"");
    }
    if (++i == argc) {
      wrong_use(std::string(name) + " needs a value");
    }
    if (name == "--how") {
      options.how = read_how(argv[i]);
    } else {
      (name == "--block" ? options.block : options.limit) = read_span(name, argv[i]);
    }
  }
  if (options.block <= options.limit) {
    wrong_use("--block must be longer than --limit (20ms unless it is given), or nothing stalls");
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  Reports reports;
  bool named = false;
  const int status = vigil::run(
      [](Options with, Reports* into, bool* right) -> vigil::Task<> {
        auto all = vigil::scoped(&watch_block, with, into, right);
        co_await std::move(all);
      },
      options, &reports, &named);
  if (status != 0) {
    return status;
  }
  if (!named) {
    std::printf("stall: the block was not named: it is at examples/stall.cpp, lines %u to %u.\n",
                planted.first, planted.last);
  }
  return named ? 0 : 1;
}

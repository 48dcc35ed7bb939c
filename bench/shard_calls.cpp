// Calls from one shard to another and back: bench_shard_calls [--at-once N] [--calls N]. One line
// of JSON: nanoseconds of CPU and of time a call, and how often a loop was woken for one.
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "vigil/coro/scoped.hpp"
#include "vigil/runtime/run.hpp"
#include "vigil/runtime/shards.hpp"

namespace {

using namespace vigil;
using Clock = std::chrono::steady_clock;

struct Wanted {
  std::size_t at_once = 1;
  std::size_t calls = 100'000;
};

double cpu_ns() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& t) {
    return 1e9 * static_cast<double>(t.tv_sec) + 1e3 * static_cast<double>(t.tv_usec);
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

Task<std::size_t> answer(std::size_t number) { co_return number + 1; }

Task<> call(Shards* shards, std::size_t calls, std::size_t* wrong) {
  for (std::size_t i = 0; i != calls; ++i) {
    auto calling = shards->run_on(1, &answer, i);
    const Result<std::size_t> came = co_await std::move(calling);
    if (!came || *came != i + 1) {
      ++*wrong;
    }
  }
}

Task<> call_at_once(Scope& scope, Shards* shards, const Wanted* wanted, std::size_t* wrong) {
  for (std::size_t i = 0; i != wanted->at_once; ++i) {
    if (!scope.spawn(&call, shards, wanted->calls / wanted->at_once, wrong)) {
      ++*wrong;
    }
  }
  co_return;
}

Task<std::size_t> play(Shards* shards, const Wanted* wanted) {
  std::size_t wrong = 0;
  auto calling = scoped(&call_at_once, shards, wanted, &wrong);
  co_await std::move(calling);
  co_return wrong;
}

Task<> measure(Shards& shards, const Wanted* wanted, int* status) {
  const auto wakes = [&shards] { return shards.loop(0).wakes() + shards.loop(1).wakes(); };
  auto warming = play(&shards, wanted);
  std::size_t wrong = co_await std::move(warming);
  const std::uint64_t wakes_before = wakes();
  const double cpu_before = cpu_ns();
  const auto begun = Clock::now();
  auto playing = play(&shards, wanted);
  wrong += co_await std::move(playing);
  const auto calls = static_cast<double>(wanted->calls / wanted->at_once * wanted->at_once);
  const auto took = static_cast<double>(Nanos(Clock::now() - begun).count());
  std::printf("{\"cpu_ns\": %.1f, \"time_ns\": %.1f, \"wakes\": %.4f}\n",
              (cpu_ns() - cpu_before) / calls, took / calls,
              static_cast<double>(wakes() - wakes_before) / calls);
  if (wrong != 0) {
    std::fprintf(stderr, "bench_shard_calls: %zu calls had no or a wrong answer\n", wrong);
    *status = 1;
  }
}

Task<int> two_shards(const Wanted* wanted) {
  ShardsOptions options;
  options.count = 2;
  options.mailbox = wanted->at_once;
  int status = 0;
  auto measuring = with_shards(options, &measure, wanted, &status);
  const Result<> ended = co_await std::move(measuring);
  if (!ended) {
    std::fprintf(stderr, "bench_shard_calls: %s\n", ended.error().message().c_str());
  }
  co_return ended ? status : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::size_t number = std::strtoul(argv[i + 1], nullptr, 10);
    (name == "--at-once" ? wanted.at_once : wanted.calls) = number;
  }
  if (wanted.at_once == 0 || wanted.calls < wanted.at_once) {
    std::fprintf(stderr, "usage: %s [--at-once N] [--calls N]\n", argv[0]);
    return 2;
  }
  return vigil::run(vigil::LoopOptions{}, &two_shards, &wanted);
}

// Waiting for anything: each function waits for another kind of thing.
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "vigil/vigil.hpp"

using namespace std::chrono_literals;
using vigil::Result;
using vigil::Task;

Task<> wait_for_time() {
  const auto begin = std::chrono::steady_clock::now();
  static_cast<void>(co_await vigil::sleep_for(20ms));
  const auto slept = std::chrono::steady_clock::now() - begin;
  std::printf("time: %s\n", slept >= 20ms ? "not too early" : "too early");
}

Task<> wait_for_a_signal() {
  auto signals = vigil::os::Signals::open({SIGUSR1});
  if (!signals) co_return;
  ::raise(SIGUSR1);
  auto waiting = signals->next();
  if (const auto signal = co_await std::move(waiting)) {
    std::printf("signal: %d\n", signal->number);
  }
}

Task<> wait_for_a_process() {
  vigil::os::ProcessOptions options;
  options.arguments = {"sh", "-c", "echo ready; exit 7"};
  options.output = vigil::os::Stdio::pipe();
  auto child = vigil::os::Process::spawn(options);
  if (!child) co_return;
  if (auto line = co_await child->output().receive()) {
    const std::string text(vigil::as_text(line->bytes()));
    std::printf("process said: %s", text.c_str());
  }
  auto ending = child->wait();
  if (const auto status = co_await std::move(ending)) {
    std::printf("process: exit status %d\n", status->code);
  }
}

Task<> wait_for_a_file(std::string directory) {
  auto watch = vigil::fs::Watch::open();
  if (!watch || !watch->add(directory)) co_return;
  std::FILE* file = std::fopen((directory + "/new").c_str(), "w");
  std::fclose(file);
  auto waiting = watch->next();
  if (const auto change = co_await std::move(waiting)) {
    std::printf("file: %s\n", change->name.c_str());
  }
}

Task<> produce(vigil::Channel<int>* numbers) {
  for (int i = 1; i <= 3; ++i) {
    if (!co_await numbers->send(int(i))) co_return;
  }
  numbers->close();
}

Task<> wait_for_another_task(vigil::Scope& scope, vigil::Channel<int>* numbers) {
  if (!scope.spawn(produce, numbers)) co_return;
  int sum = 0;
  while (auto number = co_await numbers->receive()) {
    sum += *number;
  }
  std::printf("channel: the sum is %d\n", sum);
}

long count_primes(long below) {
  long count = 0;
  for (long n = 2; n < below; ++n) {
    long d = 2;
    while (d * d <= n && n % d != 0) ++d;
    count += d * d > n ? 1 : 0;
  }
  return count;
}

Task<> wait_for_the_processor() {
  auto counting = vigil::offload(count_primes, 10'000L);
  if (const auto primes = co_await std::move(counting)) {
    std::printf("offload: %ld primes\n", *primes);
  }
}

Task<> wait_for_a_foreign_descriptor() {
  const int counter = ::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);  // some library's
  auto waiting = vigil::wait_readable(counter);
  if (co_await std::move(waiting)) {
    std::printf("foreign: readable\n");
  }
  ::close(counter);
}

Task<int> say_later(std::chrono::milliseconds when, int what) {
  static_cast<void>(co_await vigil::sleep_for(when));
  co_return what;
}

Task<> wait_for_several() {
  auto both = vigil::all(say_later(2ms, 1), say_later(1ms, 2));
  const auto values = co_await std::move(both);
  std::printf("all: %d and %d\n", std::get<0>(values), std::get<1>(values));

  auto race = vigil::any(say_later(1h, 1), say_later(1ms, 2));
  const auto first = co_await std::move(race);
  std::printf("any: the %s was first\n", first.index() == 0 ? "slow" : "quick");
}

Task<> wait_for_everything(std::string directory) {
  co_await wait_for_time();
  co_await wait_for_a_signal();
  co_await wait_for_a_process();
  auto file = wait_for_a_file(directory);
  co_await std::move(file);
  vigil::Channel<int> numbers(1);
  auto channel = vigil::scoped(wait_for_another_task, &numbers);
  co_await std::move(channel);
  co_await wait_for_the_processor();
  co_await wait_for_a_foreign_descriptor();
  co_await wait_for_several();
}

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("waiting: name a directory in which a file can be made.\n", stderr);
    return 2;
  }
  return vigil::run(wait_for_everything, std::string(argv[1]));
}

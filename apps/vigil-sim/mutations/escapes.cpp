// Escapes, planted: programs that reach out of the simulation. Each run of them must fail, and say
// where; they are not in the list.
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "scenarios/rows.hpp"
#include "scenarios/support.hpp"

namespace vigil::scenarios {
namespace {

Task<> asks_the_real_clock(Books*, sim::Random*) {
  const auto now = std::chrono::system_clock::now();
  co_await yield();
  Books::must(now.time_since_epoch().count() != 1, "it cannot be");
}

Task<> makes_a_system_call(Books*, sim::Random*) {
  char byte = 0;
  const ssize_t got = ::pread(0, &byte, 1, 0);
  static_cast<void>(got);
  co_await yield();
}

Task<> draws_real_entropy(Books*, sim::Random*) {
  std::random_device device("/dev/urandom");
  Books::must(device() != 1 || device() != 1, "it cannot be");
  co_await yield();
}

Task<> starts_a_thread(Books*, sim::Random*) {
  std::thread([] {}).join();
  co_await yield();
}

template <Alone body>
void once(Run& run) {
  play_alone(run, body, 1);
}

constexpr Scenario kRows[] = {
    {"escape-clock", "asks the real clock", once<asks_the_real_clock>},
    {"escape-call", "makes a system call", once<makes_a_system_call>},
    {"escape-entropy", "draws a random number of the machine's", once<draws_real_entropy>},
    {"escape-thread", "starts a thread", once<starts_a_thread>},
};

}  // namespace

std::span<const Scenario> escape_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios

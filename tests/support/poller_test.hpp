// The frame of the Poller's contract tests: one fixture, run on every backend that is registered.
#pragma once

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/descriptors.hpp"
#include "vigil/poll/poller.hpp"

namespace vigil::test {

using namespace std::chrono_literals;

// Longer than anything that happens takes; only a failing test waits so long.
inline constexpr Nanos kPatience = 20s;

inline constexpr std::uint32_t kEnding = kHungUp | kError | kPeerClosed;

inline std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const std::string_view name : Poller::backends()) {
    names.emplace_back(name);
  }
  return names;
}

class PollerTest : public ::testing::TestWithParam<std::string> {
 protected:
  PollerTest() : poller(make()) {}

  static Poller make(PollerOptions options = {.audit = Audit::off}) {
    options.backend = GetParam();
    auto made = Poller::create(std::move(options));
    if (!made) {
      ADD_FAILURE() << made.error().message();
      std::abort();
    }
    return std::move(*made);
  }

  Token add(const Source& source) {
    const auto token = poller.add(source);
    EXPECT_TRUE(token.has_value()) << token.error().message();
    return token.value_or(Token{});
  }

  // What is there now.
  std::vector<Event> now() { return wait(Nanos::zero()); }

  // The next event or events; fails if none comes.
  std::vector<Event> next() {
    const Instant deadline = after(std::chrono::steady_clock::now(), kPatience);
    for (;;) {
      auto events = wait(until(deadline, std::chrono::steady_clock::now()));
      if (!events.empty()) {
        return events;
      }
      if (std::chrono::steady_clock::now() >= deadline) {
        ADD_FAILURE() << "no event came";
        return {Event{}};
      }
    }
  }

  std::vector<Event> wait(Nanos at_most) {
    Event room[256];
    const auto events = poller.wait(room, at_most);
    EXPECT_TRUE(events.has_value()) << events.error().message();
    return events ? std::vector<Event>(events->begin(), events->end()) : std::vector<Event>{};
  }

  // The ready bits told now, 0 if nothing.
  std::uint32_t ready_now() {
    const auto events = now();
    EXPECT_LE(events.size(), 1U);
    return events.empty() ? 0 : events.front().ready;
  }

  bool tells_endings() const { return poller.backend() != "select"; }

  // How many waits return (told or empty) within `span`; a program that does nothing else spins if
  // they are many.
  int returns_within(Nanos span) {
    const Instant deadline = after(std::chrono::steady_clock::now(), span);
    int returns = 0;
    for (Instant at = std::chrono::steady_clock::now(); at < deadline && returns < 1000;
         at = std::chrono::steady_clock::now()) {
      wait(until(deadline, at));
      ++returns;
    }
    return returns;
  }

  Poller poller;
};

#define VIGIL_ON_EVERY_BACKEND(Suite)                                                    \
  INSTANTIATE_TEST_SUITE_P(, Suite, ::testing::ValuesIn(::vigil::test::backend_names()), \
                           [](const auto& tested) {                                      \
                             std::string name = tested.param;                            \
                             std::ranges::replace(name, '-', '_');                       \
                             return name;                                                \
                           })

}  // namespace vigil::test

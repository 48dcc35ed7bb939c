// explore_main names what a program under test does behind the simulation's back.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/support/not_run.hpp"
#include "vigil/sim/explore.hpp"
#include "vigil/vigil.hpp"

namespace vigil::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

Task<> keeps_inside() { static_cast<void>(co_await sleep_for(std::chrono::hours(1))); }

Task<> asks_a_real_clock() {
  static_cast<void>(co_await sleep_for(std::chrono::hours(1)));
  if (std::chrono::system_clock::now().time_since_epoch().count() == 1) {
    co_return;
  }
}

// As a program's main; what it prints goes to standard error, where the death test looks.
[[noreturn]] void main_of(Task<> (*body)()) {
  char name[] = "under_test";
  std::array<char*, 2> words{name, nullptr};
  ::dup2(2, 1);
  const int status = explore_main(1, words.data(),
                                  [body](World& world) {
                                    world.host("a").start("program", body);
                                    world.run_to_end(std::chrono::hours(2));
                                  },
                                  {.seeds = 2});
  std::fflush(stdout);
  std::_Exit(status);
}

TEST(ExploreMain, finds_nothing_in_a_program_that_keeps_inside) {
  EXPECT_EXIT(main_of(keeps_inside), testing::ExitedWithCode(0), "no failure");
}

TEST(ExploreMain, names_the_place_of_an_escape) {
  if (kSanitized) {
    VIGIL_NOT_RUN("sanitizers make calls of their own");
  }
  EXPECT_EXIT(main_of(asks_a_real_clock), testing::ExitedWithCode(1),
              "escaped by a real clock, in .*asks_a_real_clock");
}

}  // namespace
}  // namespace vigil::sim

// The main function of each test binary: Google Test's, in a process that is as after a login, but
// without the operations of the ring that VIGIL_TEST_URING_WITHOUT names.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "tests/support/afresh.hpp"

int main(int argc, char** argv) {
  // A death test that starts its binary again gets a pipe from it, and is afresh already.
  const bool again = std::any_of(argv, argv + argc, [](std::string_view word) {
    return word.starts_with("--gtest_internal_run_death_test=");
  });
  if (!again) {
    vigil::test::start_afresh();
  }
  if (const char* without = std::getenv("VIGIL_TEST_URING_WITHOUT")) {
    ::setenv("VIGIL_URING_WITHOUT", without, 1);
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

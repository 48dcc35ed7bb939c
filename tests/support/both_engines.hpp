// The two ways to wait, for tests that take too long to run on every engine; and what a build
// without liburing is asked.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/not_run.hpp"
#include "vigil/loop/capabilities.hpp"

namespace vigil::test {

// epoll, and uring where it runs.
inline std::vector<std::string> both_engines() {
  std::vector<std::string> names = engine_names();
  std::erase_if(names, [](const std::string& name) { return name != "epoll" && name != "uring"; });
  return names;
}

// Whether a ring can be asked for at all.
inline bool built_with_ring() {
  return std::ranges::none_of(capabilities(), [](const Capability& one) {
    return one.cause == Capability::Cause::not_built;
  });
}

}  // namespace vigil::test

// Ends the test as not run in a build without liburing.
#define VIGIL_NEEDS_A_RING_BUILT_IN()                           \
  if (!::vigil::test::built_with_ring()) {                      \
    VIGIL_NOT_RUN("no ring: vigil was built without liburing"); \
  } else                                                        \
    static_cast<void>(0)

// What the eventfds of this process hold together: the writes that nobody has taken yet. Of the
// kernel that the tests run on: tests/support/system for the machine's own, tests/support/sim.
#pragma once

#include <cstdint>

namespace vigil::test {

std::int64_t eventfd_counts();

}  // namespace vigil::test

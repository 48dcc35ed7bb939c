// As the simulated process's table has it.
#include "tests/support/eventfd_counts.hpp"

#include "kernel/counter.hpp"
#include "tests/support/sim/live.hpp"

namespace vigil::test {

std::int64_t eventfd_counts() {
  return Live::instance().call([](sim::Process& process) {
    std::int64_t all = 0;
    for (int fd = Live::kFirst; fd != process.handle_limit; ++fd) {
      if (const auto* counter = dynamic_cast<const sim::Counter*>(process.file(fd))) {
        all += static_cast<std::int64_t>(counter->count());
      }
    }
    return all;
  });
}

}  // namespace vigil::test

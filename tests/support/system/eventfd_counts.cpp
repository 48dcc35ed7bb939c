// As /proc tells it.
#include "tests/support/eventfd_counts.hpp"

#include <filesystem>
#include <fstream>
#include <string>

namespace vigil::test {

std::int64_t eventfd_counts() {
  std::int64_t all = 0;
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream about(one.path());
    for (std::string word; about >> word;) {
      if (word == "eventfd-count:") {
        std::int64_t count = 0;
        about >> std::hex >> count;
        all += count;
      }
    }
  }
  return all;
}

}  // namespace vigil::test

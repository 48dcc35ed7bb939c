// A test whose tool or privilege is missing on this machine says so and counts as skipped, never as
// passed.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace vigil::test {

// The first program `name` on PATH, or "".
inline std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "/usr/bin:/bin";
  rest += ":/usr/sbin:/sbin:";
  for (std::size_t colon = 0; (colon = rest.find(':')) != std::string::npos;
       rest.erase(0, colon + 1)) {
    std::string candidate = rest.substr(0, colon) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return {};
}

}  // namespace vigil::test

// Ends the test as not run; `why` is streamed: VIGIL_NOT_RUN("nginx is not installed").
#define VIGIL_NOT_RUN(why)                          \
  do {                                              \
    const std::string why_not_ = (why);             \
    std::printf("not run: %s\n", why_not_.c_str()); \
    std::fflush(stdout);                            \
    GTEST_SKIP() << "not run: " << why_not_;        \
  } while (false)

// Ends the test as not run unless the program `name` is on PATH.
#define VIGIL_NEEDS_PROGRAM(name)                           \
  if (::vigil::test::find_program(name).empty()) {          \
    VIGIL_NOT_RUN(std::string(name) + " is not installed"); \
  } else                                                    \
    static_cast<void>(0)

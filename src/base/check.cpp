// The end of a program that was used wrongly.
#include "vigil/base/check.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace vigil {
namespace {
std::atomic<CheckHandler> installed{nullptr};
}  // namespace

CheckHandler set_check_handler(CheckHandler handler) noexcept {
  return installed.exchange(handler);
}

void detail::check_failed(const char* sentence, std::source_location where) {
  if (CheckHandler handler = installed.load()) {
    handler(sentence, where);
  }
  std::fprintf(stderr, "vigil: check failed at %s:%u (%s): %s\n", where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name(), sentence);
  std::abort();
}

}  // namespace vigil

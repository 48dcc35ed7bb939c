// check: a programmer's mistake stops the program, in every build, with one sentence that names
// both sides.
#pragma once

#include <source_location>
#include <string_view>

namespace vigil {

// What is called with the sentence instead of printing it to standard error and aborting. It must
// not return; tests install one that throws or exits. Thread-safe to install; null restores the
// default. Returns the old one.
using CheckHandler = void (*)(std::string_view sentence, std::source_location where);
CheckHandler set_check_handler(CheckHandler handler) noexcept;

namespace detail {
[[noreturn, gnu::cold, gnu::noinline]] void check_failed(const char* sentence,
                                                         std::source_location where);
}  // namespace detail

// Stops the program if `holds` is false. `sentence` says what was used wrongly, and how to use it
// instead.
[[gnu::always_inline]] inline void check(
    bool holds, const char* sentence,
    std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]] {
    detail::check_failed(sentence, where);
  }
}

}  // namespace vigil

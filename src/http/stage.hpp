// Where a parser can stop, and what it calls a byte that stands in its way.
#pragma once

#include <cstdint>

#include "vigil/http/message.hpp"

namespace vigil::http::detail {

// Stages of all parsers; those of the start line come first.
enum Stage : std::uint8_t {
  kStart,
  kStartLf,
  kMethod,
  kTarget,
  kVersion,
  kReason,
  kLineStart,
  kName,
  kBlank,
  kValue,
  kLineEnd,
  kLastLineEnd,
};

// What a byte that must not stand in a line is called, if it has a name of its own.
[[gnu::cold]] inline Fault fault_of_byte(char c, Fault otherwise) noexcept {
  if (c == '\n') {
    return Fault::bare_lf;
  }
  if (c == '\0') {
    return Fault::null_byte;
  }
  return otherwise;
}

}  // namespace vigil::http::detail

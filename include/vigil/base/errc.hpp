// Errors of vigil's own, which no system has a number for.
#pragma once

#include <cstdint>
#include <system_error>

namespace vigil {

// The codes of vigil_category(). Each compares equal to the std::errc that is named beside it.
enum class Errc {
  forked = 1  // operation_not_permitted: a child process uses its parent's Loop
};

const std::error_category& vigil_category() noexcept;

inline std::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), vigil_category()};
}

// What an operation's outcome is for Errc::forked: below every -errno.
inline constexpr std::int32_t kForked = -4096;

}  // namespace vigil

template <>
struct std::is_error_code_enum<vigil::Errc> : std::true_type {};

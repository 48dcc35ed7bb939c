// Result<T>: a value or a std::error_code. Every fallible call of vigil returns one; nothing
// throws.
#pragma once

#include <cstdint>
#include <expected>
#include <system_error>

namespace vigil {

template <class T = void>
using Result = std::expected<T, std::error_code>;

// The error of a Result from a system's error number (errno, positive). The category is
// std::generic_category, so that `error == std::errc::operation_canceled` holds.
[[nodiscard, gnu::cold, gnu::noinline]] std::unexpected<std::error_code> error(int number) noexcept;
[[nodiscard, gnu::cold, gnu::noinline]] std::unexpected<std::error_code> error(
    std::errc code) noexcept;

// The error of a Result from an operation's outcome: `negative` is -errno, as the kernel returns
// it, or kForked of vigil/base/errc.hpp.
[[nodiscard, gnu::cold, gnu::noinline]] std::unexpected<std::error_code> failed(
    std::int32_t negative) noexcept;

}  // namespace vigil

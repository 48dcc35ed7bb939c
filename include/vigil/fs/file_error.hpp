// FileError: what went wrong with a file and has no error number of its own.
#pragma once

#include <cstdint>
#include <system_error>
#include <type_traits>

#include "vigil/base/result.hpp"

namespace vigil::fs {

// Each equals std::errc::invalid_argument, which is all that the system gives, but says what is
// meant.
enum class FileError {
  misaligned = 1,  // direct I/O with an address, offset or size that Status::direct_* forbids
  no_direct_io,    // the file system has none (tmpfs, some overlays): open without `direct`
};
const std::error_category& file_category() noexcept;
std::error_code make_error_code(FileError what) noexcept;

namespace detail {

// The error of a Result from a file operation's outcome.
[[nodiscard, gnu::cold, gnu::noinline]] std::unexpected<std::error_code> file_failed(
    std::int32_t negative) noexcept;

}  // namespace detail

}  // namespace vigil::fs

template <>
struct std::is_error_code_enum<vigil::fs::FileError> : std::true_type {};

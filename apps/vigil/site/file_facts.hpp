// What is known of a file, as far as an answer depends on it.
#pragma once

#include <cstdint>

namespace vigil::site {

struct FileFacts {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;        // bytes
  std::int64_t modified_ns = 0;  // since 1970
  std::int64_t changed_ns = 0;   // of the inode, since 1970
  friend bool operator==(const FileFacts&, const FileFacts&) = default;
};

// Whole seconds since 1970, rounded down, as HTTP dates count.
constexpr std::int64_t seconds(std::int64_t nanoseconds) noexcept {
  return nanoseconds / 1'000'000'000 - (nanoseconds % 1'000'000'000 < 0 ? 1 : 0);
}

}  // namespace vigil::site

// Views between text and bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace vigil {

using ByteView = std::span<const std::byte>;

// The same memory seen as bytes; valid as long as `text` is.
inline ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// The same memory seen as characters; valid as long as `bytes` is.
inline std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace vigil

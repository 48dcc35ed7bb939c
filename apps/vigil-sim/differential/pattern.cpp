// The bytes that histories write, and how what was read is told in short.
#include <vector>

#include "differential/machine.hpp"
#include "kernel/random.hpp"

namespace vigil::differential {

std::span<const std::byte> pattern() noexcept {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> made(kMostBytes + 4096);
    sim::Random random(1, "pattern");
    for (std::byte& each : made) {
      each = static_cast<std::byte>(random.next());
    }
    return made;
  }();
  return bytes;
}

std::uint64_t hash(std::span<const std::byte> bytes) noexcept {
  std::uint64_t state = bytes.size() + 1;
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    state = (state ^ word) * 0x9e3779b97f4a7c15ULL;
    state ^= state >> 29;
    bytes = bytes.subspan(size);
  }
  return state;
}

}  // namespace vigil::differential

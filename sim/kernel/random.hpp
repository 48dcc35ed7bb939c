// Random: what a seed decides. One stream a purpose, so that one more draw for one of them leaves
// the others as they were.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace vigil::sim {

// xoshiro256**, seeded by splitmix64 (Blackman and Vigna). The same everywhere, unlike the
// standard's distributions.
class Random {
 public:
  Random(std::uint64_t seed, std::string_view purpose) noexcept {
    std::uint64_t state = seed;
    for (const char c : purpose) {
      state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    for (std::uint64_t& word : state_) {
      word = split(state);
    }
  }

  std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Below `limit`, which is not zero. The bias is below limit / 2^64.
  std::uint64_t below(std::uint64_t limit) noexcept {
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * limit) >> 64);
  }
  // From `low` to `high`, both included.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
    return low + below(high - low + 1);
  }
  // True `parts` times in a million.
  bool once_in_a_million(std::uint32_t parts) noexcept { return below(1'000'000) < parts; }

 private:
  __extension__ using Wide = unsigned __int128;

  static std::uint64_t split(std::uint64_t& state) noexcept {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::uint64_t state_[4];
};

}  // namespace vigil::sim

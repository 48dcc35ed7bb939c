// kInstruments: whether the library watches itself. It does, but for a build that shows what that
// costs (VIGIL_INSTRUMENTS=OFF in CMake), which is never installed: programs and library must
// agree.
#pragma once

#include <atomic>

namespace vigil {

// False: a loop does not tell the stall watcher where it is, and what nothing but figures read is
// not counted.
#ifdef VIGIL_INSTRUMENTS
inline constexpr bool kInstruments = VIGIL_INSTRUMENTS != 0;
#else
inline constexpr bool kInstruments = true;
#endif

// A word between a loop and those who look at it from beside: the one side stores, the other reads.
// It begins as zero, and stays so without instruments.
template <class T>
class Shown {
 public:
  [[gnu::always_inline]] void store(T value) noexcept {
    if constexpr (kInstruments) {
      value_.store(value, std::memory_order_relaxed);
    }
  }
  [[gnu::always_inline]] T load() const noexcept {
    if constexpr (kInstruments) {
      return value_.load(std::memory_order_relaxed);
    }
    return T{};
  }

 private:
  std::atomic<T> value_{};
};

}  // namespace vigil

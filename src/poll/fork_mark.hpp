// Whose process this is, at the price of a load: a child after fork(2) shares its parent's epoll
// set and timers, and must not take events from them or change them.
#pragma once

#include <cstdint>

namespace vigil {

// A word that the kernel clears in a forked child (madvise(2), MADV_WIPEONFORK), and that holds the
// process's id.
class ForkMark {
 public:
  ForkMark() noexcept;
  // False in a child of the process that made this mark.
  bool holds() const noexcept { return __atomic_load_n(word_, __ATOMIC_RELAXED) == process_; }

 private:
  std::uint64_t* word_;
  std::uint64_t process_;
};

}  // namespace vigil

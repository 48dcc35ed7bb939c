// The processors that a thread may have, and a thread that is kept on one of them: Linux. What such
// a thread starts (threads for files, the watcher, a child program) would be kept there with it, so
// it starts them Unpinned.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstddef>
#include <memory>

namespace vigil {

// A set of processors, with room for as many as it was made for.
class ProcessorMask {
 public:
  explicit ProcessorMask(std::size_t count) noexcept : count_(count), set_(CPU_ALLOC(count)) {}
  ~ProcessorMask() {
    if (set_ != nullptr) {
      CPU_FREE(set_);
    }
  }
  ProcessorMask(const ProcessorMask&) = delete;
  ProcessorMask& operator=(const ProcessorMask&) = delete;

  // False: there was no memory.
  explicit operator bool() const noexcept { return set_ != nullptr; }
  std::size_t bytes() const noexcept { return CPU_ALLOC_SIZE(count_); }
  std::size_t count() const noexcept { return count_; }
  cpu_set_t* get() const noexcept { return set_; }
  bool has(std::size_t processor) const noexcept {
    return CPU_ISSET_S(processor, bytes(), set_) != 0;
  }

 private:
  std::size_t count_;
  cpu_set_t* set_;
};

// The calling thread's; null if there is no memory.
std::unique_ptr<ProcessorMask> own_mask() noexcept;

// Gives the calling thread these processors. 0 or an errno.
int take_mask(const ProcessorMask& mask) noexcept;

// The calling thread has this one processor from now on. 0 or an errno.
int stay_on(unsigned processor) noexcept;

// Known as kept on `processor`, while this lives, is the thread that made it; `before` is what it
// would have otherwise, and outlives this. Ends on the same thread.
class Pinned {
 public:
  Pinned(unsigned processor, const ProcessorMask& before) noexcept;
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  friend class Unpinned;

  unsigned processor_;
  const ProcessorMask& before_;
};

// While this lives the calling thread has the processors that it had before it was pinned, if it
// was.
class Unpinned {
 public:
  Unpinned() noexcept;
  ~Unpinned();
  Unpinned(const Unpinned&) = delete;
  Unpinned& operator=(const Unpinned&) = delete;
};

}  // namespace vigil

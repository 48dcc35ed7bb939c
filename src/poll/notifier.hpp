// What ends a wait from another thread: an eventfd behind one flag, so that a burst of posts costs
// one system call.
//
// The flag is true from the post that writes the eventfd until the waiter has seen that write. Both
// sides exchange it: a post that finds it true is covered by a write that the waiter has yet to
// see, and the exchange that clears it makes what was stored before that post visible. The eventfd
// is registered once and never modified: a re-armed one can lose a wake-up.
#pragma once

#include <atomic>

#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"

namespace vigil {

class Notifier {
 public:
  Notifier() = default;
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  Result<> open() noexcept;
  NativeHandle handle() const noexcept { return handle_; }

  // Any thread.
  void post() noexcept;

  // The waiter's side. Whether a post may be among the events: false is certain, since a post sets
  // the flag first.
  bool pending() const noexcept { return pending_.load(std::memory_order_relaxed); }
  // After its event was seen by an edge-triggered waiter: the count in the eventfd is of no
  // interest.
  void seen() noexcept { pending_.exchange(false, std::memory_order_acq_rel); }
  // The same for a level-triggered waiter. Emptied before the flag falls: the other order would
  // swallow a newer write.
  void drain() noexcept;

 private:
  NativeHandle handle_ = kNoHandle;
  std::atomic<bool> pending_{false};
};

}  // namespace vigil

// Mailbox: operations that end on another thread come home through it, with one wake for many.
#pragma once

#include <atomic>

#include "vigil/loop/op.hpp"

namespace vigil {

// Many posters, one loop. Posting takes no lock and allocates nothing: the operation is its own
// letter. It needs no bound of its own, since each letter is an operation that the loop once gave
// away.
class Mailbox {
 public:
  // Any thread. True if the loop must be woken: it was told nothing since it last looked.
  bool post(Op& op) noexcept {
    Op* seen = newest_.load(std::memory_order_relaxed);
    do {
      op.next = seen;
    } while (!newest_.compare_exchange_weak(seen, &op, std::memory_order_release,
                                            std::memory_order_relaxed));
    return seen == nullptr;
  }

  // The loop's thread. All letters so far, oldest first, linked by `next`.
  Op* collect() noexcept {
    if (newest_.load(std::memory_order_relaxed) == nullptr) {
      return nullptr;
    }
    Op* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    Op* oldest = nullptr;
    while (newest != nullptr) {
      Op* older = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = older;
    }
    return oldest;
  }

  bool empty() const noexcept { return newest_.load(std::memory_order_acquire) == nullptr; }

 private:
  std::atomic<Op*> newest_{nullptr};
};

}  // namespace vigil

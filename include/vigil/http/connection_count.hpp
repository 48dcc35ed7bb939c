// How many connections several servers have together.
#pragma once

#include <atomic>
#include <cstddef>

namespace vigil::http {

// Of servers that are each on a loop of their own: what Limits::connections is compared with where
// they share one. Any thread; it must outlive them.
class ConnectionCount {
 public:
  // False: there are `most` already.
  bool enter(std::size_t most) noexcept {
    std::size_t seen = count_.load(std::memory_order_relaxed);
    do {
      if (seen >= most) {
        return false;
      }
    } while (!count_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed));
    return true;
  }
  void leave() noexcept { count_.fetch_sub(1, std::memory_order_relaxed); }
  std::size_t now() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> count_{0};
};

// A count with a limit of its own: of those that come by one address, at whichever of several
// servers. Any thread; it must outlive them.
class ConnectionLimit {
 public:
  // 0: as many as come. Those above it that are there already stay.
  void set(std::size_t most) noexcept { most_.store(most, std::memory_order_relaxed); }
  // False: there are so many already.
  bool enter() noexcept {
    const std::size_t most = most_.load(std::memory_order_relaxed);
    return count_.enter(most != 0 ? most : ~std::size_t{0});
  }
  void leave() noexcept { count_.leave(); }
  std::size_t now() const noexcept { return count_.now(); }

 private:
  ConnectionCount count_;
  std::atomic<std::size_t> most_{0};
};

}  // namespace vigil::http

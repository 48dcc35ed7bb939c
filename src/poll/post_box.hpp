// What other threads posted to user sources, until the Poller's thread takes it. The only part of a
// Poller with a lock.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "vigil/poll/event.hpp"

namespace vigil {

class PostBox {
 public:
  // Throws std::bad_alloc.
  void open(Slot slot) {
    const std::scoped_lock lock(mutex_);
    users_.try_emplace(key(slot));
    queue_.reserve(users_.size());  // so that post() does not allocate
  }

  void close(Slot slot) noexcept {
    const std::scoped_lock lock(mutex_);
    users_.erase(key(slot));
    std::erase(queue_, slot);
  }

  // Any thread. False: no such source.
  bool post(Slot slot) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto user = users_.find(key(slot));
    if (user == users_.end()) {
      return false;
    }
    if (user->second.count++ == 0 && user->second.armed) {
      enqueue(slot);
    }
    return true;
  }

  // What is posted while a source is not armed waits for the next arm().
  void arm(Slot slot) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto user = users_.find(key(slot));
    if (user != users_.end() && !user->second.armed) {
      user->second.armed = true;
      if (user->second.count != 0) {
        enqueue(slot);
      }
    }
  }

  // Whether something may be queued; a post made before the notify() that ended a wait is seen.
  bool any() const noexcept { return any_.load(std::memory_order_acquire); }

  // Calls `each(slot, count)`, which answers whether the source stays armed, for at most `limit`
  // sources, oldest first.
  template <class F>
  void take(std::size_t limit, F each) noexcept {
    const std::scoped_lock lock(mutex_);
    const std::size_t taken = limit < queue_.size() ? limit : queue_.size();
    for (std::size_t i = 0; i < taken; ++i) {
      User& user = users_.find(key(queue_[i]))->second;
      user.armed = each(queue_[i], user.count);
      user.count = 0;
    }
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(taken));
    any_.store(!queue_.empty(), std::memory_order_release);
  }

 private:
  struct User {
    std::int64_t count = 0;
    bool armed = true;
  };

  static std::uint64_t key(Slot slot) noexcept { return std::bit_cast<std::uint64_t>(slot); }

  void enqueue(Slot slot) noexcept {
    queue_.push_back(slot);
    any_.store(true, std::memory_order_release);
  }

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, User> users_;
  std::vector<Slot> queue_;
  std::atomic<bool> any_{false};
};

}  // namespace vigil

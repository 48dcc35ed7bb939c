// Wait queues, and the counted references to descriptions.
#include "kernel/file.hpp"

#include <cerrno>

#include "kernel/event_poll.hpp"
#include "kernel/kernel.hpp"
#include "vigil/base/check.hpp"

namespace vigil::sim {

WaitQueue::~WaitQueue() {
  while (first_ != nullptr) {
    remove(*first_);
  }
}

void WaitQueue::add(Waiter& waiter) noexcept {
  check(waiter.queue == nullptr, "sim: a waiter was added to a second queue: remove it first");
  waiter.queue = this;
  if (waiter.exclusive) {
    waiter.previous = last_;
    waiter.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &waiter;
    last_ = &waiter;
  } else {
    waiter.previous = nullptr;
    waiter.next = first_;
    (first_ != nullptr ? first_->previous : last_) = &waiter;
    first_ = &waiter;
  }
}

void WaitQueue::remove(Waiter& waiter) noexcept {
  check(waiter.queue == this, "sim: a waiter was removed from a queue that it is not in");
  for (Walk* walk = walks_; walk != nullptr; walk = walk->outer) {
    if (walk->next == &waiter) {
      walk->next = waiter.next;
    }
  }
  (waiter.previous != nullptr ? waiter.previous->next : first_) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : last_) = waiter.previous;
  waiter.next = nullptr;
  waiter.previous = nullptr;
  waiter.queue = nullptr;
}

void WaitQueue::wake_exclusive(std::uint32_t bits) noexcept {
  Waiter* from = nullptr;
  for (Waiter* waiter = last_; waiter != nullptr && waiter->exclusive; waiter = waiter->previous) {
    from = waiter;
  }
  if (from != nullptr) {
    call(from, bits, true);
  }
}

bool WaitQueue::call(Waiter* from, std::uint32_t bits, bool until_taken) noexcept {
  Walk walk{from, walks_};
  walks_ = &walk;
  bool taken = false;
  while (!taken && walk.next != nullptr) {
    Waiter& waiter = *walk.next;
    walk.next = waiter.next;
    const bool exclusive = waiter.exclusive;
    taken = waiter.wake(waiter, bits) && exclusive && until_taken;
  }
  walks_ = walk.outer;
  return taken;
}

File::File(Kernel& kernel) noexcept : kernel_(kernel), serial_(kernel.next_serial()) {
  ++kernel_.live_files_;
}

File::~File() { --kernel_.live_files_; }

std::int64_t File::read(std::span<std::byte> /*to*/) noexcept { return -EINVAL; }
std::int64_t File::write(std::span<const std::byte> /*from*/) noexcept { return -EINVAL; }

void File::drop_handle() noexcept {
  if (--handles_ == 0) {
    EventPoll::forget(*this);
    if (!kernel_.crashing()) {
      closed();
    }
  }
  drop();
}

}  // namespace vigil::sim

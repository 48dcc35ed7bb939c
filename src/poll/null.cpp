// The porting template: a Selector that watches nothing, but keeps the rest of the contract. To
// port vigil to a new system, copy this file, fill in what says ENOSYS, add a row in registry.cpp,
// and run tests/contract.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>

#include "poll/backends.hpp"

namespace vigil {
namespace {

// Say what the system does natively; the rest is emulated by the users of a Selector, or refused.
constexpr SelectorTraits kTraits{.name = "null",
                                 .edge = false,
                                 .oneshot = false,
                                 .exclusive = false,
                                 .pollable = false,
                                 .handles = 0};

class NullSelector final : public Selector {
 public:
  const SelectorTraits& traits() const noexcept override { return kTraits; }

  // Must exist: add, modify and remove, in order, stopping at the first error; EBADF, EEXIST,
  // ENOENT, EPERM as selector.hpp lists them.
  Result<> apply(std::span<const Change> changes) noexcept override {
    if (changes.empty()) {
      return {};
    }
    return error(std::errc::function_not_supported);
  }

  // Must exist: a sleep that is never shorter than `at_most`, ended by an event or by notify().
  Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept override {
    std::unique_lock lock(mutex_);
    const auto notified = [this] { return notified_; };
    if (at_most == kForever) {
      changed_.wait(lock, notified);
    } else {
      changed_.wait_until(lock, after(std::chrono::steady_clock::now(), at_most), notified);
    }
    notified_ = false;
    return room.first(0);
  }

  // Must exist: thread-safe, coalesced, and never lost between two waits.
  void notify() noexcept override {
    const std::scoped_lock lock(mutex_);
    notified_ = true;
    changed_.notify_one();
  }

  NativeHandle handle() const noexcept override { return kNoHandle; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool notified_ = false;
};

}  // namespace

Result<std::unique_ptr<Selector>> make_null_selector() {
  std::unique_ptr<Selector> made(new (std::nothrow) NullSelector);
  if (!made) {
    return error(std::errc::not_enough_memory);
  }
  return made;
}

}  // namespace vigil

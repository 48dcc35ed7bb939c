// Tasks that wait for each other: ManualResetEvent, Mutex, Semaphore. All are of one loop, so none
// needs a lock: they order tasks, not threads.
//
// All are fair: who waits first goes on first, and nobody overtakes. A grant is made when it
// becomes possible, and stands: a cancel that comes later finds the task granted, and no permit is
// lost. All may be destroyed once nobody waits or holds.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "vigil/base/check.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/loop/op.hpp"

namespace vigil {

namespace detail {

// An await that `source` can grant at once, or that stands in a list of it until granted. Source
// has `bool take(Op&)` (true: granted) and `WaitList& line(Op&)`.
template <class Source>
class LineAwaiter {
 public:
  LineAwaiter(Node& node, Source& source) noexcept : node_(node), source_(source) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) noexcept {
    if ((node_.flags & kCancelled) != 0) {
      node_.result = -ECANCELED;
      return false;
    }
    if (source_.take(node_)) {
      node_.result = 0;
      return !Loop::current()->spend(node_);
    }
    WaitList& line = source_.line(node_);
    node_.code = Opcode::wait;
    node_.data = reinterpret_cast<std::byte*>(&line);
    node_.state = OpState::in_flight;
    line.push(node_);
    return true;
  }

 protected:
  Node& node_;
  Source& source_;
};

// Grants the first of a line: it goes on in the next turn.
inline void grant(WaitList& line) noexcept { Loop::current()->finish(*line.pop(), 0); }

}  // namespace detail

// Something that has happened, or not yet. Any number of tasks wait for it; set() lets all go on.
class ManualResetEvent {
 public:
  ManualResetEvent() noexcept = default;
  ManualResetEvent(const ManualResetEvent&) = delete;
  ManualResetEvent& operator=(const ManualResetEvent&) = delete;
  ~ManualResetEvent() {
    check(waiting_.empty(),
          "a ManualResetEvent was destroyed while a task waits for it: end that task first");
  }

  // Everyone who waits goes on, and whoever waits from now on does not wait at all. Idempotent;
  // runs nobody. From another thread: Loop::post.
  void set() noexcept {
    set_ = true;
    while (!waiting_.empty()) {
      detail::grant(waiting_);
    }
  }
  // From now on tasks wait again. Those that were let go stay so.
  void reset() noexcept { set_ = false; }
  bool is_set() const noexcept { return set_; }

  // co_await: Result<>. Errors: operation_canceled.
  class Wait;
  Wait wait() noexcept;

 private:
  friend class detail::LineAwaiter<ManualResetEvent>;
  bool take(Op&) const noexcept { return set_; }
  WaitList& line(Op&) noexcept { return waiting_; }

  WaitList waiting_;
  bool set_ = false;
};

class [[nodiscard("co_await it")]] ManualResetEvent::Wait {
 public:
  explicit Wait(ManualResetEvent& event) noexcept : event_(event) {}
  class Awaiter : public detail::LineAwaiter<ManualResetEvent> {
   public:
    using LineAwaiter::LineAwaiter;
    Result<> await_resume() const noexcept {
      return node_.result < 0 ? Result<>(failed(node_.result)) : Result<>();
    }
  };
  Awaiter bind(Node& node) const noexcept { return Awaiter(node, event_); }

 private:
  ManualResetEvent& event_;
};

inline ManualResetEvent::Wait ManualResetEvent::wait() noexcept { return Wait(*this); }

// A number of permits, taken and given back. Fair also in size: one who asks for many is not passed
// by those who ask for few.
class Semaphore {
 public:
  explicit Semaphore(std::size_t permits) noexcept : available_(permits) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() {
    check(waiting_.empty(),
          "a Semaphore was destroyed while a task waits for a permit: end that task first");
  }

  // Permits that its destructor gives back. Move-only; on the semaphore's loop, and not longer than
  // the semaphore.
  class Permit {
   public:
    Permit() noexcept = default;
    Permit(Permit&& other) noexcept
        : of_(std::exchange(other.of_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        release();
        of_ = std::exchange(other.of_, nullptr);
        count_ = std::exchange(other.count_, 0);
      }
      return *this;
    }
    ~Permit() { release(); }

    // Gives them back now. Idempotent.
    void release() noexcept {
      if (of_ != nullptr) {
        std::exchange(of_, nullptr)->add(std::exchange(count_, 0));
      }
    }
    // Keeps them for good: the semaphore has that many fewer.
    void forget() noexcept { of_ = nullptr; }
    std::size_t count() const noexcept { return count_; }
    explicit operator bool() const noexcept { return of_ != nullptr; }

   private:
    friend class Semaphore;
    Permit(Semaphore& of, std::size_t count) noexcept : of_(&of), count_(count) {}

    Semaphore* of_ = nullptr;
    std::size_t count_ = 0;
  };

  // co_await: Result<Permit>, for `count` permits at once. More than there will ever be waits until
  // it is cancelled. Errors: operation_canceled, and then none was taken.
  class Acquire;
  Acquire acquire(std::uint32_t count = 1) noexcept;

  // `count` permits if they are there and nobody waits, else an empty Permit.
  Permit try_acquire(std::uint32_t count = 1) noexcept {
    if (!waiting_.empty() || count > available_) {
      return {};
    }
    available_ -= count;
    return Permit(*this, count);
  }

  // Adds permits, and lets those go on who can. Runs nobody.
  void add(std::size_t count) noexcept {
    available_ += count;
    settle();
  }
  std::size_t available() const noexcept { return available_; }

 private:
  friend class detail::LineAwaiter<Semaphore>;
  bool take(const Op& op) noexcept {
    if (!waiting_.empty() || op.size > available_) {
      return false;
    }
    available_ -= op.size;
    return true;
  }
  WaitList& line(Op&) noexcept { return waiting_; }

  void settle() noexcept {
    while (!waiting_.empty() && waiting_.first->size <= available_) {
      available_ -= waiting_.first->size;
      detail::grant(waiting_);
    }
  }

  WaitList waiting_;
  std::size_t available_;
};

class [[nodiscard("co_await it")]] Semaphore::Acquire {
 public:
  Acquire(Semaphore& of, std::uint32_t count) noexcept : of_(of), count_(count) {}
  class Awaiter : public detail::LineAwaiter<Semaphore> {
   public:
    Awaiter(Node& node, Semaphore& of, std::uint32_t count) noexcept
        : LineAwaiter(node, of), count_(count) {
      node.size = count;
    }
    Result<Permit> await_resume() const noexcept {
      if (node_.result < 0) {
        source_.settle();  // who stood behind it may have enough
        return failed(node_.result);
      }
      return Permit(source_, count_);
    }

   private:
    std::uint32_t count_;
  };
  Awaiter bind(Node& node) const noexcept { return Awaiter(node, of_, count_); }

 private:
  Semaphore& of_;
  std::uint32_t count_;
};

inline Semaphore::Acquire Semaphore::acquire(std::uint32_t count) noexcept {
  return Acquire(*this, count);
}

// One task at a time, also across its waits. Unlocking hands the lock to who waits longest: nobody
// takes it in between. (Between two waits a task runs alone anyhow, and needs no mutex.)
class Mutex {
 public:
  Mutex() noexcept = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  ~Mutex() {
    check(!locked_ || abandoned(),
          "a Mutex was destroyed while it is locked: drop its guard first");
  }

  // The lock, until it is destroyed. Move-only; on the mutex's loop, and not longer than the mutex.
  class Guard {
   public:
    Guard() noexcept = default;
    Guard(Guard&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      if (this != &other) {
        unlock();
        of_ = std::exchange(other.of_, nullptr);
      }
      return *this;
    }
    ~Guard() { unlock(); }

    // Unlocks now. Idempotent; runs nobody.
    void unlock() noexcept {
      if (of_ != nullptr) {
        std::exchange(of_, nullptr)->unlock();
      }
    }
    explicit operator bool() const noexcept { return of_ != nullptr; }

   private:
    friend class Mutex;
    explicit Guard(Mutex& of) noexcept : of_(&of) {}

    Mutex* of_ = nullptr;
  };

  // co_await: Result<Guard>. A task that locks what it holds waits until it is cancelled. Errors:
  // operation_canceled, and then it is not held.
  class Lock;
  Lock lock() noexcept;

  // An empty Guard if it is locked.
  Guard try_lock() noexcept {
    if (std::exchange(locked_, true)) {
      return {};
    }
    return Guard(*this);
  }
  bool is_locked() const noexcept { return locked_; }

 private:
  friend class detail::LineAwaiter<Mutex>;
  bool take(Op&) noexcept { return !std::exchange(locked_, true); }
  WaitList& line(Op&) noexcept { return waiting_; }

  void unlock() noexcept {
    if (waiting_.empty()) {
      locked_ = false;
    } else {
      detail::grant(waiting_);
    }
  }

  // It may have been granted to a task that never went on.
  static bool abandoned() noexcept {
    return Loop::current() != nullptr && Loop::current()->abandoned();
  }

  WaitList waiting_;
  bool locked_ = false;
};

class [[nodiscard("co_await it")]] Mutex::Lock {
 public:
  explicit Lock(Mutex& of) noexcept : of_(of) {}
  class Awaiter : public detail::LineAwaiter<Mutex> {
   public:
    using LineAwaiter::LineAwaiter;
    Result<Guard> await_resume() const noexcept {
      if (node_.result < 0) {
        return failed(node_.result);
      }
      return Guard(source_);
    }
  };
  Awaiter bind(Node& node) const noexcept { return Awaiter(node, of_); }

 private:
  Mutex& of_;
};

inline Mutex::Lock Mutex::lock() noexcept { return Lock(*this); }

}  // namespace vigil

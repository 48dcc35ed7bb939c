// The lane's two sides: the home loop, which counts who is inside, and the threads of the host,
// which take from one queue.
#include "vigil/loop/lane.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "vigil/base/check.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {

Lane::Lane(Loop& home, Role role, LaneOptions options) noexcept
    : home_(home), role_(role), options_(options) {
  check(options.threads != 0 && options.capacity != 0,
        "a lane was given no thread or no room, so nothing in it would ever end: give it at least "
        "one of each");
}

Lane::~Lane() {
  crew_.reset();
  check(operations() == 0,
        "a loop was destroyed while a lane still works for its tasks: let the "
        "tasks end first, run() and scopes do");
}

// ---- The home loop's thread. ----

bool Lane::submit(Op& op) noexcept {
  if (inside_ < options_.capacity) {
    enter(op);
  } else {
    ++delayed_;
    ++waiting_;
    outside_.push(op);
  }
  return true;
}

void Lane::enter(Op& op) noexcept {
  ++inside_;
  if (const std::int32_t called = call_for(op); called < 0) {
    --inside_;
    home_.finish(op, called);
  }
}

// Queues the operation and calls a thread for it: 0, or why there is none.
std::int32_t Lane::call_for(Op& op) noexcept {
  if (!crew_) {
    auto started = home_.host().start(*this, role_, options_.threads);
    if (!started) {
      return -started.error().value();
    }
    crew_ = std::move(*started);
  }
  op.result = static_cast<std::int32_t>(stamp());
  {
    const std::scoped_lock lock(mutex_);
    queue_.push(op);
    ++queued_;
  }
  const bool called = crew_->call(inside_);
  threads_.set(crew_->threads());
  return called || !take_back(op) ? 0 : -EAGAIN;
}

bool Lane::take_back(Op& op) noexcept {
  const std::scoped_lock lock(mutex_);
  // A scope cancels its newest task first.
  for (const Op* queued = queue_.last; queued != nullptr; queued = queued->prev) {
    if (queued == &op) {
      queue_.remove(op);
      --queued_;
      return true;
    }
  }
  return false;
}

void Lane::cancel(Op& op) noexcept {
  bool taken_back = false;
  for (const Op* waiting = outside_.last; waiting != nullptr && !taken_back;
       waiting = waiting->prev) {
    taken_back = waiting == &op;
  }
  if (taken_back) {
    outside_.remove(op);
    --waiting_;
  } else if (take_back(op)) {
    came_home();
  } else {
    return;  // a thread is in it
  }
  ++cancelled_;
  home_.finish(op, -ECANCELED);
}

void Lane::came_home() noexcept {
  --inside_;
  while (inside_ < options_.capacity && !outside_.empty()) {
    --waiting_;
    enter(*outside_.pop());  // one that no thread could take ended, and left its place to the next
  }
}

Op* Lane::abandon() noexcept {
  crew_.reset();
  threads_.set(0);
  waiting_.set(0);
  inside_ = 0;  // who is home already waits in the mailbox, which is emptied too
  queued_ = 0;
  for (WaitList* list : {&in_hand_, &queue_, &outside_}) {
    if (Op* op = list->pop()) {
      return op;
    }
  }
  return nullptr;
}

std::size_t Lane::operations() const noexcept {
  std::size_t count = inside_;
  for (const Op* op = outside_.first; op != nullptr; op = op->next) {
    ++count;
  }
  return count;
}

LaneFigures Lane::figures() const noexcept {
  LaneFigures figures;
  figures.delayed = delayed_.get();
  figures.cancelled = cancelled_.get();
  figures.waiting = static_cast<std::size_t>(waiting_.get());
  figures.threads = static_cast<unsigned>(threads_.get());
  const std::scoped_lock lock(mutex_);
  figures.started = started_;
  figures.queue_wait = waited_.get();
  figures.queue_wait_longest = longest_;
  figures.queued = queued_;
  return figures;
}

// ---- The crew's threads. ----

Op* Lane::take() noexcept {
  const std::scoped_lock lock(mutex_);
  Op* op = queue_.pop();
  if (op != nullptr) {
    in_hand_.push(*op);
    const Nanos waited =
        std::chrono::microseconds(stamp() - static_cast<std::uint32_t>(op->result));
    --queued_;
    ++started_;
    waited_.add(waited);
    longest_ = std::max(longest_, waited);
  }
  return op;
}

void Lane::perform(Op& op) noexcept {
  if (op.code == Opcode::call) {
    auto* work = reinterpret_cast<Work*>(op.data);
    work->run(*work);
    op.result = 0;
  } else {
    op.result = home_.syscalls().perform(op);
  }
  {
    const std::scoped_lock lock(mutex_);
    in_hand_.remove(op);
  }
  home_.post(op);
}

// Microseconds, modulo 71 minutes: fits where the result will be.
std::uint32_t Lane::stamp() noexcept {
  const auto now = home_.syscalls().now().time_since_epoch();
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace vigil

// Lane: a bounded queue with threads behind it, for what would block a loop: file operations, and
// the user's CPU work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "vigil/base/counters.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/host.hpp"
#include "vigil/loop/op.hpp"
#include "vigil/loop/syscalls.hpp"

namespace vigil {

class Loop;

// What an Opcode::call carries in `data`: a function and whatever it needs behind it.
struct Work {
  void (*run)(Work&) noexcept;
};

struct LaneOptions {
  unsigned threads = 4;  // at most; started one by one as work waits
  std::size_t capacity =
      1024;  // operations in the lane; who comes later waits outside, under its deadline
};

// Figures since the lane was made.
struct LaneFigures {
  std::uint64_t started = 0;    // operations that a thread took up
  std::uint64_t delayed = 0;    // operations that found the lane full and waited outside
  std::uint64_t cancelled = 0;  // ended before a thread took them up
  Durations queue_wait;         // from submit to start
  Nanos queue_wait_longest{};
  std::size_t queued = 0;   // now
  std::size_t waiting = 0;  // now, outside
  unsigned threads = 0;     // now
};

class Lane final : private Body {
 public:
  Lane(Loop& home, Role role, LaneOptions options) noexcept;
  // Waits for the operation that each thread is in; the lane must be empty otherwise.
  ~Lane() override;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // The home loop's thread. Takes the operation, always: one for which no thread could be started
  // ends with EAGAIN.
  bool submit(Op& op) noexcept;
  // The home loop's thread. Ends the operation with -ECANCELED unless a thread is in it: then its
  // result stands.
  void cancel(Op& op) noexcept;
  // The home loop's thread: an operation came home, so one that waits outside may go in.
  void came_home() noexcept;
  // The home loop's thread, for Loop::abandon(): lets its threads go and empties the lane. The next
  // operation that was in it, without ending it; null: none is left.
  Op* abandon() noexcept;

  LaneFigures figures() const noexcept;     // any thread
  std::size_t operations() const noexcept;  // inside and outside: for the ledger

 private:
  Op* take() noexcept override;
  void perform(Op& op) noexcept override;
  void enter(Op& op) noexcept;
  std::int32_t call_for(Op& op) noexcept;
  bool take_back(Op& op) noexcept;
  std::uint32_t stamp() noexcept;

  // The home loop's.
  Loop& home_;
  const Role role_;
  const LaneOptions options_;
  WaitList outside_;
  std::size_t inside_ = 0;
  Counter delayed_;
  Counter cancelled_;
  Counter waiting_;  // in outside_
  Counter threads_;

  // Shared with the threads.
  mutable std::mutex mutex_;
  WaitList queue_;
  WaitList in_hand_;  // taken up, and not home yet
  std::uint64_t started_ = 0;
  std::size_t queued_ = 0;
  Nanos longest_{};
  DurationCounter waited_;
  std::unique_ptr<Host::Crew> crew_;  // once there was work
};

}  // namespace vigil

// Loop: one thread's event loop. It turns, and each turn resumes what became possible.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

#include "vigil/base/check.hpp"
#include "vigil/base/instruments.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/buffers.hpp"
#include "vigil/loop/engine.hpp"
#include "vigil/loop/figures.hpp"
#include "vigil/loop/host.hpp"
#include "vigil/loop/lane.hpp"
#include "vigil/loop/mailbox.hpp"
#include "vigil/loop/node.hpp"
#include "vigil/loop/slab.hpp"
#include "vigil/loop/spin.hpp"
#include "vigil/loop/syscalls.hpp"
#include "vigil/loop/timer.hpp"

namespace vigil {

// A loop that is in no set of shards.
inline constexpr std::uint32_t kNoShard = 1023;

struct LoopOptions {
  // "auto", or names that engines() lists, separated by commas: the first that can run here. What
  // was passed over for it, Loop::passed_over() tells.
  std::string engine = "auto";
  Spin spin = {};  // busy-polling; off
  // For the engine uring: a thread of the kernel's own takes up what is submitted
  // (IORING_SETUP_SQPOLL), and keeps a processor busy while it waits for more.
  bool sqpoll = false;
  // What all receive buffers together may take; receives wait for a buffer beyond it.
  std::size_t lease_bytes = std::size_t{64} << 20;
  LaneOptions file_lane = {.threads = 4, .capacity = 1024};
  LaneOptions call_lane = {.threads = 2, .capacity = 1024};
  LaneOptions resolver = {.threads = 4, .capacity = 256};
  Host* host = nullptr;          // null: the machine
  Syscalls* syscalls = nullptr;  // null: the system's
  // Which of its program's loops this is (runtime/shards.hpp gives the numbers).
  std::uint32_t shard = kNoShard;
};

// Who moves a loop's hand. It may let it rest while no loop of its turns, and is told when one
// does.
class HandMover {
 public:
  // On the loop's thread, from inside a turn; must not wait. Returns where the hand stands now.
  virtual std::uint32_t move_hand(Loop& loop) noexcept = 0;

 protected:
  ~HandMover() = default;
};

// What an Opcode::remote carries in `data`: how it is told to end early.
struct Remote {
  void (*cancel)(Remote&) noexcept;
};

// What is alive in a loop. All zero once its tasks have ended: nothing leaked, nothing left in
// flight.
struct Ledger {
  std::size_t descriptors;
  std::size_t operations;
  std::size_t frames;
  std::size_t buffers;
  std::size_t timers;
  bool clean() const noexcept { return descriptors + operations + frames + buffers + timers == 0; }
};

// Single-threaded and without locks: everything here is used on the thread that made the loop, but
// for post() and wake(). One loop a thread.
class Loop {
 public:
  // A loop on the engine that `options` names. Errors: invalid_argument (no such engine), EMFILE,
  // ENOMEM, or the reason why that engine does not run here.
  static Result<std::unique_ptr<Loop>> create(const LoopOptions& options = {});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // This thread's loop, or null.
  [[gnu::always_inline]] static Loop* current() noexcept { return current_; }

  // Which engines of LoopOptions::engine could not run here, and why: "uring (refused by a seccomp
  // filter)". Empty if the first one runs.
  const std::string& passed_over() const noexcept { return passed_over_; }

  // Turns once: resumes what was deferred, waits until something is ready or `until` is reached
  // (Instant{}: does not wait; kNever: no limit), and resumes what became ready, timers and what
  // other threads posted; each batch has a limit. With LoopOptions::spin a turn may end without
  // any of it. From inside a task it is a check.
  //
  // Errors: Errc::forked, in a child process after fork(2), where the engine uring is the parent's:
  // nothing was waited for. Each operation there ends with the same error. Cancel what waits, turn
  // until it has ended, destroy this loop and make a new one; to go on waiting here is a check.
  Result<> turn(Instant until = kNever) noexcept;

  // For a loop inside a foreign one: poll handle() for readability, and call turn(Instant{}) when
  // it is readable or when next() is reached. kNoHandle on engines that have none (see
  // engine().traits().pollable), and where uring finds no descriptor for it at the first call.
  NativeHandle handle() const noexcept { return engine_->handle(); }
  // When the loop wants to turn again, if nothing comes before: Instant{} for at once, kNever for
  // not at all.
  Instant next() const noexcept;

  // The monotonic time of this turn, read when it is first asked for; outside a turn, of this call.
  Instant now() noexcept {
    if (!now_known_) {
      now_ = engine_->now();
      now_known_ = turning_;
    }
    return now_;
  }

  // Any thread: hands `op` to the loop, which calls op.complete on its own thread. The memory stays
  // the poster's until then.
  void post(Op& op) noexcept {
    if (mailbox_.post(op)) {
      wakes_.fetch_add(1, std::memory_order_relaxed);
      engine_->wake();
    }
  }
  // Any thread: how often post() woke the loop; the letters in between came for nothing.
  std::uint64_t wakes() const noexcept { return wakes_.load(std::memory_order_relaxed); }
  // Any thread: ends the current wait, or the next one.
  void wake() noexcept { engine_->wake(); }

  // Which of its program's loops it is; kNoShard if nobody said. Any thread.
  std::uint32_t shard() const noexcept { return (home_ >> kHomeShift) & kNoShard; }
  // Of all loops of a program, this one: what its tasks and handles are marked with, in kHomeBits.
  [[gnu::always_inline]] std::uint32_t home() const noexcept { return home_; }
  // Gives the loop the number of a shard, before it has tasks or handles.
  void set_shard(std::uint32_t shard) noexcept;
  // Stops the program if `descriptor` is another loop's: handles stay on the loop that made them.
  // Says both, and where the handle was made; `where` is the use of it.
  [[gnu::always_inline]] void check_home(
      const Descriptor& descriptor,
      std::source_location where = std::source_location::current()) const noexcept {
    if (descriptor.home != home_) [[unlikely]] {
      wrong_home(descriptor, where);
    }
  }
  // Engine::detach and Engine::release, of a handle of this loop's.
  void detach(Descriptor& descriptor,
              std::source_location where = std::source_location::current()) noexcept {
    check_home(descriptor, where);
    engine_->detach(descriptor);
  }
  NativeHandle release(Descriptor& descriptor,
                       std::source_location where = std::source_location::current()) noexcept {
    check_home(descriptor, where);
    return engine_->release(descriptor);
  }

  // What is alive now: a walk over all tables, for the end of a program and for tests.
  Ledger ledger() const noexcept;
  // Any thread: how often it turned so far, and all else that is counted.
  std::uint64_t turns() const noexcept { return (pulse() + 3) / 4; }
  LoopFigures figures() const noexcept;
  const SpinFigures& spin_figures() const noexcept { return spin_.figures(); }
  Lane& file_lane() noexcept { return file_lane_; }
  Lane& call_lane() noexcept { return call_lane_; }
  Lane& resolver() noexcept { return resolver_; }  // names wait for the network, not for a disk
  Host& host() noexcept { return host_; }
  Engine& engine() noexcept { return *engine_; }
  const Engine& engine() const noexcept { return *engine_; }

  // ---- What can be seen of it from beside, for dumps and the stall watcher. ----

  // Any thread. Four steps a turn: odd while it resumes tasks, even while it waits and between
  // turns. An odd one that stays the same is a task that does not come back.
  std::uint64_t pulse() const noexcept { return pulse_.load(); }
  // The time in milliseconds, as somebody beside it tells it, odd; kNoHand: nobody does;
  // kHandRests: `mover` is to be asked. The loop itself reads no clock for it: it is what Op::since
  // is filled from.
  static constexpr std::uint32_t kNoHand = 0;
  static constexpr std::uint32_t kHandRests = 2;
  std::uint32_t hand() const noexcept { return hand_.load(); }
  void set_hand(std::uint32_t at) noexcept { hand_.store(at); }
  // The loop's thread: who moves it from now on, or null.
  void set_hand_mover(HandMover* mover) noexcept { hand_mover_ = mover; }
  // The loop's thread: the task that was resumed and is not back; null: none. A task that it
  // started meanwhile may be the one that really runs: take_running() of loop/dump.hpp tells.
  Node* running() const noexcept { return running_.load(); }
  // A task starts another nested; the result is what ran before, and is set again after it.
  Node* set_running(Node* task) noexcept {
    Node* before = running();
    running_.store(task);
    return before;
  }
  // The scopes that have no parent, linked as siblings.
  Scope*& roots() noexcept { return roots_; }
  const Scope* roots() const noexcept { return roots_; }

  // ---- For the floors above: how a task's operation starts and ends. ----

  Syscalls& syscalls() noexcept { return syscalls_; }
  Buffers& buffers() noexcept { return buffers_; }
  Slab& frames() noexcept { return frames_; }
  TimerWheel& timers() noexcept { return timers_; }

  // Starts `op`. True: it is in flight, its task suspends. False: it ended at once, `result` is
  // set.
  [[gnu::always_inline]] bool start(Op& op) noexcept {
    op.state = OpState::in_flight;
    if (engine_->submit(op)) {
      return true;
    }
    op.state = OpState::finished;
    if (!spend(op)) {
      return true;
    }
    count(op.code);
    return false;
  }

  // Counts one operation that ended inline. False: the resumption has had its share (kInline), so
  // the operation was deferred to the next turn and its task suspends; one busy socket cannot
  // starve the loop.
  [[gnu::always_inline]] bool spend(Op& op) noexcept {
    if (--budget_ != 0) [[likely]] {
      return true;
    }
    defer_spent(op);
    return false;
  }

  // An operation that ended: without a wait by who started it, in an engine's batch by next(), all
  // others when their tasks go on.
  [[gnu::always_inline]] void count(Opcode code) noexcept {
    ++operations_[static_cast<std::size_t>(code)];
  }

  // The same for an await that has not suspended: false tells it to.
  [[gnu::always_inline]] bool may_go_on() noexcept { return --budget_ != 0; }

  // Defers `op` after may_go_on() said no. Whatever else ends inline in this resumption, of tasks
  // that it starts too, is then deferred likewise: the count must not run past zero.
  void defer_spent(Op& op) noexcept {
    budget_ = 1;
    defer(op);
  }

  // Resumes `op` in the next turn; its result stands.
  void defer(Op& op) noexcept {
    op.state = OpState::finished;
    deferred_.push(op);
  }
  void finish(Op& op, std::int32_t result) noexcept {
    op.result = result;
    defer(op);
  }

  // Resumes `node` when the current resumption returns, so that ends of tasks use no stack.
  void continue_with(Node& node) noexcept {
    if (up_next_ == nullptr) [[likely]] {
      node.state = OpState::finished;
      up_next_ = &node;
    } else {
      defer(node);
    }
  }

  // Asks an operation in flight to end early; see Engine::cancel.
  void cancel(Op& op) noexcept;

  // Performs an operation that never waits, now.
  std::int32_t perform(Op& op) noexcept { return syscalls_.perform(op); }

  // One batch: waits, then resumes each operation that the engine ends, which next() has counted.
  // Inlined into each engine.
  template <class E>
  [[gnu::always_inline]] void drain(E& engine, Nanos at_most) noexcept {
    engine.wait(at_most);
    pulse_.store(pulse() | 1);
    now_known_ = false;
    if (is_timed()) [[unlikely]] {
      woke_ = now_ = engine.now();
      now_known_ = true;
    }
    const std::uint32_t at = moved_hand();
    while (Op* op = engine.next(*this)) {
      resume(*op, at);
    }
  }

  // For a crash, which only a simulation has: forgets everything that is in flight or was to go on,
  // and resumes nobody, ever. What tasks hold stays theirs until they are destroyed, which
  // abandon() of coro/abandon.hpp does. Not from inside a turn.
  void abandon() noexcept;
  bool abandoned() const noexcept { return abandoned_; }

  static constexpr std::uint32_t kInline = 64;  // operations that may end inline in one resumption
  static constexpr std::uint64_t kTimedTurns = 16;     // one of so many turns is timed
  static constexpr std::size_t kTimersPerTurn = 1024;  // timers fired before I/O is looked at again

 private:
  friend class LoopSwitch;  // loop/loop_switch.hpp

  Loop(const LoopOptions& options, std::unique_ptr<Engine> engine) noexcept;

  // `at`: where the hand stands, read once a batch.
  [[gnu::always_inline]] void resume(Op& op, std::uint32_t at) noexcept {
    budget_ = kInline;
    run(static_cast<Node&>(op), at);
    follow(at);
  }
  // The same for what may be no task: a word that another thread posted.
  void resume_any(Op& op) noexcept {
    count(op.code);
    if (is_task(op)) [[likely]] {
      resume(op, moved_hand());
      return;
    }
    budget_ = kInline;
    op.complete(op);
    follow(moved_hand());
  }
  [[gnu::always_inline]] void run(Node& task, std::uint32_t at) noexcept {
    running_.store(&task);
    if constexpr (kInstruments) {
      task.since = at;
    }
    task.complete(task);
  }
  [[gnu::always_inline]] void follow(std::uint32_t at) noexcept {
    if (up_next_ != nullptr) [[unlikely]] {
      follow_all(at);
    }
    running_.store(nullptr);
  }
  void follow_all(std::uint32_t at) noexcept;
  [[gnu::always_inline]] std::uint32_t moved_hand() noexcept {
    const std::uint32_t at = hand();
    if (at == kHandRests) [[unlikely]] {
      return hand_mover_->move_hand(*this);
    }
    return at;
  }
  void step() noexcept { pulse_.store(pulse() + 1); }
  bool is_timed() const noexcept { return kInstruments && turns() % kTimedTurns == 0; }
  template <bool kSpins>
  Result<> turn_once(Instant until) noexcept;
  void run_deferred() noexcept;
  void run_mailbox() noexcept;
  [[noreturn, gnu::cold]] void wrong_home(const Descriptor& descriptor,
                                          std::source_location where) const noexcept;
  void abandon_lane(Lane& lane) noexcept;
  void forget_deferred() noexcept;

  Node* up_next_ = nullptr;
  std::uint32_t budget_ = kInline;
  bool now_known_ = false;
  bool turning_ = false;
  const bool spins_;  // spin_.on(), where each turn looks anyway
  Syscalls& syscalls_;
  Buffers buffers_;
  std::unique_ptr<Engine> engine_;
  OpQueue deferred_;
  Instant now_{};
  Shown<Node*> running_;
  Shown<std::uint64_t> pulse_;
  Shown<std::uint32_t> hand_;  // first kNoHand
  HandMover* hand_mover_ = nullptr;
  Scope* roots_ = nullptr;
  Instant woke_{};  // of a turn that is timed
  std::array<Tally, kOpcodes> operations_{};
  DurationCounter turn_times_;
  TimerWheel timers_;
  Mailbox mailbox_;
  std::atomic<std::uint64_t> wakes_{0};
  Host& host_;
  Slab frames_;
  Lane file_lane_;
  Lane call_lane_;
  Lane resolver_;
  bool abandoned_ = false;
  std::uint32_t home_;
  Spinner spin_;
  std::string passed_over_;

  static thread_local constinit Loop* current_ [[gnu::tls_model("initial-exec")]];
};

// The names that LoopOptions::engine takes here, best first, separated by ", ".
std::string engines();

}  // namespace vigil

// A turn of the loop: what was deferred, one batch of the engine, timers, letters from other
// threads.
#include "vigil/loop/loop.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <new>
#include <utility>

#include "loop/descriptor_table.hpp"
#include "loop/early.hpp"
#include "loop/engines.hpp"
#include "vigil/loop/scope.hpp"
#include "vigil/loop/watch.hpp"

namespace vigil {

std::int32_t Engine::receive_at_hand(Descriptor& descriptor, std::byte*& data) noexcept {
  if (const std::int32_t early = take_early(descriptor, data); early != 0) {
    return early;
  }
  Loop& loop = *Loop::current();
  data = loop.buffers().take();
  if (data == nullptr) {
    return -ENOBUFS;
  }
  const std::int32_t got = loop.syscalls().recv(descriptor.handle, data, Buffers::kSize);
  if (got <= 0) {
    loop.buffers().give(std::exchange(data, nullptr));
  }
  return got;
}

namespace {

// The number of the shard, and above it one that no other loop has, for some ten thousand loops.
std::uint32_t new_home(std::uint32_t shard) noexcept {
  static constinit std::atomic<std::uint32_t> made{0};
  const std::uint32_t serial = made.fetch_add(1, std::memory_order_relaxed) + 1;
  return serial << 18 | shard << kHomeShift;
}

}  // namespace

std::int32_t Engine::take_accepted(Descriptor& descriptor) noexcept {
  static_cast<void>(descriptor);
  return -EAGAIN;
}

std::int32_t Engine::take_early(Descriptor& descriptor, std::byte*& data) noexcept {
  data = nullptr;
  if (descriptor.early == 0) {
    return 0;
  }
  Op op;
  op.code = Opcode::receive;
  hand_out_early(Loop::current()->buffers(), descriptor, op);
  data = op.data;
  return op.result;
}

Result<std::unique_ptr<ThreadWatch>> Host::watch_threads(ThreadWatchBody&, int) noexcept {
  return error(std::errc::function_not_supported);
}

thread_local constinit Loop* Loop::current_ [[gnu::tls_model("initial-exec")]] = nullptr;

Loop::Loop(const LoopOptions& options, std::unique_ptr<Engine> engine) noexcept
    : spins_(Spinner(options.spin).on()),
      syscalls_(options.syscalls != nullptr ? *options.syscalls : native_syscalls()),
      buffers_(options.lease_bytes),
      engine_(std::move(engine)),
      timers_(syscalls_.now()),
      host_(options.host != nullptr ? *options.host : native_host()),
      file_lane_(*this, Role::file_lane, options.file_lane),
      call_lane_(*this, Role::call_lane, options.call_lane),
      resolver_(*this, Role::resolver, options.resolver),
      home_(new_home(options.shard)),
      spin_(options.spin) {}

Result<std::unique_ptr<Loop>> Loop::create(const LoopOptions& options) {
  check(current_ == nullptr,
        "a second loop was made on a thread: one loop a thread, so make it on another thread");
  std::unique_ptr<Loop> loop(new (std::nothrow) Loop(options, nullptr));
  if (!loop) {
    return error(std::errc::not_enough_memory);
  }
  auto engine = make_engine(options.engine, {loop->syscalls_, loop->buffers_, options.sqpoll},
                            loop->passed_over_);
  if (!engine) {
    return std::unexpected(engine.error());
  }
  loop->engine_ = std::move(*engine);
  current_ = loop.get();
  return loop;
}

Loop::~Loop() {
  if (current_ == this) {
    current_ = nullptr;
  }
  ScopeAccess::forget(roots_);
}

void Loop::set_shard(std::uint32_t shard) noexcept {
  home_ = (home_ & ~(kNoShard << kHomeShift)) | shard << kHomeShift;
}

std::source_location made_at(const Descriptor& descriptor) noexcept {
  return DescriptorTable::place_of(descriptor);
}

void Loop::wrong_home(const Descriptor& descriptor, std::source_location where) const noexcept {
  struct Name {
    char text[32];
    explicit Name(std::uint32_t home) noexcept {
      const std::uint32_t shard = (home >> kHomeShift) & kNoShard;
      if (shard == kNoShard) {
        std::snprintf(text, sizeof text, "loop %u", home >> 18);
      } else {
        std::snprintf(text, sizeof text, "shard %u", shard);
      }
    }
  };
  const std::source_location made = made_at(descriptor);
  char place[300] = "a place that is not known";
  if (made.line() != 0) {
    std::snprintf(place, sizeof place, "%s:%u", made.file_name(),
                  static_cast<unsigned>(made.line()));
  }
  char sentence[512];
  std::snprintf(sentence, sizeof sentence,
                "a handle of %s, made at %s, was used on %s: use it where it was made (run_on "
                "goes there), or move it with release() and adopt()",
                Name(descriptor.home).text, place, Name(home_).text);
  detail::check_failed(sentence, where);
}

Result<> Loop::turn(Instant until) noexcept {
  check(!turning_, "Loop::turn was called by a task that the same loop runs: co_await instead");
  if (spins_) [[unlikely]] {
    return turn_once<true>(until);
  }
  return turn_once<false>(until);
}

// With kSpins a turn that may wait asks only, as long as the spinner says so. Each try is a turn of
// its own, so that wake(), timers and letters are looked at as ever.
template <bool kSpins>
Result<> Loop::turn_once(Instant until) noexcept {
  constexpr std::uint32_t kNobody = kInline + 1;
  if constexpr (kSpins) {
    budget_ = kNobody;  // until somebody is resumed
  }
  turning_ = true;
  step();
  const bool resumed = !deferred_.empty();
  if (resumed) {
    run_deferred();
    now_known_ = false;  // they took their time
  }
  Nanos at_most = kForever;
  if (resumed || !deferred_.empty() || !mailbox_.empty()) {
    at_most = Nanos::zero();  // who turns the loop may have nothing left to wait for
  } else if (until != kNever || !timers_.empty()) {
    at_most = vigil::until(std::min(until, timers_.next()), now());
  }
  if constexpr (kSpins) {
    if (at_most != Nanos::zero() && spin_.ask(now())) {
      at_most = Nanos::zero();
    }
  }
  step();
  const Result<> driven = engine_->drive(*this, at_most);
  if (!timers_.empty()) {
    timers_.expire(now(), kTimersPerTurn);
  }
  run_mailbox();
  if constexpr (kSpins) {
    if (budget_ != kNobody) {
      spin_.came(now());
    }
    budget_ = kInline;
  }
  if (is_timed()) [[unlikely]] {
    turn_times_.add(engine_->now() - woke_);
  }
  now_known_ = false;  // nobody knows how long it will be until the next turn
  turning_ = false;
  pulse_.store((pulse() | 3) + 1);
  return driven;
}

Instant Loop::next() const noexcept {
  return deferred_.empty() && mailbox_.empty() && !engine_->ready() ? timers_.next() : Instant{};
}

// What is deferred meanwhile waits for the next turn: I/O comes first.
void Loop::run_deferred() noexcept {
  for (Op* op = deferred_.take_all(); op != nullptr;) {
    Op* next = op->next;
    resume_any(*op);
    op = next;
  }
}

void Loop::follow_all(std::uint32_t at) noexcept {
  while (Node* next = up_next_) {
    up_next_ = nullptr;
    run(*next, at);
  }
}

void Loop::run_mailbox() noexcept {
  for (Op* op = mailbox_.collect(); op != nullptr;) {
    Op* next = op->next;
    if (op->code == Opcode::call) {
      call_lane_.came_home();
    } else if (op->code == Opcode::resolve) {
      resolver_.came_home();
    } else if (op->code > Opcode::call) {
      file_lane_.came_home();  // other letters were posted by somebody else's thread
    }
    op->state = OpState::finished;
    resume_any(*op);
    op = next;
  }
}

void Loop::cancel(Op& op) noexcept {
  if (op.state != OpState::in_flight) {
    return;
  }
  switch (op.code) {
    case Opcode::join:
      return;
    case Opcode::wait:
      reinterpret_cast<WaitList*>(op.data)->remove(op);
      finish(op, -ECANCELED);
      return;
    case Opcode::sleep:
      timers_.stop(*reinterpret_cast<Timer*>(op.data));
      finish(op, -ECANCELED);
      return;
    case Opcode::remote: {
      auto* remote = reinterpret_cast<Remote*>(op.data);
      remote->cancel(*remote);
      return;
    }
    case Opcode::call:
      call_lane_.cancel(op);
      return;
    default:
      if (may_block(op.code) || (op.on != nullptr && (op.on->ready & kUnwatched) != 0)) {
        file_lane_.cancel(op);
      } else {
        engine_->cancel(op);
      }
  }
}

// A name that is being resolved belongs to itself, not to a task: it ends here.
void Loop::abandon_lane(Lane& lane) noexcept {
  while (Op* op = lane.abandon()) {
    if (op->code == Opcode::resolve) {
      op->result = -ECANCELED;
      op->complete(*op);
    }
  }
}

void Loop::forget_deferred() noexcept {
  while (Op* op = deferred_.pop()) {
    if (op->code == Opcode::receive && op->result > 0) {
      buffers_.give(op->data);  // no task will make a lease of it
    }
  }
}

void Loop::abandon() noexcept {
  check(!turning_, "Loop::abandon was called by a task that the same loop runs");
  abandoned_ = true;
  for (Lane* lane : {&file_lane_, &call_lane_, &resolver_}) {
    abandon_lane(*lane);
  }
  for (Op* op = mailbox_.collect(); op != nullptr;) {
    Op* next = op->next;
    if (op->code == Opcode::resolve || op->code == Opcode::letter) {
      op->result = op->code == Opcode::letter ? -ECANCELED : op->result;
      op->complete(*op);
    }
    op = next;
  }
  engine_->abandon();
  forget_deferred();
  timers_.clear();
}

LoopFigures Loop::figures() const noexcept {
  LoopFigures figures;
  figures.turns = turns();
  figures.events = engine_->events();
  figures.wakes = wakes();
  figures.turn_times = turn_times_.get();
  figures.registered = engine_->attached();
  figures.empty_accepts = engine_->empty_accepts();
  figures.timers = timers_.armed();
  figures.frames = frames_.live();
  figures.frame_bytes = frames_.bytes();
  figures.buffer_bytes = buffers_.made() * Buffers::kBlock;
  figures.buffer_limit = buffers_.limit() * Buffers::kBlock;
  figures.file_lane = file_lane_.figures();
  figures.call_lane = call_lane_.figures();
  figures.resolver = resolver_.figures();
  for (std::size_t code = 0; code != kOpcodes; ++code) {
    figures.operations[code] = operations_[code].get();
  }
  return figures;
}

Ledger Loop::ledger() const noexcept {
  const EngineLedger held = engine_->ledger();
  return {.descriptors = held.descriptors,
          .operations = held.operations + file_lane_.operations() + call_lane_.operations() +
                        resolver_.operations(),
          .frames = frames_.live(),
          .buffers = buffers_.held() - held.offered,
          .timers = timers_.armed()};
}

}  // namespace vigil

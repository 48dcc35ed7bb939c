// A batch of the engine on io_uring: submits and waits in one call, and turns completions into
// finished operations one by one.
#include "loop/uring/engine.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>
#include <utility>

#include "loop/one_at_a_time.hpp"
#include "loop/uring/probe.hpp"
#include "vigil/base/errc.hpp"
#include "vigil/loop/sleepers.hpp"

namespace vigil {

using uring::Feature;
using uring::Tag;

namespace {

// What is given to the kernel, not polled for.
constexpr bool is_send(Opcode code) noexcept {
  return code >= Opcode::send && code <= Opcode::send_zero_copy;
}

}  // namespace

const EngineTraits& UringEngine::traits() const noexcept {
  static constexpr EngineTraits kTraits{.name = "uring", .pollable = true};
  return kTraits;
}

Result<> UringEngine::open(uring::Sizes sizes) noexcept {
  if (auto opened = ring_.open(sizes); !opened) {
    return opened;
  }
  const auto has = [](Feature feature) { return uring::probe(feature).available; };
  receives_ahead_ = has(Feature::receive) && has(Feature::receive_multishot) &&
                    has(Feature::send) && has(Feature::buffer_rings) && offer_.open(ring_);
  lends_ = has(Feature::send_zc);
  closes_ = has(Feature::close);
  accepts_ahead_ = has(Feature::accept) && has(Feature::accept_multishot);
  if (auto enabled = ring_.enable(); !enabled) {
    return enabled;
  }
  if (auto opened = notifier_.open(); !opened) {
    return opened;
  }
  watch_wakes();
  ring_.flush();  // nothing ends a wait for it alone
  return {};
}

// Edge-triggered: the eventfd is never read, each write to it is one completion.
void UringEngine::watch_wakes() noexcept {
  io_uring_sqe& entry = ring_.next();
  entry.opcode = IORING_OP_POLL_ADD;
  entry.fd = notifier_.handle();
  entry.len = IORING_POLL_ADD_MULTI;
  entry.poll32_events = POLLIN | static_cast<std::uint32_t>(EPOLLET);
  entry.user_data = static_cast<std::uint64_t>(Tag::woken);
}

// Here, so that the whole of a batch is inlined into it.
Result<> UringEngine::drive(Loop& loop, Nanos at_most) noexcept {
  if (!ring_.ours()) [[unlikely]] {
    return refuse(at_most);
  }
  loop.drain(*this, at_most);
  return {};
}

// The ring is the parent's: a child is told when it would wait; a loop around turn() that does not
// listen would spin, so the next time is the last.
[[gnu::cold]] Result<> UringEngine::refuse(Nanos at_most) noexcept {
  const bool waits = at_most > Nanos::zero();
  check(!waits || !refused_,
        "a child process went on waiting on its parent's loop after fork(2), and after turn() had "
        "refused: the ring is the parent's, so make a new Loop in the child");
  refused_ = refused_ || waits;
  return failed(kForked);
}

void UringEngine::wait(Nanos at_most) noexcept {
  if (offer_.lacks() && starved_.empty()) [[unlikely]] {
    offer_.fill(early_);
  }
  // What is there already is not waited for; nor who can go on without the kernel.
  const bool goes_on = at_most <= Nanos::zero() || ring_.head() != ring_.end() || can_feed();
  const int done = ring_.enter(goes_on ? 0 : 1, at_most);
  check(done >= 0 || done == -ETIME || done == -EINTR || done == -EAGAIN || done == -EBUSY,
        "waiting on io_uring failed: was the loop's own descriptor closed, or the loop used on "
        "another thread?");
  batch_end_ = ring_.end();
  events_ += static_cast<std::uint32_t>(batch_end_ - ring_.head());
  leave_quickly();
  feed_ = 256;
}

// The common ends first: bytes for a `receive` that waits, all of a send.
[[gnu::always_inline]] inline Op* UringEngine::next(Loop& loop) noexcept {
  const io_uring_cqe* end = ring_.cursor;
  if (end == quick_end_) [[unlikely]] {
    return next_slow(loop);
  }
  const std::uint64_t whose = end->user_data;
  const std::uint64_t tag = whose & uring::kTagBits;
  const std::int32_t result = end->res;
  if (tag == static_cast<std::uint64_t>(Tag::receive)) {
    constexpr std::uint32_t kGoesOn = IORING_CQE_F_BUFFER | IORING_CQE_F_MORE;
    Descriptor& descriptor = table_[uring::index_of(whose)];
    if (descriptor.generation == uring::generation_of(whose) && descriptor.ready == kReceiving &&
        result > 0 && (end->flags & kGoesOn) == kGoesOn) [[likely]] {
      if (std::byte* fresh = buffers_.take()) [[likely]] {
        loop.count(Opcode::receive);
        descriptor.ready = 0;
        Op* op = std::exchange(descriptor.reader, nullptr);
        op->data = offer_.exchange(end->flags >> IORING_CQE_BUFFER_SHIFT, fresh);
        op->result = result;
        op->state = OpState::finished;
        ring_.cursor = end + 1;
        return op;
      }
    }
  } else if (tag == static_cast<std::uint64_t>(Tag::send)) {
    Op* op = reinterpret_cast<Op*>(whose);
    if (result == static_cast<std::int32_t>(op->size) && op->code == Opcode::send) [[likely]] {
      loop.count(Opcode::send);
      op->on->writer = nullptr;
      op->on->told &= ~uring::kWriterStops;
      op->result = 0;
      op->state = OpState::finished;
      ring_.cursor = end + 1;
      return op;
    }
  }
  return next_slow(loop);
}

[[gnu::noinline]] Op* UringEngine::next_slow(Loop& loop) noexcept {
  Op* op = starved_.empty() ? nullptr : feed_starved();
  while (op == nullptr && ring_.head() != batch_end_) {
    op = finish(ring_.take());
    if (op == nullptr && !starved_.empty()) {
      op = feed_starved();
    }
  }
  leave_quickly();
  if (op != nullptr) {
    loop.count(op->code);
  }
  return op;
}

// What a completion ends, or null.
Op* UringEngine::finish(const io_uring_cqe& end) noexcept {
  switch (static_cast<Tag>(end.user_data & uring::kTagBits)) {
    case Tag::send:
      return finish_send(*reinterpret_cast<Op*>(end.user_data), end.res);
    case Tag::lent:
      return finish_lent(*reinterpret_cast<Op*>(end.user_data & ~uring::kTagBits), end);
    case Tag::file:
      return finish_file(*reinterpret_cast<Op*>(end.user_data & ~uring::kTagBits), end.res);
    case Tag::polled:
      return finish_polled(*reinterpret_cast<Op*>(end.user_data & ~uring::kTagBits), end.res);
    case Tag::receive:
      return finish_receive(end);
    case Tag::accept:
      return finish_accept(end);
    case Tag::woken:
      notifier_.seen();
      if ((end.flags & IORING_CQE_F_MORE) == 0) {
        watch_wakes();
      }
      return nullptr;
    case Tag::ignored:
      return nullptr;
  }
  return nullptr;
}

// The next operation that ended, outside of a batch.
Op* UringEngine::take_one() noexcept {
  Op* op = nullptr;
  while (op == nullptr && ring_.head() != ring_.end()) {
    op = finish(ring_.take());
  }
  batch_end_ = ring_.head();
  quick_end_ = ring_.cursor;
  return op;
}

// The common operation first, with nothing in its way: all else is a call away, so that this keeps
// no register.
bool UringEngine::submit(Op& op) noexcept {
  if (op.code == Opcode::send) [[likely]] {
    Descriptor& descriptor = *op.on;
    if ((descriptor.ready & kPlain) == 0 && descriptor.writer == nullptr) [[likely]] {
      if (io_uring_sqe* entry = ring_.at_hand()) [[likely]] {
        descriptor.writer = &op;
        put_send(*entry, descriptor.handle, op, MSG_NOSIGNAL);
        return true;
      }
    }
  }
  return submit_other(op);
}

[[gnu::noinline]] bool UringEngine::submit_other(Op& op) noexcept {
  if (!ring_.ours()) [[unlikely]] {
    op.result = kForked;
    return false;
  }
  if (may_block(op.code)) {
    return submit_file(op);
  }
  Descriptor& descriptor = *op.on;
  if ((descriptor.ready & kUnwatched) != 0) {
    return Loop::current()->file_lane().submit(op);
  }
  if (waits_for_writing(op.code)) {
    check_only_writer(descriptor);
  } else {
    check_only_reader(descriptor);
  }
  if (op.code == Opcode::poll_in && Sleepers::of(op) != nullptr) {
    return fall_asleep(descriptor, op);
  }
  if ((descriptor.ready & kPlain) == 0) {
    switch (op.code) {
      case Opcode::receive:
      case Opcode::read:
        return start_receive(descriptor, op);
      case Opcode::accept:
        return start_accept(descriptor, op);
      case Opcode::send_more:
        // Held back for what follows, it makes no packet yet: a call is cheaper than a completion.
        if (perform(descriptor, op)) {
          return false;
        }
        [[fallthrough]];
      case Opcode::send:
      case Opcode::send_zero_copy:
        descriptor.writer = &op;
        push_send(op);
        return true;
      default:
        break;
    }
  }
  return start_polled(descriptor, op);
}

void UringEngine::cancel(Op& op) noexcept {
  Descriptor& descriptor = *op.on;
  const bool reads = descriptor.reader == &op;
  if (!reads && descriptor.writer != &op) {
    return;  // finished already: the result stands
  }
  const bool held = !reads || (descriptor.told & uring::kReaderHeld) != 0;
  if (held && ring_.ours()) {
    const std::uint32_t stops = reads ? uring::kReaderStops : uring::kWriterStops;
    if ((descriptor.told & stops) == 0) {
      descriptor.told |= stops;
      if (!reads && (descriptor.told & uring::kBytesLent) != 0) {
        take_back(op);
      } else {
        const bool sends = !reads && (descriptor.ready & kPlain) == 0 && is_send(op.code);
        push_cancel(uring::name_of(op, sends ? send_tag(op) : Tag::polled), 0);
      }
    }
    return;  // ends when the kernel has said its last word of it
  }
  if (!reads) {
    descriptor.writer = nullptr;
  } else {
    if ((descriptor.ready & kStarved) != 0) {
      leave_starved(descriptor, op);
    }
    descriptor.reader = nullptr;
    descriptor.ready &= ~(kReceiving | kReading);
  }
  Loop::current()->finish(op, -ECANCELED);
}

EngineLedger UringEngine::ledger() const noexcept {
  EngineLedger ledger{
      .descriptors = table_.live(), .operations = files_, .offered = offer_.offered()};
  for (std::uint32_t index = 0; index < table_.made(); ++index) {
    const Descriptor& descriptor = table_[index];
    if (descriptor.handle != kNoHandle && (descriptor.ready & kAsleep) == 0) {
      ledger.operations +=
          (descriptor.reader != nullptr ? 1u : 0u) + (descriptor.writer != nullptr ? 1u : 0u);
    }
  }
  return ledger;
}

Result<std::unique_ptr<Engine>> make_uring_engine(EngineParts parts, uring::Sizes sizes) {
  std::unique_ptr<UringEngine> made(new (std::nothrow) UringEngine(parts));
  if (!made) {
    return error(std::errc::not_enough_memory);
  }
  if (auto opened = made->open(sizes); !opened) {
    return std::unexpected(opened.error());
  }
  return made;
}

Result<std::unique_ptr<Engine>> make_uring_engine(EngineParts parts) {
  return make_uring_engine(parts, {.sqpoll = parts.sqpoll});
}

}  // namespace vigil

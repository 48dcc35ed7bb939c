// Who hibernates: falling asleep, waking, and the limit.
#include "vigil/loop/sleepers.hpp"

#include <cerrno>
#include <new>
#include <utility>

#include "vigil/loop/loop.hpp"

namespace vigil {
namespace {

constexpr std::size_t kClosedAtOnce = 256;  // of those at their limit, in one turn

// Descriptors of a loop stand in one table.
Descriptor& at(const Descriptor& beside, std::uint32_t index) noexcept {
  return const_cast<Descriptor&>(*(&beside - beside.index + index));
}

Instant since_of(const Descriptor& asleep) noexcept { return Instant(Nanos(asleep.asleep_since)); }

}  // namespace

struct Sleepers::Word : Op {
  Sleepers* of = nullptr;
  bool deferred = false;
};

Sleepers::Sleepers(Owner& owner, Counter& asleep, Nanos limit) noexcept
    : owner_(owner), asleep_(asleep), limit_(limit) {
  complete = &Sleepers::run;
  code = Opcode::poll_in;
  timer_.of = this;
  timer_.fire = &Sleepers::expire;
}

// One that is not counted any more.
void Sleepers::close(Descriptor& stream) noexcept {
  Loop::current()->detach(stream);
  owner_.closed();
}

void Sleepers::clear() noexcept {
  while (oldest_ != nullptr) {
    Descriptor& stream = *oldest_;
    leave(stream);
    uncount();
    close(stream);
  }
  while (woken_ != nullptr) {
    close(next_woken());
  }
  if (timer_.armed()) {
    Loop::current()->timers().stop(timer_);
  }
}

Sleepers::~Sleepers() {
  clear();
  if (word_ != nullptr) {
    if (word_->deferred) {
      word_->of = nullptr;
    } else {
      delete word_;
    }
  }
}

bool Sleepers::sleep(Descriptor& stream, Instant idle_since) noexcept {
  Loop& loop = *Loop::current();
  loop.check_home(stream);
  on = &stream;
  if (!loop.engine().submit(*this)) {
    return false;
  }
  append(stream, idle_since);
  if (limit_ != Nanos::zero() && !timer_.armed()) {
    watch();
  }
  return true;
}

void Sleepers::append(Descriptor& stream, Instant idle_since) noexcept {
  stream.asleep_since = idle_since.time_since_epoch().count();
  stream.order = {stream.index, stream.index};
  if (newest_ != nullptr) {
    stream.order.older = newest_->index;
    newest_->order.newer = stream.index;
  } else {
    oldest_ = &stream;
  }
  newest_ = &stream;
  ++size_;
  ++asleep_;
}

// Its words are an engine's again.
void Sleepers::leave(Descriptor& stream) noexcept {
  const Descriptor::Order order = stream.order;
  Descriptor* older = order.older != stream.index ? &at(stream, order.older) : nullptr;
  Descriptor* newer = order.newer != stream.index ? &at(stream, order.newer) : nullptr;
  if (older != nullptr) {
    older->order.newer = newer != nullptr ? newer->index : older->index;
  } else {
    oldest_ = newer;
  }
  if (newer != nullptr) {
    newer->order.older = older != nullptr ? older->index : newer->index;
  } else {
    newest_ = older;
  }
  stream.reader = nullptr;
  stream.early_first = stream.early_last = nullptr;
  stream.ready &= ~(kAsleep | kReading);
}

void Sleepers::uncount() noexcept {
  --size_;
  --asleep_;
}

// ---- Waking ----

Op& Sleepers::wake(Descriptor& stream) noexcept {
  leave(stream);
  stream.ready |= kWoken;
  stream.writer = reinterpret_cast<Op*>(woken_);
  woken_ = &stream;
  return *this;
}

void Sleepers::run(Op& op) { static_cast<Sleepers&>(op).begin_all(); }

Descriptor& Sleepers::next_woken() noexcept {
  Descriptor& stream = *woken_;
  woken_ = reinterpret_cast<Descriptor*>(std::exchange(stream.writer, nullptr));
  stream.ready &= ~kWoken;
  uncount();
  return stream;
}

void Sleepers::begin_all() noexcept {
  while (woken_ != nullptr) {
    owner_.begin(next_woken());
  }
}

void Sleepers::defer() noexcept {
  if (word_ == nullptr && (word_ = new (std::nothrow) Word) != nullptr) {
    word_->code = Opcode::letter;
    word_->complete = &Sleepers::run_word;
    word_->of = this;
  }
  if (word_ == nullptr) {
    begin_all();
  } else if (!word_->deferred) {
    word_->deferred = true;
    Loop::current()->defer(*word_);
  }
}

void Sleepers::run_word(Op& op) {
  Word& word = static_cast<Word&>(op);
  word.deferred = false;
  if (word.of != nullptr) {
    word.of->begin_all();
  } else {
    delete &word;
  }
}

// ---- The ends of those that nobody wakes ----

void Sleepers::set_limit(Nanos limit) noexcept {
  limit_ = limit;
  if (timer_.armed()) {
    Loop::current()->timers().stop(timer_);
  }
  watch();
}

void Sleepers::watch() noexcept {
  if (oldest_ != nullptr && limit_ != Nanos::zero()) {
    Loop::current()->timers().arm(timer_, after(since_of(*oldest_), limit_));
  }
}

// It is left to fire, also when the one that it was set for woke: that is rarer than waking.
void Sleepers::expire(Timer& timer) noexcept {
  Sleepers& self = *static_cast<Limit&>(timer).of;
  const Instant now = Loop::current()->now();
  for (std::size_t closed = 0; closed != kClosedAtOnce && self.oldest_ != nullptr &&
                               after(since_of(*self.oldest_), self.limit_) <= now;
       ++closed) {
    Descriptor& stream = *self.oldest_;
    self.leave(stream);
    self.uncount();
    self.owner_.expired();
    self.close(stream);
  }
  self.watch();
}

bool Sleepers::close_idle(Instant idle_since, std::size_t most) noexcept {
  for (; oldest_ != nullptr && since_of(*oldest_) <= idle_since; --most) {
    if (most == 0) {
      return false;
    }
    close_or_wake(*oldest_);
  }
  return true;
}

// What came may stand in the kernel, or in a ring's queue.
void Sleepers::close_or_wake(Descriptor& stream) noexcept {
  Loop& loop = *Loop::current();
  leave(stream);
  uncount();
  std::byte* early = nullptr;
  const std::int32_t got = loop.engine().receive_at_hand(stream, early);
  if (got <= 0 && got != -ENOBUFS) {
    close(stream);
    return;
  }
  if (got > 0) {
    const std::int32_t kept =
        loop.engine().put_early(stream, {early, static_cast<std::size_t>(got)});
    loop.buffers().give(early);
    if (kept < 0) {
      close(stream);
      return;
    }
  }
  owner_.begin(stream);
}

bool Sleepers::holds(NativeHandle handle) const noexcept {
  for (const Descriptor* stream = oldest_; stream != nullptr;) {
    if (stream->handle == handle) {
      return true;
    }
    stream = stream != newest_ ? &at(*stream, stream->order.newer) : nullptr;
  }
  return false;
}

}  // namespace vigil

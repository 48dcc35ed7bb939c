// Operations of the completion engine: given to the kernel, tried when something comes, taken back.
#include <cerrno>
#include <utility>

#include "faces/completion.hpp"
#include "vigil/loop/sleepers.hpp"

namespace vigil::sim {
namespace {

constexpr std::uint32_t kReadSide = kReadable | kPriority | kPeerClosed | kHungUp | kError;
constexpr std::uint32_t kWriteSide = kWritable | kHungUp | kError;

// How long the kernel keeps what it sends without a copy after it took the last of it.
constexpr Nanos kLent = std::chrono::milliseconds(1);

}  // namespace

bool CompletionEngine::submit(Op& op) noexcept {
  if (may_block(op.code) || (op.on->ready & kUnwatched) != 0) {
    return Loop::current()->file_lane().submit(op);
  }
  Side& where = side(op);
  check(where.op == nullptr,
        waits_for_writing(op.code)
            ? "a second task began to write on a stream while one is still writing: one writer at "
              "a time, so take turns through a Mutex"
            : "a second task began to read from a stream while one is still reading: one reader at "
              "a time, so take turns through a Mutex");
  if (op.code == Opcode::poll_in && Sleepers::of(op) != nullptr) {
    return fall_asleep(op);
  }
  if (op.on->early != 0 && (op.code == Opcode::receive || op.code == Opcode::read)) {
    hand_out_early(buffers_, *op.on, op);
    return false;
  }
  where.op = &op;
  where.ended = false;
  parked(op) = &op;
  attempt(where);
  return true;
}

// ---- Who hibernates: one operation for all, so the kernel has none of them ----

bool CompletionEngine::readable(const Descriptor& descriptor) const noexcept {
  const File* file = seat_.process().file(descriptor.handle);
  return file == nullptr || (file->ready() & kReadSide) != 0;
}

bool CompletionEngine::fall_asleep(Op& sleepers) noexcept {
  Descriptor& descriptor = *sleepers.on;
  if (descriptor.early != 0 || readable(descriptor)) {
    return false;
  }
  descriptor.reader = &sleepers;
  descriptor.ready |= kReading | kAsleep;
  return true;
}

void CompletionEngine::rouse(Held& held) noexcept {
  const Descriptor& descriptor = table_[held.index];
  if ((descriptor.ready & kAsleep) == 0 || held.rousing || !readable(descriptor)) {
    return;
  }
  held.rousing = true;
  Kernel& kernel = seat_.kernel();
  const Nanos late = kernel.weather().lasts(Fault::late_completion, kernel.id());
  enqueue({nullptr, {held.index, descriptor.generation}, after(now(), late), true});
}

// The descriptor tells those above who waits on it, until that has ended.
Op*& CompletionEngine::parked(const Op& op) noexcept {
  return waits_for_writing(op.code) ? op.on->writer : op.on->reader;
}

void CompletionEngine::cancel(Op& op) noexcept {
  Side& where = side(op);
  if (where.op != &op || where.ended || where.set()) {
    return;  // its result stands, or it is being cancelled already
  }
  Kernel& kernel = seat_.kernel();
  Weather& weather = kernel.weather();
  const Nanos late = weather.lasts(Fault::lost_cancel, kernel.id());
  if (late != Nanos::zero()) {
    kernel.clock().set(where, after(now(), late));  // what comes before that wins
    return;
  }
  end(where, -ECANCELED);
  // The kernel also answers the request itself, maybe when the descriptor is long gone.
  const Nanos answer = weather.lasts(Fault::late_completion, kernel.id());
  if (answer != Nanos::zero() && answers_ < held_.size()) {
    ++answers_;
    enqueue({nullptr, {op.on->index, op.on->generation}, after(now(), answer)});
  }
}

void CompletionEngine::cancel_late(Alarm& alarm) noexcept {
  Side& where = static_cast<Side&>(alarm);
  where.engine->end(where, -ECANCELED);
}

// A file changed. What waits is tried in the next drive: here the kernel is in the middle of it.
bool CompletionEngine::stir(Waiter& waiter, std::uint32_t bits) noexcept {
  Held& held = static_cast<Held&>(waiter);
  if (bits == 0 || (bits & kReadable) != 0) {  // of an end no bits are told
    held.engine->table_[held.index].ready |= kReadable;
  }
  const auto waits = [bits](const Side& side, std::uint32_t wanted) {
    return side.op != nullptr && !side.ended && !side.starved &&
           (bits == 0 || (bits & wanted) != 0);
  };
  CompletionEngine& engine = *held.engine;
  const bool asleep = (engine.table_[held.index].ready & kAsleep) != 0;
  if (!asleep && !waits(held.reader, kReadSide) && !waits(held.writer, kWriteSide)) {
    return false;
  }
  if (!held.stirred) {
    held.stirred = true;
    engine.stirred_.push_back(held.index);  // there is room for all of them
  }
  engine.seat_.woken();
  return held.shared;
}

// Tries what may go on: who heard of a change, and receives that waited for a buffer.
void CompletionEngine::settle() noexcept {
  for (std::size_t i = 0; i < stirred_.size(); ++i) {
    Held& held = *held_[stirred_[i]];
    held.stirred = false;
    attempt(held.reader);
    attempt(held.writer);
    rouse(held);
  }
  stirred_.clear();
  while (!starved_.empty() && buffers_.available()) {
    Side& first = side(*starved_.pop());
    first.starved = false;
    first_in_line_ = true;
    attempt(first);
    first_in_line_ = false;
  }
}

void CompletionEngine::attempt(Side& side) noexcept {
  if (side.op != nullptr && !side.ended && !side.starved && perform(side)) {
    end(side, side.op->result);
  }
}

// True: it ended. False: it would wait.
bool CompletionEngine::perform(Side& side) noexcept {
  Op& op = *side.op;
  switch (op.code) {
    case Opcode::receive:
      return receive(side);
    case Opcode::poll_in:
    case Opcode::poll_out: {
      const std::uint32_t interest =
          op.code == Opcode::poll_in ? kReadable | kPriority : std::uint32_t{kWritable};
      op.result = static_cast<std::int32_t>(seat_.process().poll_one(op.on->handle, interest));
      return op.result != 0;
    }
    default:
      op.result = syscalls_.perform(op);
      return op.result != -EAGAIN;
  }
}

// A buffer is given to the kernel when bytes are there. First come, first served.
bool CompletionEngine::receive(Side& side) noexcept {
  Op& op = *side.op;
  const Process& process = seat_.process();
  const File* file = process.file(op.on->handle);
  if (file != nullptr && (file->ready() & kReadSide) == 0) {
    return false;
  }
  std::byte* buffer = starved_.empty() || first_in_line_ ? buffers_.take() : nullptr;
  if (buffer == nullptr) {
    side.starved = true;
    starved_.push(op);
    return false;
  }
  op.data = buffer;
  op.size = Buffers::kSize;
  op.result = syscalls_.perform(op);
  if (file == nullptr || (file->ready() & kReadable) == 0) {
    op.on->ready &= ~std::uint32_t{kReadable};  // what is not read yet, others ask of this bit
  }
  if (op.result <= 0) {
    buffers_.give(buffer);
    op.data = nullptr;
  }
  return op.result != -EAGAIN;
}

// The end goes into the queue, in order behind others of the descriptor.
void CompletionEngine::end(Side& side, std::int32_t result) noexcept {
  Op& op = *side.op;
  Kernel& kernel = seat_.kernel();
  kernel.clock().stop(side);
  if (side.starved) {
    side.starved = false;
    starved_.remove(op);
  }
  op.result = result;
  side.ended = true;
  parked(op) = nullptr;
  Held& of = held(op);
  const Nanos late = kernel.weather().lasts(Fault::late_completion, kernel.id());
  of.last_end = std::max(of.last_end, after(now(), late));
  const bool lent = op.code == Opcode::send_zero_copy;
  enqueue({&op, {op.on->index, op.on->generation}, after(of.last_end, lent ? kLent : Nanos{})});
}

void CompletionEngine::forget(Side& side) noexcept {
  seat_.kernel().clock().stop(side);
  if (side.op != nullptr) {
    parked(*side.op) = nullptr;
  }
  side.op = nullptr;
  side.ended = side.starved = false;
}

}  // namespace vigil::sim

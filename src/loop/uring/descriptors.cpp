// Descriptors of the engine on io_uring: attached, closed once the kernel holds nothing of them,
// released with the ring's hands off; and how a loop ends.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "loop/uring/engine.hpp"
#include "vigil/loop/sleepers.hpp"

namespace vigil {

using uring::Tag;

namespace {

// kWritable stays clear: nobody sends past the ring. kPlain: waits for readiness, see sockets.cpp.
std::uint32_t first_hints(Attach how, bool ahead) noexcept {
  switch (how) {
    case Attach::stream:
    case Attach::listener:
      return kOnDemand | kReadable | (ahead ? 0u : kPlain);
    case Attach::datagram:
      return kPlain;
    case Attach::pipe:
      return kPlain | kPipe;
    case Attach::shared_listener:
      return kPlain | kExclusive;
    case Attach::foreign:
      return kPlain | kForeign;
    case Attach::unwatched:
      return kPlain | kPipe | kUnwatched;
  }
  return 0;
}

}  // namespace

// A poll of what is always ready ends at once, as if something had happened: epoll knows better.
Result<> UringEngine::watchable(NativeHandle handle) noexcept {
  if (epoll_ == kNoHandle) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ == kNoHandle) {
      return error(errno);
    }
  }
  epoll_event nothing{};
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, handle, &nothing) != 0 && errno != ENOENT) {
    return error(errno);
  }
  return {};
}

Result<Descriptor*> UringEngine::attach(NativeHandle handle, Attach how,
                                        std::source_location where) noexcept {
  if (how == Attach::foreign || how == Attach::pipe) {
    if (auto seen = watchable(handle); !seen) {
      return std::unexpected(seen.error());
    }
  }
  Descriptor* descriptor = table_.take(where);
  if (descriptor == nullptr) {
    return error(ENOMEM);
  }
  descriptor->handle = handle;
  descriptor->ready = first_hints(how, how == Attach::listener ? accepts_ahead_ : receives_ahead_);
  descriptor->told = how == Attach::listener ? uring::kListens : 0u;
  if (how == Attach::foreign) {
    descriptor->next_free = foreign_;
    foreign_ = descriptor->index;
  } else if (foreign_ != kNoForeign) {
    end_vanished(handle);
  }
  return descriptor;
}

// Its number is another file's by now, so what was waited for was closed. The ring holds that file,
// and would tell of it.
void UringEngine::end_vanished(NativeHandle handle) noexcept {
  for (std::uint32_t index = foreign_; index != kNoForeign; index = table_[index].next_free) {
    Descriptor& vanished = table_[index];
    if (vanished.handle != handle) {
      continue;
    }
    vanished.told |= uring::kVanished;
    for (Op* op : {vanished.reader, vanished.writer}) {
      if (op != nullptr) {
        cancel(*op);
      }
    }
  }
}

void UringEngine::forget_foreign(const Descriptor& descriptor) noexcept {
  std::uint32_t* link = &foreign_;
  while (*link != descriptor.index) {
    link = &table_[*link].next_free;
  }
  *link = descriptor.next_free;
}

void UringEngine::check_free(const Descriptor& descriptor) const noexcept {
  check(descriptor.reader == nullptr && descriptor.writer == nullptr,
        "a stream, socket or listener was destroyed while a task waits on it: end that task first "
        "(its scope's cancel does), then destroy");
}

void UringEngine::push_cancel(std::uint64_t user_data, std::uint32_t flags) noexcept {
  io_uring_sqe& entry = ring_.next();
  entry.opcode = IORING_OP_ASYNC_CANCEL;
  entry.flags = IOSQE_CQE_SKIP_SUCCESS;
  entry.fd = -1;
  entry.addr = user_data;
  entry.cancel_flags = flags;
  entry.user_data = static_cast<std::uint64_t>(Tag::ignored);
}

// Asks the multishot to end; its last word follows.
void UringEngine::stop(Descriptor& descriptor) noexcept {
  if ((descriptor.told & (uring::kArmed | uring::kStopping)) != uring::kArmed) {
    return;
  }
  descriptor.told |= uring::kStopping;
  const bool listens = (descriptor.told & uring::kListens) != 0;
  push_cancel(cookie(descriptor, listens ? Tag::accept : Tag::receive), 0);
}

// Returns when the multishot has said its last word. What else ended meanwhile goes on next turn.
void UringEngine::settle(Descriptor& descriptor) noexcept {
  while ((descriptor.told & uring::kArmed) != 0 && ring_.ours()) {
    stop(descriptor);
    static_cast<void>(ring_.enter(1, kForever));
    while (Op* op = take_one()) {
      if (Sleepers* woken = Sleepers::of(*op)) {
        woken->defer();
      } else {
        Loop::current()->defer(*op);
      }
    }
  }
}

// With what this turn submits. The socket is the kernel's as long as its multishot is, which is
// asked to end first; whatever it still says carries the old generation.
void UringEngine::close_by_ring(Descriptor& descriptor) noexcept {
  const bool listens = (descriptor.told & uring::kListens) != 0;
  stop(descriptor);
  io_uring_sqe& entry = ring_.next();
  entry.opcode = IORING_OP_CLOSE;
  entry.flags = IOSQE_CQE_SKIP_SUCCESS;
  entry.fd = descriptor.handle;
  entry.user_data = static_cast<std::uint64_t>(Tag::ignored);
  table_.give(descriptor);
  if (listens) {
    // Its address is free when this returns, as after close(2).
    static_cast<void>(ring_.enter(0, Nanos::zero()));
  }
}

void UringEngine::detach(Descriptor& descriptor) noexcept {
  check_free(descriptor);
  if (!closes_ && ring_.ours()) {
    settle(descriptor);
  }
  const bool listens = (descriptor.told & uring::kListens) != 0;
  if (!listens) {
    drop_early(descriptor);
  }
  for (; listens && descriptor.early != 0; --descriptor.early) {
    auto* first = static_cast<Descriptor*>(descriptor.early_first);
    descriptor.early_first = first->early_first;
    // As who waits in the backlog of a listener that closes.
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(first->handle, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    syscalls_.close(first->handle);
    table_.give(*first);
  }
  const bool held = (descriptor.told & uring::kArmed) != 0;
  const bool streams = closes_ && !listens && (descriptor.ready & kPlain) == 0 &&
                       (descriptor.told & uring::kEnded) == 0;
  if ((held || streams) && ring_.ours()) {
    close_by_ring(descriptor);
    return;
  }
  const NativeHandle handle = descriptor.handle;
  const bool ours = (descriptor.ready & kForeign) == 0;
  if (!ours) {
    forget_foreign(descriptor);
  }
  table_.give(descriptor);
  if (ours) {
    syscalls_.close(handle);
  }
}

NativeHandle UringEngine::release(Descriptor& descriptor) noexcept {
  check_free(descriptor);
  settle(descriptor);
  drop_early(descriptor);
  if ((descriptor.ready & kForeign) != 0) {
    forget_foreign(descriptor);
  }
  const NativeHandle handle = descriptor.handle;
  table_.give(descriptor);
  return handle;
}

bool UringEngine::holds_operations() const noexcept {
  if (files_ != 0) {
    return true;
  }
  for (std::uint32_t index = 0; index < table_.made(); ++index) {
    const Descriptor& descriptor = table_[index];
    if (descriptor.handle != kNoHandle && (descriptor.ready & kWoken) == 0 &&
        (descriptor.writer != nullptr || (descriptor.told & uring::kReaderHeld) != 0)) {
      return true;
    }
  }
  return false;
}

void UringEngine::abandon() noexcept {
  for (std::uint32_t index = 0; index < table_.made(); ++index) {
    Descriptor& descriptor = table_[index];
    if (descriptor.handle == kNoHandle || (descriptor.ready & (kAsleep | kWoken)) != 0) {
      continue;
    }
    for (Op* op : {descriptor.reader, descriptor.writer}) {
      if (op != nullptr) {
        cancel(*op);  // who the kernel does not hold is deferred, which the loop forgets
      }
    }
    descriptor.context = 0;
  }
  while (ring_.ours() && holds_operations()) {
    static_cast<void>(ring_.enter(1, kForever));
    while (const Op* op = take_one()) {
      if (op->code == Opcode::receive && op->result > 0) {
        buffers_.give(op->data);
      }
    }
  }
}

// The kernel takes a ring apart later, in a thread of its own: what it holds must not outlive the
// loop, so everything is asked to end here.
UringEngine::~UringEngine() {
  if (ring_.ours() && notifier_.handle() != kNoHandle) {
    push_cancel(0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    static_cast<void>(ring_.enter(0, Nanos::zero()));
  }
  if (epoll_ != kNoHandle) {
    ::close(epoll_);
  }
}

}  // namespace vigil

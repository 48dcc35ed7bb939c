// Ring: one io_uring, mapped and restricted; entries in, completions out. It knows nothing of
// operations.
#pragma once

#include <liburing.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "poll/fork_mark.hpp"
#include "vigil/base/check.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"

namespace vigil::uring {

// How many entries the two queues have, powers of two. Small ones lose nothing: a full submission
// queue is submitted at once, and what overflows the completion queue waits in the kernel.
struct Sizes {
  unsigned submissions = 512;
  unsigned completions = 4096;
  bool sqpoll = false;  // a thread of the kernel's takes up what is submitted
};

// Used on the thread that opened it alone (IORING_SETUP_SINGLE_ISSUER).
class Ring {
 public:
  Ring() noexcept = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Makes the ring. Errors: those of io_uring_setup(2), the kernel's word.
  Result<> open(Sizes sizes) noexcept;
  // Restricts it to what the engine uses, and lets it begin. Buffers must be registered by now.
  Result<> enable() noexcept;

  io_uring& native() noexcept { return ring_; }
  // Readable when there is something for enter() to do, for poll(2). Made at the first call, since
  // each completion writes to it then. The ring's own handle is not told of what waits for the
  // loop's thread (IORING_SETUP_DEFER_TASKRUN), but an eventfd is (io_uring_register_eventfd(3)).
  // kNoHandle: out of descriptors or memory.
  NativeHandle watched() const noexcept;
  // False in a forked child, whose ring is its parent's.
  bool ours() const noexcept { return mark_.holds(); }
  // A thread of the kernel's submits: with the rights that the process had when the ring was made.
  bool sqpoll() const noexcept { return (ring_.flags & IORING_SETUP_SQPOLL) != 0; }

  // ---- Submissions ----

  // Takes the next entry, zeroed, to be filled before the ring is used again. There is always one:
  // a queue that is full goes to the kernel now. In a forked child it is one that goes nowhere.
  io_uring_sqe& next() noexcept {
    io_uring_sqe* entry = at_hand();
    return entry != nullptr ? *entry = {} : next_after_making_room();
  }
  // The same, but with what was in it, or null if the queue is full or a child's.
  [[gnu::always_inline]] io_uring_sqe* at_hand() noexcept {
    Room& room = *room_;
    io_uring_sqe* entry = room.next;
    if (entry == room.end) [[unlikely]] {
      return nullptr;
    }
    room.next = entry + 1;
    if (entry == nullptr) {
      __builtin_unreachable();  // who asks for null asks whether the queue is full
    }
    return entry;
  }
  unsigned pending() const noexcept { return tail() - submitted_; }

  // Hands what is pending to the kernel, without waiting. Nothing in a forked child.
  void flush() noexcept;
  // Hands what is pending to the kernel and waits for `completions` to be there, `at_most` that
  // long; the kernel does its work for the ring meanwhile. 0, or -errno: -ETIME and -EINTR are
  // ordinary.
  int enter(unsigned completions, Nanos at_most) noexcept;

  // ---- Completions: [head(), end()) are there ----

  // The next to be looked at, if head() is not the end; the kernel is told of it by enter().
  const io_uring_cqe* cursor = nullptr;
  unsigned head() const noexcept { return cq_lap_ + static_cast<unsigned>(cursor - cqes_); }
  unsigned end() const noexcept { return __atomic_load_n(cq_tail_, __ATOMIC_ACQUIRE); }
  // Where the completions before `end` stop to lie one behind the other.
  const io_uring_cqe* stretch(unsigned end) noexcept {
    wrap();
    return cursor + std::min(end - head(), static_cast<unsigned>(cqes_end_ - cursor));
  }
  const io_uring_cqe& take() noexcept {
    wrap();
    return *cursor++;
  }

 private:
  // The entries that can be filled before make_room() is asked again. In a page that the kernel
  // clears in a forked child: there is no room there, so that the common way needs no look of its
  // own at whose ring this is.
  struct Room {
    io_uring_sqe* next;
    io_uring_sqe* end;
  };
  io_uring_sqe& next_after_making_room() noexcept;
  void make_room() noexcept;
  Result<> make_first_room() noexcept;
  unsigned tail() const noexcept { return sq_lap_ + static_cast<unsigned>(room_->next - sqes_); }
  void wrap() noexcept {
    if (cursor == cqes_end_) {
      cursor = cqes_;
      cq_lap_ += static_cast<unsigned>(cqes_end_ - cqes_);
    }
  }
  void hear() noexcept;
  int call(unsigned completions, unsigned flags, void* argument, std::size_t size) noexcept;
  Result<> restrict_to_what_is_used() noexcept;

  Room* room_ = nullptr;
  const io_uring_cqe* cqes_ = nullptr;
  const io_uring_cqe* cqes_end_ = nullptr;
  unsigned cq_lap_ = 0;  // the number of the completion that lies at cqes_
  const unsigned* cq_tail_ = nullptr;
  io_uring_sqe* sqes_ = nullptr;
  unsigned sq_lap_ = 0;  // of the entry at sqes_
  unsigned submitted_ = 0;
  unsigned entries_ = 0;
  unsigned enter_flags_ = 0;
  io_uring ring_{};
  mutable NativeHandle watched_ = kNoHandle;  // made by the first call of watched()
  ForkMark mark_;
  // What a forked child fills: an entry.
  alignas(io_uring_sqe) std::array<std::byte, sizeof(io_uring_sqe)> nowhere_{};
  bool open_ = false;
  bool disabled_ = false;
};

}  // namespace vigil::uring

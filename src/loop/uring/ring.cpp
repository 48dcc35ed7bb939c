// A ring is made as the kernel allows, restricted, and entered once a turn.
#include "loop/uring/ring.hpp"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

#include "loop/uring/newer.hpp"
#include "loop/uring/probe.hpp"

namespace vigil::uring {
namespace {

// Every opcode that an engine on this ring submits, with what tells whether the kernel has it:
// whatever else finds its way into the queue is refused by the kernel, and so is what the engine
// must do without.
struct Used {
  std::uint8_t opcode;
  Feature feature;
};
constexpr auto kOpcodes = std::to_array<Used>({
    {IORING_OP_ACCEPT, Feature::accept},       {IORING_OP_RECV, Feature::receive},
    {IORING_OP_SEND, Feature::send},           {IORING_OP_SEND_ZC, Feature::send_zc},
    {IORING_OP_POLL_ADD, Feature::poll_add},   {IORING_OP_ASYNC_CANCEL, Feature::async_cancel},
    {IORING_OP_CLOSE, Feature::close},         {IORING_OP_OPENAT2, Feature::open_at2},
    {IORING_OP_STATX, Feature::statx},         {IORING_OP_READ, Feature::read},
    {IORING_OP_WRITE, Feature::write},         {IORING_OP_READV, Feature::readv},
    {IORING_OP_WRITEV, Feature::writev},       {IORING_OP_FSYNC, Feature::fsync},
    {IORING_OP_RENAMEAT, Feature::renameat},   {IORING_OP_UNLINKAT, Feature::unlinkat},
    {IORING_OP_MKDIRAT, Feature::mkdirat},     {kTruncate, Feature::ftruncate},
    {IORING_OP_FALLOCATE, Feature::fallocate},
});
constexpr auto kRegistrations = std::to_array<std::uint8_t>({
    IORING_REGISTER_EVENTFD,
    IORING_REGISTER_RING_FDS,
    IORING_UNREGISTER_RING_FDS,
    IORING_UNREGISTER_PBUF_RING,
});
constexpr std::uint8_t kEntryFlags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS | IOSQE_ASYNC;

bool has(Feature feature) noexcept { return probe(feature).available; }

}  // namespace

Ring::~Ring() {
  if (open_) {
    ::io_uring_queue_exit(&ring_);
  }
  if (room_ != nullptr) {
    ::munmap(room_, sizeof *room_);
  }
  if (watched_ != kNoHandle) {
    ::close(watched_);
  }
}

NativeHandle Ring::watched() const noexcept {
  if (watched_ == kNoHandle && ours()) {
    watched_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watched_ >= 0 && register_with(ring_.ring_fd, IORING_REGISTER_EVENTFD, &watched_, 1) < 0) {
      ::close(std::exchange(watched_, kNoHandle));
    }
  }
  return watched_;
}

// What is told from now on is told anew; enter() does what was told before.
void Ring::hear() noexcept {
  eventfd_t count = 0;
  static_cast<void>(::eventfd_read(watched_, &count));
}

Result<> Ring::open(Sizes sizes) noexcept {
  io_uring_params how{};
  how.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL;
  how.cq_entries = sizes.completions;
  // What the loop's own thread alone submits need not interrupt it: it asks for ends when it waits.
  if (sizes.sqpoll) {
    how.flags |= IORING_SETUP_SQPOLL;
    enter_flags_ = IORING_ENTER_SQ_WAKEUP;
  } else if (has(Feature::defer_taskrun)) {
    how.flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  } else if (has(Feature::single_issuer)) {
    how.flags |= IORING_SETUP_SINGLE_ISSUER;
  }
  disabled_ = has(Feature::restrictions);
  how.flags |= disabled_ ? IORING_SETUP_R_DISABLED : 0u;
  if (const int made = ::io_uring_queue_init_params(sizes.submissions, &ring_, &how); made != 0) {
    return failed(made);
  }
  open_ = true;
  if ((ring_.features & IORING_FEAT_NODROP) == 0 || (ring_.features & IORING_FEAT_EXT_ARG) == 0) {
    return error(ENOSYS);  // before Linux 5.11: ends could be lost, and waits have no end
  }
  sqes_ = ring_.sq.sqes;
  entries_ = ring_.sq.ring_entries;
  cursor = cqes_ = ring_.cq.cqes;
  cqes_end_ = cqes_ + ring_.cq.ring_entries;
  cq_tail_ = ring_.cq.ktail;
  for (unsigned i = 0; i < entries_; ++i) {
    ring_.sq.array[i] = i;
  }
  return make_first_room();
}

Result<> Ring::make_first_room() noexcept {
  void* page =
      ::mmap(nullptr, sizeof(Room), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) {
    return error(errno);
  }
  room_ = static_cast<Room*>(page);
  if (::madvise(page, sizeof(Room), MADV_WIPEONFORK) != 0) {
    return error(errno);
  }
  *room_ = {.next = sqes_, .end = sqes_ + entries_};
  return {};
}

[[gnu::noinline]] io_uring_sqe& Ring::next_after_making_room() noexcept {
  if (!ours()) {
    return *::new (nowhere_.data()) io_uring_sqe{};
  }
  make_room();
  return *at_hand() = {};
}

// The queue is a circle, and an entry is free once the kernel has taken it.
void Ring::make_room() noexcept {
  if (pending() == entries_) {
    flush();
  }
  const unsigned free = entries_ - pending();
  if (room_->next == sqes_ + entries_) {
    room_->next = sqes_;
    sq_lap_ += entries_;
  }
  room_->end = std::min(room_->next + free, sqes_ + entries_);
}

Result<> Ring::restrict_to_what_is_used() noexcept {
  std::array<io_uring_restriction, kOpcodes.size() + kRegistrations.size() + 1> rules{};
  std::size_t count = 0;
  for (const Used& used : kOpcodes) {
    if (has(used.feature)) {
      rules[count].opcode = IORING_RESTRICTION_SQE_OP;
      rules[count++].sqe_op = used.opcode;
    }
  }
  for (const std::uint8_t registration : kRegistrations) {
    rules[count].opcode = IORING_RESTRICTION_REGISTER_OP;
    rules[count++].register_op = registration;
  }
  rules[count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  rules[count++].sqe_flags = kEntryFlags;
  const int done = register_with(ring_.ring_fd, IORING_REGISTER_RESTRICTIONS, rules.data(),
                                 static_cast<unsigned>(count));
  return done < 0 ? Result<>(failed(done)) : Result<>();
}

Result<> Ring::enable() noexcept {
  if (disabled_) {
    if (auto restricted = restrict_to_what_is_used(); !restricted) {
      return restricted;
    }
    // Who enables the ring becomes its single issuer: the loop's thread, which made it.
    if (const int on = register_with(ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
        on < 0) {
      return failed(on);
    }
  }
  if (has(Feature::registered_ring) && ::io_uring_register_ring_fd(&ring_) == 1) {
    enter_flags_ |= IORING_ENTER_REGISTERED_RING;
  }
  return {};
}

int Ring::call(unsigned completions, unsigned flags, void* argument, std::size_t size) noexcept {
  __atomic_store_n(ring_.sq.ktail, tail(), __ATOMIC_RELEASE);
  __atomic_store_n(ring_.cq.khead, head(), __ATOMIC_RELEASE);
  const long done = ::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, pending(), completions,
                              flags | enter_flags_, argument, size);
  const int outcome = done < 0 ? -errno : 0;
  submitted_ = __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE);
  return outcome;
}

void Ring::flush() noexcept {
  while (ours() && pending() != 0) {
    const int done = call(0, 0, nullptr, 0);
    // Out of memory for a moment; what has ended meanwhile frees some.
    check(done >= 0 || done == -EAGAIN || done == -EINTR || done == -EBUSY,
          "handing operations to io_uring failed: was the loop's own descriptor closed, or used on "
          "another thread?");
    if (done < 0) {
      static_cast<void>(call(0, IORING_ENTER_GETEVENTS, nullptr, 0));
    }
  }
}

int Ring::enter(unsigned completions, Nanos at_most) noexcept {
  if (watched_ != kNoHandle) [[unlikely]] {
    hear();
  }
  if (completions == 0 || at_most == kForever) {
    return call(completions, IORING_ENTER_GETEVENTS, nullptr, 0);
  }
  __kernel_timespec limit{.tv_sec = at_most.count() / 1'000'000'000,
                          .tv_nsec = at_most.count() % 1'000'000'000};
  io_uring_getevents_arg argument{};
  argument.ts = reinterpret_cast<std::uint64_t>(&limit);
  return call(completions, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument,
              sizeof argument);
}

}  // namespace vigil::uring

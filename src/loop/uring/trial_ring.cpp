// The tiny ring, its buffers and its descriptors.
#include "loop/uring/trial_ring.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace vigil::uring {

TrialRing::~TrialRing() {
  if (open_) {
    ::io_uring_queue_exit(&ring_);
  }
}

int TrialRing::open(unsigned flags) noexcept {
  io_uring_params how{};
  how.flags = flags;
  how.sq_thread_idle = 1;
  const int made = ::io_uring_queue_init_params(8, &ring_, &how);
  open_ = made == 0;
  return -made;
}

io_uring_sqe* TrialRing::next() noexcept {
  io_uring_sqe* room = ::io_uring_get_sqe(&ring_);
  if (room == nullptr) {
    room = reinterpret_cast<io_uring_sqe*>(spare_.data());
  }
  *room = {};  // what prepares an operation leaves the user data of the one before
  return room;
}

io_uring_cqe* TrialRing::wait(int& result) noexcept {
  __kernel_timespec limit{.tv_sec = 5, .tv_nsec = 0};
  io_uring_cqe* seen = nullptr;
  // No signal ends it (they are blocked), but the kernel interrupts this thread for its own work
  // on a ring that was given back, whenever it comes to that: a few times, not for ever.
  constexpr int kInterruptions = 100;
  for (int i = 0; i != kInterruptions; ++i) {
    result = ::io_uring_submit_and_wait_timeout(&ring_, &seen, 1, &limit, nullptr);
    if (seen != nullptr || result != -EINTR) {
      break;
    }
  }
  if (seen != nullptr) {
    result = seen->res;
    flags_ = seen->flags;
    ::io_uring_cqe_seen(&ring_, seen);
  }
  return seen;
}

int TrialRing::finish() noexcept {
  int result = 0;
  if (wait(result) != nullptr) {
    return result;
  }
  const int wrong = result < 0 ? result : -ETIME;
  // Its memory goes away when the try returns: it must not be left behind.
  io_uring_sqe* all = next();
  ::io_uring_prep_cancel64(all, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
  while (wait(result) != nullptr) {
  }
  return wrong;
}

TrialDescriptors::TrialDescriptors() noexcept {
  all_[2] = ::memfd_create("vigil-probe", MFD_CLOEXEC);
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, all_.data()) != 0 || all_[2] < 0 ||
      ::pipe2(&all_[3], O_CLOEXEC) != 0 || ::pipe2(&all_[5], O_CLOEXEC) != 0) {
    error_ = errno;
  }
}

TrialDescriptors::~TrialDescriptors() {
  for (const int each : all_) {
    if (each >= 0) {
      ::close(each);
    }
  }
}

TrialBuffers::~TrialBuffers() {
  if (ring_ != nullptr) {
    ::io_uring_unregister_buf_ring(ring_, 0);
  }
  if (entries_ != nullptr) {
    ::munmap(entries_, kCount * sizeof(io_uring_buf));
  }
}

int TrialBuffers::offer(TrialRing& ring) noexcept {
  void* room = ::mmap(nullptr, kCount * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    return errno;
  }
  entries_ = room;
  io_uring_buf_reg where{};
  where.ring_addr = reinterpret_cast<std::uint64_t>(room);
  where.ring_entries = kCount;
  if (const int failed = ::io_uring_register_buf_ring(&ring.native(), &where, 0); failed != 0) {
    return -failed;
  }
  ring_ = &ring.native();
  auto* entries = static_cast<io_uring_buf_ring*>(room);
  ::io_uring_buf_ring_init(entries);
  for (std::uint32_t i = 0; i < kCount; ++i) {
    ::io_uring_buf_ring_add(entries, bytes_[i].data(), kBytes, static_cast<std::uint16_t>(i),
                            ::io_uring_buf_ring_mask(kCount), static_cast<int>(i));
  }
  ::io_uring_buf_ring_advance(entries, static_cast<int>(kCount));
  return 0;
}

}  // namespace vigil::uring

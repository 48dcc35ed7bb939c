// The features of the ring, each tried on a ring of its own; then the opcodes, on one ring.
#include "loop/uring/trials.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "loop/uring/newer.hpp"
#include "loop/uring/trial_ring.hpp"

namespace vigil::uring {
namespace {

constexpr unsigned kDefer = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

// A ring that cannot carry out a no-op is none: a filter may let it be made and refuse its use.
int try_ring(unsigned flags) noexcept {
  TrialRing ring;
  if (const int failed = ring.open(flags); failed != 0) {
    return failed;
  }
  ::io_uring_prep_nop(ring.next());
  const int result = ring.finish();
  return result < 0 ? -result : 0;
}

// The ring may do nothing but a no-op: then a timeout must be refused.
int try_restrictions() noexcept {
  TrialRing ring;
  if (const int failed = ring.open(IORING_SETUP_R_DISABLED); failed != 0) {
    return failed;
  }
  io_uring_restriction only{};
  only.opcode = IORING_RESTRICTION_SQE_OP;
  only.sqe_op = IORING_OP_NOP;
  if (const int done = register_with(ring.handle(), IORING_REGISTER_RESTRICTIONS, &only, 1);
      done < 0) {
    return -done;
  }
  if (const int done = register_with(ring.handle(), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
      done < 0) {
    return -done;
  }
  ::io_uring_prep_nop(ring.next());
  if (const int result = ring.finish(); result < 0) {
    return -result;
  }
  __kernel_timespec at_once{};
  ::io_uring_prep_timeout(ring.next(), &at_once, 0, 0);
  return ring.finish() == -EACCES ? 0 : EOPNOTSUPP;
}

int try_registered_ring() noexcept {
  TrialRing ring;
  if (const int failed = ring.open(0); failed != 0) {
    return failed;
  }
  if (const int count = ::io_uring_register_ring_fd(&ring.native()); count != 1) {
    return count < 0 ? -count : EINVAL;
  }
  ::io_uring_prep_nop(ring.next());
  const int result = ring.finish();
  return result < 0 ? -result : 0;
}

int try_registered_files() noexcept {
  TrialRing ring;
  if (const int failed = ring.open(0); failed != 0) {
    return failed;
  }
  return -::io_uring_register_files_sparse(&ring.native(), 8);
}

int try_buffer_rings() noexcept {
  TrialRing ring;
  TrialBuffers buffers;
  if (const int failed = ring.open(0); failed != 0) {
    return failed;
  }
  return buffers.offer(ring);
}

// There is nothing to cancel, which only a kernel that knows the call finds out.
int try_sync_cancel(TrialRing& ring) noexcept {
  io_uring_sync_cancel_reg what{};
  what.addr = kNobodys;
  what.fd = -1;
  what.timeout.tv_sec = -1;
  what.timeout.tv_nsec = -1;
  const int result = ::io_uring_register_sync_cancel(&ring.native(), &what);
  return result == -ENOENT ? 0 : -result;
}

int flagged(const TrialRing& ring, unsigned feature) noexcept {
  return ring.has(feature) ? 0 : EINVAL;
}

int try_feature(Feature feature, TrialRing& ring) noexcept {
  switch (feature) {
    case Feature::single_issuer:
      return try_ring(IORING_SETUP_SINGLE_ISSUER);
    case Feature::defer_taskrun:
      return try_ring(kDefer);
    case Feature::registered_ring:
      return try_registered_ring();
    case Feature::registered_files:
      return try_registered_files();
    case Feature::restrictions:
      return try_restrictions();
    case Feature::buffer_rings:
      return try_buffer_rings();
    case Feature::wait_timeout:
      return flagged(ring, IORING_FEAT_EXT_ARG);
    case Feature::no_drop:
      return flagged(ring, IORING_FEAT_NODROP);
    case Feature::current_credentials:
      return flagged(ring, IORING_FEAT_CUR_PERSONALITY);
    case Feature::no_iowait:
      return flagged(ring, kFeatureNoIowait);
    case Feature::sync_cancel:
      return try_sync_cancel(ring);
    default:
      return 0;
  }
}

}  // namespace

int try_sqpoll() noexcept {
  TrialRing ring;
  return ring.open(IORING_SETUP_SQPOLL);
}

Outcomes try_all() noexcept {
  Outcomes outcomes{};
  TrialRing ring;
  int failed = try_ring(0);
  if (failed == 0) {
    failed = ring.open(try_ring(kDefer) == 0 ? kDefer : 0U);
  }
  if (failed != 0) {
    outcomes.fill(failed);
    return outcomes;
  }
  const TrialDescriptors on;
  for (std::size_t i = 1; i < kFeatures; ++i) {
    const auto feature = static_cast<Feature>(i);
    outcomes[i] = is_opcode(feature) ? try_opcode(feature, ring, on) : try_feature(feature, ring);
  }
  return outcomes;
}

}  // namespace vigil::uring

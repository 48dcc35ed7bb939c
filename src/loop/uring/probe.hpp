// What io_uring can do for this process: each feature and opcode is tried live, once a process, on
// a tiny ring of its own. What the headers or the kernel's version promise decides nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "vigil/loop/capabilities.hpp"

namespace vigil::uring {

using Cause = Capability::Cause;

enum class Feature : std::uint8_t {
  // Of the ring.
  ring,                 // io_uring_setup and io_uring_enter; without it nothing else is there
  single_issuer,        // IORING_SETUP_SINGLE_ISSUER
  defer_taskrun,        // IORING_SETUP_DEFER_TASKRUN, with single_issuer
  registered_ring,      // IORING_REGISTER_RING_FDS
  registered_files,     // IORING_REGISTER_FILES2, a sparse table
  restrictions,         // IORING_REGISTER_RESTRICTIONS, and the kernel holds to them
  buffer_rings,         // IORING_REGISTER_PBUF_RING
  wait_timeout,         // a timeout of io_uring_enter itself, IORING_FEAT_EXT_ARG
  no_drop,              // an overflowing completion queue loses nothing, IORING_FEAT_NODROP
  current_credentials,  // operations run with the submitter's rights, IORING_FEAT_CUR_PERSONALITY
  no_iowait,            // waiting need not count as I/O wait, IORING_ENTER_NO_IOWAIT
  sync_cancel,          // IORING_REGISTER_SYNC_CANCEL
  sqpoll,               // IORING_SETUP_SQPOLL
  // Opcodes, and what some of them take.
  accept,
  accept_multishot,
  receive,
  receive_multishot,  // with buffers of a ring
  receive_bundle,
  receive_message,
  send,
  send_zc,
  send_bundle,
  send_message,
  connect,
  shutdown,
  poll_add,
  poll_multishot,
  splice,
  timeout,
  async_cancel,
  msg_ring,
  open_at2,
  statx,
  read,
  write,
  readv,
  writev,
  fsync,
  fallocate,
  fadvise,
  renameat,
  unlinkat,
  mkdirat,
  ftruncate,
  close,
};

inline constexpr std::size_t kFeatures = static_cast<std::size_t>(Feature::close) + 1;

struct Answer {
  bool available = false;
  int error = 0;         // what the kernel answered (errno), 0 if it is available
  std::string_view why;  // in words for an operator; empty if it is available
  Cause cause = Cause::none;
};

// Tried live, the first time, once a process; any thread. What the VIGIL_URING_WITHOUT variable
// names (names separated by commas, as name() has them) is not available.
const Answer& probe(Feature feature) noexcept;

// Why a ring could not be made, in the words of Answer::why; for an error of the kernel (a positive
// errno) that comes later than the probe.
struct Reason {
  Cause cause;
  std::string_view why;
};
Reason reason_of(int error) noexcept;

// "accept_multishot".
std::string_view name(Feature feature) noexcept;

// When the engine uses it, if not whenever it can: "asked for by --sqpoll". Else empty.
std::string_view only_when(Feature feature) noexcept;

// Whether it is an opcode (or what one takes) rather than a feature of the ring.
constexpr bool is_opcode(Feature feature) noexcept { return feature >= Feature::accept; }

}  // namespace vigil::uring

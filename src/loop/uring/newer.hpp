// What the kernel knows and Debian's liburing 2.3 (headers of Linux 6.1) does not: constants that
// came later, and calls that it declares and does not export. Nothing else stands on its own here.
#pragma once

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace vigil::uring {

inline constexpr unsigned kFeatureNoIowait = 1u << 17;  // IORING_FEAT_NO_IOWAIT, Linux 6.15
// IORING_SEND_ZC_REPORT_USAGE, Linux 6.2: the second word of a send without a copy tells whether
// there was one after all (IORING_NOTIF_USAGE_ZC_COPIED).
inline constexpr std::uint16_t kReportUsage = 1u << 3;
inline constexpr std::uint32_t kWasCopied = 1u << 31;
inline constexpr std::uint8_t kTruncate = 55;                 // IORING_OP_FTRUNCATE, Linux 6.9
inline constexpr std::uint16_t kSendReceiveBundle = 1u << 4;  // IORING_RECVSEND_BUNDLE, Linux 6.10

// io_uring_register_restrictions() and io_uring_enable_rings(): `what` of io_uring_register(2). 0
// or -errno.
inline int register_with(int ring, unsigned what, void* argument, unsigned count) noexcept {
  return ::syscall(__NR_io_uring_register, ring, what, argument, count) < 0 ? -errno : 0;
}

}  // namespace vigil::uring

// A tiny ring to try things on, and the descriptors that the tries use.
#pragma once

#include <liburing.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "loop/uring/probe.hpp"

namespace vigil::uring {

// The user data of no operation: what a cancel that shall find nothing looks for. Not that of an
// operation before it, either: a worker may still be at it when its end has been seen.
constexpr std::uint64_t kNobodys = ~std::uint64_t{0};

// One operation at a time: prepare what next() gives, then finish().
class TrialRing {
 public:
  TrialRing() = default;
  TrialRing(const TrialRing&) = delete;
  TrialRing& operator=(const TrialRing&) = delete;
  ~TrialRing();

  int open(unsigned flags) noexcept;  // 0 or errno
  io_uring& native() noexcept { return ring_; }
  int handle() const noexcept { return ring_.ring_fd; }
  bool has(unsigned feature) const noexcept { return (ring_.features & feature) != 0; }

  // Room for one operation; never null.
  io_uring_sqe* next() noexcept;
  // Submits what was prepared, waits for one completion, and returns its result, or -errno. What
  // has not ended after five seconds is cancelled.
  int finish() noexcept;
  // The flags of the completion that finish() saw last.
  unsigned flags() const noexcept { return flags_; }

 private:
  io_uring_cqe* wait(int& result) noexcept;

  io_uring ring_{};
  // Is never submitted: for a kernel that takes no operations any more.
  alignas(io_uring_sqe) std::array<std::byte, 64> spare_{};
  bool open_ = false;
  unsigned flags_ = 0;
};

// Two connected sockets, and what else the operations need to act on. Each is -1 if it could not be
// made; the error of the operation then tells of it.
class TrialDescriptors {
 public:
  TrialDescriptors() noexcept;
  TrialDescriptors(const TrialDescriptors&) = delete;
  TrialDescriptors& operator=(const TrialDescriptors&) = delete;
  ~TrialDescriptors();

  int error() const noexcept { return error_; }  // why one of the first could not be made, or 0
  int near() const noexcept { return all_[0]; }
  int far() const noexcept { return all_[1]; }
  int file() const noexcept { return all_[2]; }
  int pipe_out() const noexcept { return all_[3]; }
  int pipe_in() const noexcept { return all_[4]; }
  int other_out() const noexcept { return all_[5]; }
  int other_in() const noexcept { return all_[6]; }

 private:
  std::array<int, 7> all_{-1, -1, -1, -1, -1, -1, -1};
  int error_ = 0;
};

// Eight buffers of 64 bytes, offered to a ring as its group 0.
class TrialBuffers {
 public:
  static constexpr std::uint32_t kCount = 8;
  static constexpr std::uint32_t kBytes = 64;

  TrialBuffers() = default;
  TrialBuffers(const TrialBuffers&) = delete;
  TrialBuffers& operator=(const TrialBuffers&) = delete;
  ~TrialBuffers();

  int offer(TrialRing& ring) noexcept;  // 0 or errno

 private:
  io_uring* ring_ = nullptr;
  void* entries_ = nullptr;
  std::array<std::array<std::byte, kBytes>, kCount> bytes_{};
};

// The opcodes: 0 or errno each. `ring` and its descriptors serve one try after the other.
int try_opcode(Feature feature, TrialRing& ring, const TrialDescriptors& on) noexcept;
int try_file_opcode(Feature feature, TrialRing& ring, const TrialDescriptors& on) noexcept;

// The errno of a result, or 0.
inline int failed(int result) noexcept { return result < 0 ? -result : 0; }

}  // namespace vigil::uring

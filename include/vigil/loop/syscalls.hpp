// Seam 2: does one operation now, without waiting. The engine, the lanes and a simulation share it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vigil/base/handle.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/op.hpp"

namespace vigil {

class Syscalls {
 public:
  virtual ~Syscalls() = default;

  // recv(2) and send(2) of a stream socket, never blocking, never raising SIGPIPE: the byte count,
  // or -errno.
  virtual std::int32_t recv(NativeHandle handle, std::byte* to, std::size_t size) noexcept = 0;
  virtual std::int32_t send(NativeHandle handle, const std::byte* from,
                            std::size_t size) noexcept = 0;

  // Any other operation, by its opcode: `op.result`'s value, which perform() does not store. It
  // never waits, but for the file family (may_block), which a lane calls. Thread-safe for different
  // operations.
  virtual std::int32_t perform(Op& op) noexcept = 0;

  virtual void close(NativeHandle handle) noexcept = 0;
  virtual Instant now() noexcept = 0;  // the monotonic clock
};

// The system's own; one for the program, stateless.
Syscalls& native_syscalls() noexcept;

}  // namespace vigil

// Operations that never wait, performed at once by this thread's loop.
#pragma once

#include <cstdint>

#include "vigil/loop/loop.hpp"

namespace vigil::detail {

// The operation's result: >= 0, or -errno.
inline std::int32_t perform_now(Opcode code, Descriptor* on, void* data,
                                std::uint16_t detail = 0) noexcept {
  Op op;
  op.code = code;
  op.on = on;
  op.data = static_cast<std::byte*>(data);
  op.detail = detail;
  if (on != nullptr) {
    Loop::current()->check_home(*on);
  }
  return Loop::current()->perform(op);
}

}  // namespace vigil::detail

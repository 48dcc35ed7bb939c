// Opcode::socket_queues: what the kernel tells of a connection.
#pragma once

#include <cstdint>

#include "vigil/loop/arguments.hpp"

namespace vigil {

// 0 or -errno.
std::int32_t look_at_queues(int handle, SocketQueues& into) noexcept;
// A state of TCP as Linux numbers it (tcp_states.h).
SocketQueues::State state_of_tcp(std::uint8_t state) noexcept;

}  // namespace vigil

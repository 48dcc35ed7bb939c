// The families of operations as calls of a simulated process: results and errors are those of
// src/loop's *_operations.cpp, which do the same with the system's own.
#pragma once

#include <cstdint>

#include "kernel/process.hpp"
#include "vigil/loop/op.hpp"

namespace vigil::sim {

class Seat;

std::int32_t stream_operation(Process& process, Op& op) noexcept;   // syscalls_stream.cpp
std::int32_t socket_operation(Process& process, Op& op) noexcept;   // syscalls_socket.cpp
std::int32_t file_operation(Process& process, Op& op) noexcept;     // syscalls_file.cpp
std::int32_t name_operation(Process& process, Op& op) noexcept;     // syscalls_name.cpp
std::int32_t system_operation(Process& process, Op& op) noexcept;   // syscalls_system.cpp
std::int32_t resolve_operation(Process& process, Op& op) noexcept;  // syscalls_resolve.cpp

// For a program that is gone: nothing is done, but what is the real program's memory comes back.
void forget_operation(Op& op) noexcept;  // syscalls_system.cpp

}  // namespace vigil::sim

// The families of operations behind Syscalls::perform, one file each. They return a result >= 0 or
// -errno, and never -EINTR; descriptor operations return -EAGAIN where they would wait.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vigil/loop/arguments.hpp"
#include "vigil/loop/op.hpp"

namespace vigil {

std::int32_t perform_socket(Op& op) noexcept;    // socket_operations.cpp
std::int32_t perform_stream(Op& op) noexcept;    // stream_operations.cpp
std::int32_t perform_datagram(Op& op) noexcept;  // datagram_operations.cpp
std::int32_t perform_file(Op& op) noexcept;      // file_operations.cpp
std::int32_t perform_name(Op& op) noexcept;      // name_operations.cpp: names, and room on the disk
std::int32_t perform_system(
    Op& op) noexcept;  // system_operations.cpp: signals, pipes, file changes
std::int32_t perform_process(Op& op) noexcept;  // process_operations.cpp
std::int32_t perform_resolve(Op& op) noexcept;  // resolve_operation.cpp

// The system's form of a name, and back.
union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
  sockaddr_storage storage;
};
int family_of(SocketName::Family family) noexcept;                      // AF_UNSPEC: none
socklen_t encode(const SocketName& name, SocketAddress& out) noexcept;  // 0: no family
void decode(const SocketAddress& address, socklen_t size, SocketName& out) noexcept;

// Takes `count` bytes that were sent or filled from the front.
template <class Byte>
void consume(std::span<std::span<Byte>>& parts, std::size_t count) noexcept {
  while (count != 0) {
    const std::size_t step = std::min(count, parts.front().size());
    parts.front() = parts.front().subspan(step);
    count -= step;
    if (parts.front().empty()) {
      parts = parts.subspan(1);
    }
  }
}

// What one call of send_file sends at most: a reader as fast as the loop must not have it for
// itself.
inline constexpr std::uint64_t kFileShare = std::uint64_t{2} << 20;

// A system call's outcome as an operation's: repeated while a signal interrupts it.
template <class F>
std::int32_t outcome(F call) noexcept {
  for (;;) {
    const auto result = call();
    if (result >= 0) {
      return static_cast<std::int32_t>(result);
    }
    if (errno != EINTR) {
      return -errno;
    }
  }
}

}  // namespace vigil

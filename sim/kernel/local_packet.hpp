// What waits in an AF_UNIX socket's queue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/local_socket.hpp"

namespace vigil::sim {

struct LocalSocket::Packet {
  Packet* next = nullptr;
  LocalSocket* sender = nullptr;  // held: its buffer pays until this is read
  std::size_t cost = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint8_t block = 0;
  PassedFiles files;

  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  std::size_t size() const noexcept { return end - begin; }
};

}  // namespace vigil::sim

// Sockets: what a machine knows of all of its sockets: ports, local names, and every TCP end and
// AF_UNIX socket, so that they can vanish with it.
#pragma once

#include <cstdint>

#include "kernel/kernel.hpp"
#include "kernel/local_names.hpp"
#include "kernel/ports.hpp"

namespace vigil::sim {

class LocalSocket;
class Tcp;

class Sockets {
 public:
  // `kernel` knows its number, its limits and its network by then.
  explicit Sockets(Kernel& kernel);
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  Ports& tcp() noexcept { return tcp_; }
  Ports& udp() noexcept { return udp_; }
  LocalNames& names() noexcept { return names_; }

  // The machine loses power: every TCP end is dead, and its peer is told nothing. Network::vanished
  // calls it, before the processes end.
  void vanish() noexcept;

  // For Tcp and LocalSocket: those of this machine.
  void add(Tcp& end) noexcept;
  void remove(Tcp& end) noexcept;
  void add(LocalSocket& socket) noexcept;
  void remove(LocalSocket& socket) noexcept;

  // Nothing is open, and nothing is on its way.
  bool idle() const noexcept { return ends_ == nullptr && locals_ == nullptr; }

 private:
  Ports tcp_;
  Ports udp_;
  LocalNames names_;
  Tcp* ends_ = nullptr;
  LocalSocket* locals_ = nullptr;
};

}  // namespace vigil::sim

// DatagramSocket: UDP.
#pragma once

#include <utility>

#include "kernel/ports.hpp"
#include "kernel/socket.hpp"
#include "net/segment.hpp"

namespace vigil::sim {

class DatagramSocket final : public Socket, private PortUser {
 public:
  DatagramSocket(Kernel& kernel, int its_family);
  ~DatagramSocket() override;

  std::uint32_t ready() const noexcept override;
  void closed() noexcept override;
  int bind(const sockaddr* name, socklen_t size) override;
  int connect(const sockaddr* name, socklen_t size) override;
  int shutdown(int how) noexcept override;
  int name(sockaddr_storage& out, NameOf which) const noexcept override;
  std::int64_t send(Parts& from, Message& message) override;
  std::int64_t receive(Parts& to, Message& message) noexcept override;
  int set_option(int level, int option, const void* value, socklen_t size) noexcept override;
  int option(int level, int option, void* value) noexcept override;

  // A datagram came to the machine: its socket gets it, or its sender the word that there is none.
  static void arrive(Kernel& kernel, Datagram* datagram) noexcept;

 private:
  int take_error() noexcept override { return std::exchange(error_, 0); }
  void options_changed() override;
  int bind_if_unbound();
  void take(Datagram* datagram) noexcept;
  static void refuse(Kernel& kernel, Datagram* datagram) noexcept;

  BlockPool& pool_;
  Datagram* first_ = nullptr;
  Datagram* last_ = nullptr;
  std::size_t queued_ = 0;  // bytes, with what each costs beside
  int error_ = 0;
  std::uint8_t closed_ways_ = 0;
};

}  // namespace vigil::sim

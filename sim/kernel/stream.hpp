// StreamSocket: the file of a TCP socket; its Tcp end (net/tcp.hpp) is what lives on.
#pragma once

#include "kernel/socket.hpp"
#include "net/tcp.hpp"

namespace vigil::sim {

class StreamSocket final : public Socket {
 public:
  StreamSocket(Kernel& kernel, int its_family);
  // Of a connection that `listener` has.
  StreamSocket(Kernel& kernel, const StreamSocket& listener) noexcept;
  ~StreamSocket() override;

  std::uint32_t ready() const noexcept override;
  void closed() noexcept override;
  int bind(const sockaddr* name, socklen_t size) override;
  int connect(const sockaddr* name, socklen_t size) override;
  int listen(int backlog) override;
  int accept(Socket*& out) override;
  void accepted(Socket& out, bool taken) noexcept override;
  int shutdown(int how) noexcept override;
  int name(sockaddr_storage& out, NameOf which) const noexcept override;
  std::int64_t send(Parts& from, Message& message) override;
  std::int64_t receive(Parts& to, Message& message) noexcept override;
  int set_option(int level, int option, const void* value, socklen_t size) noexcept override;
  int option(int level, int option, void* value) noexcept override;
  int queues(SocketQueues& out) const noexcept override;

  // The machine lost power: the end is gone.
  void lost() noexcept { tcp_ = nullptr; }

 private:
  // Of the socket, as struct socket has it, beside that of its end.
  enum class State : std::uint8_t { unconnected, connecting, connected };

  int take_error() noexcept override { return tcp_->take_error(); }
  bool is_listening() const noexcept override { return tcp_->state == Tcp::State::listening; }
  void options_changed() override;
  void renew();
  int start_connecting(const sockaddr* name, socklen_t size);

  Tcp* tcp_;  // null once the file is closed
  State state_ = State::unconnected;
  std::uint16_t last_port_ = 0;  // which getsockname(2) tells even when it is free again
};

}  // namespace vigil::sim

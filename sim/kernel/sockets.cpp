// A machine's sockets as its kernel and the network see them.
#include "kernel/sockets.hpp"

#include "kernel/local_socket.hpp"
#include "net/tcp.hpp"

namespace vigil::sim {

Sockets::Sockets(Kernel& kernel)
    : tcp_(kernel.network().wires().seed, kernel.id(), kernel.limits().first_port,
           kernel.limits().last_port),
      udp_(kernel.network().wires().seed + 1, kernel.id(), kernel.limits().first_port,
           kernel.limits().last_port) {}

Sockets::~Sockets() { vanish(); }

void Sockets::vanish() noexcept {
  while (ends_ != nullptr) {
    Tcp& end = *ends_;
    remove(end);
    end.vanish();
  }
  for (LocalSocket* socket = locals_; socket != nullptr; socket = socket->next_local) {
    socket->hold();
  }
  for (LocalSocket* socket = locals_; socket != nullptr; socket = socket->next_local) {
    socket->vanish();
  }
  while (locals_ != nullptr) {
    LocalSocket& socket = *locals_;
    remove(socket);
    socket.drop();
  }
}

void Sockets::add(Tcp& end) noexcept {
  end.next_end = ends_;
  end.previous_end = nullptr;
  if (ends_ != nullptr) {
    ends_->previous_end = &end;
  }
  ends_ = &end;
}

void Sockets::remove(Tcp& end) noexcept {
  if (end.previous_end == nullptr && ends_ != &end) {
    return;
  }
  (end.previous_end != nullptr ? end.previous_end->next_end : ends_) = end.next_end;
  if (end.next_end != nullptr) {
    end.next_end->previous_end = end.previous_end;
  }
  end.next_end = nullptr;
  end.previous_end = nullptr;
}

void Sockets::add(LocalSocket& socket) noexcept {
  socket.next_local = locals_;
  socket.previous_local = nullptr;
  if (locals_ != nullptr) {
    locals_->previous_local = &socket;
  }
  locals_ = &socket;
}

void Sockets::remove(LocalSocket& socket) noexcept {
  if (socket.previous_local == nullptr && locals_ != &socket) {
    return;
  }
  (socket.previous_local != nullptr ? socket.previous_local->next_local : locals_) =
      socket.next_local;
  if (socket.next_local != nullptr) {
    socket.next_local->previous_local = socket.previous_local;
  }
  socket.next_local = nullptr;
  socket.previous_local = nullptr;
}

}  // namespace vigil::sim

// BoundSockets: listening sockets for shards of other processes, whoever of those is there.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "vigil/base/handle.hpp"
#include "vigil/net/address.hpp"
#include "vigil/net/tcp.hpp"
#include "vigil/runtime/accept.hpp"

namespace vigil {

// The sockets of one address, which this process holds open and never accepts from: so a process
// that accepts from some of them (Acceptors::adopt, as lent) may die, and another may take its
// place, while nobody who connects is refused; who comes meanwhile waits in the backlog. Move-only;
// used on one thread that has a loop. The destructor closes them.
class BoundSockets {
 public:
  BoundSockets() noexcept = default;
  BoundSockets(BoundSockets&& other) noexcept
      : address_(other.address_), handles_(std::exchange(other.handles_, {})) {}
  BoundSockets& operator=(BoundSockets&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(handles_, other.handles_);
    return *this;
  }
  ~BoundSockets() { close(); }

  // Binds and listens before anybody serves: for `reuseport` one socket for each of `shards`, in
  // their order, for the other strategies and on a local path one for all. Errors: those of
  // Acceptors::open; invalid_argument for `reuseport_cpu`, whose sockets are chosen by the
  // processors of one process.
  static Result<BoundSockets> open(const Address& at, ListenOptions options,
                                   AcceptStrategy strategy, unsigned shards) noexcept;

  // With the port that was taken.
  const Address& address() const noexcept { return address_; }
  std::span<const NativeHandle> handles() const noexcept { return handles_; }

  // No new connection is let in, whoever accepts: those that were can be accepted still (see
  // TcpListener::refuse). Not on a local path, where it would end the accepting, too.
  void refuse() noexcept;
  // Idempotent. Who accepts from them has its own handles.
  void close() noexcept;

 private:
  Address address_;
  std::vector<NativeHandle> handles_;
};

}  // namespace vigil

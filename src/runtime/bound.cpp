// Sockets that somebody else accepts from.
#include "vigil/runtime/bound.hpp"

#include <new>

#include "net/socket.hpp"
#include "runtime/accept_place.hpp"

namespace vigil {

Result<BoundSockets> BoundSockets::open(const Address& at, ListenOptions options,
                                        AcceptStrategy strategy, unsigned shards) noexcept try {
  if (strategy == AcceptStrategy::reuseport_cpu) {
    return error(std::errc::invalid_argument);
  }
  const bool group = shards > 1 && strategy == AcceptStrategy::reuseport && !at.is_local();
  if (group && !options.reuse_port) {
    if (auto alone = detail::nobody_has(at, options); !alone) {
      return std::unexpected(alone.error());
    }
    options.reuse_port = true;
  }
  BoundSockets made;
  made.address_ = at;
  made.handles_.reserve(group ? shards : 1);
  while (made.handles_.size() != made.handles_.capacity()) {
    auto listener = TcpListener::listen(made.address_, options);
    if (!listener) {
      return std::unexpected(listener.error());
    }
    if (made.handles_.empty()) {
      const auto address = listener->local_address();
      if (!address) {
        return std::unexpected(address.error());
      }
      made.address_ = *address;
    }
    made.handles_.push_back(listener->release());
  }
  return made;
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

void BoundSockets::refuse() noexcept {
  if (address_.is_local()) {
    return;
  }
  for (const NativeHandle handle : handles_) {
    Descriptor socket;
    socket.handle = handle;
    socket.home = Loop::current()->home();
    // Where the system has nothing for it, who comes now is reset when the last has closed it.
    static_cast<void>(detail::set_option(&socket, SocketOption::Name::refuse, 1));
  }
}

void BoundSockets::close() noexcept {
  for (const NativeHandle handle : handles_) {
    Loop::current()->syscalls().close(handle);
  }
  handles_.clear();
}

}  // namespace vigil

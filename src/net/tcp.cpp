// TCP and local streams over the engine's operations.
#include "vigil/net/tcp.hpp"

#include <cerrno>
#include <new>

#include "net/socket.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil {

Task<Result<TcpStream>> TcpStream::connect(Address peer, std::source_location where) {
  auto opened = detail::open_attached({.name = peer.name()}, Attach::stream, where);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  TcpStream stream(*opened);
  const std::int32_t result = co_await detail::Operation(Opcode::connect, *opened, &peer.name());
  if (result < 0) {
    co_return failed(result);
  }
  co_return std::move(stream);
}

Result<TcpStream> TcpStream::adopt(NativeHandle handle, std::source_location where) noexcept {
  auto attached = detail::adopt_attached(handle, AdoptArgs::What::stream, Attach::stream, where);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  return TcpStream(*attached);
}

Result<TcpStream> TcpStream::adopt(Released&& released, std::source_location where) noexcept {
  Released owned = std::move(released);
  Engine& engine = Loop::current()->engine();
  auto attached = engine.attach(owned.handle(), Attach::stream, where);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  TcpStream stream(*attached);
  owned.take();
  if (const std::int32_t put = engine.put_early(**attached, owned.early()); put < 0) {
    return failed(put);
  }
  return stream;
}

Result<Released> TcpStream::release() noexcept {
  Loop& loop = *Loop::current();
  loop.check_home(*descriptor_);
  std::vector<std::byte> early;
  std::byte* data = nullptr;
  std::int32_t got = 0;
  while ((got = loop.engine().take_early(*descriptor_, data)) > 0) {
    const Lease piece(data, static_cast<std::size_t>(got));
    try {
      early.insert(early.end(), piece.bytes().begin(), piece.bytes().end());
    } catch (const std::bad_alloc&) {
      got = -ENOMEM;
      break;
    }
  }
  if (got < 0) {
    close();
    return failed(got);
  }
  return Released(loop.release(*std::exchange(descriptor_, nullptr)), std::move(early));
}

Task<Result<>> TcpStream::send_file(SendFile& what) {
  for (;;) {
    const std::int32_t result = co_await detail::Operation(Opcode::send_file, descriptor_, &what);
    if (result < 0) {
      co_return failed(result);
    }
    if (result == SendFile::kSent) {
      co_return Result<>{};
    }
    if (result == SendFile::kShare) {
      co_await yield();  // others first: a large file goes out by shares
      continue;
    }
    const std::int32_t fetched = co_await detail::Operation(Opcode::fetch, nullptr, &what);
    if (fetched < 0) {
      co_return failed(fetched);
    }
  }
}

Task<Result<>> TcpStream::send_file(NativeHandle file, std::uint64_t offset, std::uint64_t size,
                                    Residency* residency) {
  SendFile what{.file = file, .offset = offset, .size = size, .residency = residency};
  auto sending = send_file(what);
  co_return co_await std::move(sending);
}

Result<> TcpStream::shutdown(Direction direction) noexcept {
  const std::int32_t result = detail::perform_now(Opcode::shutdown, descriptor_, nullptr,
                                                  static_cast<std::uint16_t>(direction));
  return result < 0 ? Result<>(failed(result)) : Result<>();
}

void TcpStream::reset() noexcept {
  if (descriptor_ != nullptr) {
    static_cast<void>(detail::set_option(descriptor_, SocketOption::Name::linger_reset, 1));
    close();
  }
}

Result<> TcpStream::set(SocketOption::Name option, int value) noexcept {
  return detail::set_option(descriptor_, option, value);
}

Result<Address> TcpStream::local_address() const noexcept {
  return detail::name_of(Opcode::local_name, descriptor_);
}

Result<Address> TcpStream::peer_address() const noexcept {
  return detail::name_of(Opcode::peer_name, descriptor_);
}

Result<TcpListener> TcpListener::listen(const Address& at, ListenOptions options,
                                        std::source_location where) noexcept {
  const SocketArgs args{.name = at.name(),
                        .bind = true,
                        .listen = true,
                        .reuse_port = options.reuse_port,
                        .only_ipv6 = options.only_ipv6,
                        .mode = options.mode,
                        .backlog = options.backlog};
  auto opened = detail::open_attached(
      args, options.shared ? Attach::shared_listener : Attach::listener, where);
  if (!opened) {
    return std::unexpected(opened.error());
  }
  TcpListener listener(*opened);
  if (const auto set = detail::set_busy_poll(*opened, options.busy_poll); !set) {
    return std::unexpected(set.error());
  }
  return listener;
}

Result<TcpListener> TcpListener::adopt(NativeHandle handle, std::source_location where) noexcept {
  auto attached =
      detail::adopt_attached(handle, AdoptArgs::What::listener, Attach::shared_listener, where);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  TcpListener listener(*attached);
  listener.adopted_ = true;
  return listener;
}

Result<NativeHandle> TcpListener::duplicate() noexcept {
  AdoptArgs copy{.handle = descriptor_->handle, .duplicate = true};
  if (const std::int32_t made = detail::perform_now(Opcode::adopt, nullptr, &copy); made < 0) {
    return failed(made);
  }
  descriptor_->ready |= kShared;
  return copy.handle;
}

Result<TcpStream> TcpListener::Accept::accepted(std::int32_t handle,
                                                std::source_location where) const noexcept {
  if (handle < 0) {
    return failed(handle);
  }
  auto attached = Loop::current()->engine().attach(handle, Attach::stream, where);
  if (!attached) {
    Loop::current()->syscalls().close(handle);
    return std::unexpected(attached.error());
  }
  if (share_ != nullptr) {
    share_->accepted.store(share_->accepted.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
    if (on_ == nullptr && args_.peer != nullptr &&
        detail::perform_now(Opcode::peer_name, *attached, args_.peer) < 0) {
      *args_.peer = {};  // it has left already
    }
  }
  return TcpStream(*attached);
}

Result<TcpStream> TcpListener::take_accepted(std::source_location where) noexcept {
  const std::int32_t handle =
      descriptor_ != nullptr ? Loop::current()->engine().take_accepted(*descriptor_) : -EAGAIN;
  return Accept(descriptor_, share_, nullptr).accepted(handle, where);
}

// What it sets is the socket's: it would stay with whoever goes on with one that was adopted. On a
// local path it would end the accepting of whoever shares the socket, too.
Result<> TcpListener::refuse() noexcept {
  if (descriptor_ == nullptr) {
    return {};
  }
  if (adopted_) {
    return error(std::errc::no_protocol_option);
  }
  if ((descriptor_->ready & kShared) != 0) {
    const auto address = local_address();
    if (!address || address->is_local()) {
      return error(std::errc::no_protocol_option);
    }
  }
  return detail::set_option(descriptor_, SocketOption::Name::refuse, 1);
}

// What was handed over and not accepted is reset, as what waits in the backlog of a socket is.
void TcpListener::leave_share() noexcept {
  detail::ListenerShare& share = *std::exchange(share_, nullptr);
  if (share.handed != nullptr) {
    share.handed->close();
    while (auto handle = share.handed->try_receive()) {
      Loop::current()->syscalls().close(*handle);
    }
  }
}

Result<Address> TcpListener::local_address() const noexcept {
  if (descriptor_ == nullptr && share_ != nullptr) {
    return share_->address;
  }
  return detail::name_of(Opcode::local_name, descriptor_);
}

}  // namespace vigil

// Socket operations that never wait.
#include "net/socket.hpp"

#include <algorithm>
#include <cerrno>

namespace vigil::detail {

Result<Descriptor*> open_attached(const SocketArgs& args, Attach how,
                                  std::source_location where) noexcept {
  Loop& loop = *Loop::current();
  SocketArgs wanted = args;
  const std::int32_t handle = perform_now(Opcode::open_socket, nullptr, &wanted);
  if (handle < 0) {
    return failed(handle);
  }
  auto attached = loop.engine().attach(handle, how, where);
  if (!attached) {
    loop.syscalls().close(handle);
  }
  return attached;
}

Result<Descriptor*> adopt_attached(NativeHandle handle, AdoptArgs::What wanted, Attach how,
                                   std::source_location where) noexcept {
  AdoptArgs args{.handle = handle};
  if (const std::int32_t seen = perform_now(Opcode::adopt, nullptr, &args); seen < 0) {
    return failed(seen);
  }
  if (args.what != wanted) {
    if (args.reopened) {
      Loop::current()->syscalls().close(args.handle);
    }
    return error(std::errc::not_a_socket);
  }
  auto attached = Loop::current()->engine().attach(handle, how, where);
  if (attached) {
    (*attached)->ready |= kShared;
  }
  return attached;
}

Result<Address> name_of(Opcode which, Descriptor* on) noexcept {
  Address address;
  const std::int32_t result = perform_now(which, on, &address.name());
  if (result < 0) {
    return failed(result);
  }
  return address;
}

Result<> set_option(Descriptor* on, SocketOption::Name name, int value) noexcept {
  SocketOption option{.name = name, .value = value};
  const std::int32_t result = perform_now(Opcode::option, on, &option);
  return result < 0 ? Result<>(failed(result)) : Result<>();
}

Result<> set_busy_poll(Descriptor* on, Nanos span) noexcept {
  if (span <= Nanos::zero()) {
    return {};
  }
  const auto micros = std::chrono::ceil<std::chrono::microseconds>(span).count();
  return set_option(on, SocketOption::Name::busy_poll,
                    static_cast<int>(std::min<std::int64_t>(micros, 1'000'000)));
}

}  // namespace vigil::detail

// The system's Syscalls: the hot two directly, the rest by family.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "loop/operations.hpp"
#include "poll/direct_syscall.hpp"
#include "vigil/loop/syscalls.hpp"

namespace vigil {
namespace {

class NativeSyscalls final : public Syscalls {
 public:
  std::int32_t recv(NativeHandle handle, std::byte* to, std::size_t size) noexcept override {
    return static_cast<std::int32_t>(sys::recv(handle, to, size, MSG_DONTWAIT));
  }

  std::int32_t send(NativeHandle handle, const std::byte* from,
                    std::size_t size) noexcept override {
    return static_cast<std::int32_t>(sys::send(handle, from, size, MSG_DONTWAIT | MSG_NOSIGNAL));
  }

  std::int32_t perform(Op& op) noexcept override {
    switch (op.code) {
      case Opcode::receive:
      case Opcode::read:
      case Opcode::send:
      case Opcode::send_more:
      case Opcode::send_zero_copy:
      case Opcode::send_many:
      case Opcode::send_file:
        return perform_stream(op);
      case Opcode::receive_from:
      case Opcode::send_to:
        return perform_datagram(op);
      case Opcode::accept:
      case Opcode::connect:
      case Opcode::open_socket:
      case Opcode::shutdown:
      case Opcode::option:
      case Opcode::local_name:
      case Opcode::peer_name:
      case Opcode::socket_queues:
      case Opcode::socket_pair:
      case Opcode::adopt:
        return perform_socket(op);
      case Opcode::pipe:
      case Opcode::signal_source:
      case Opcode::watch_source:
      case Opcode::watch_change:
      case Opcode::spawn:
      case Opcode::kill:
      case Opcode::reap:
        return perform_system(op);
      case Opcode::open:
      case Opcode::stat:
      case Opcode::read_at:
      case Opcode::write_at:
      case Opcode::read_parts:
      case Opcode::write_parts:
      case Opcode::list:
      case Opcode::close:
      case Opcode::sync:
      case Opcode::fetch:
      case Opcode::resolve:
        return perform_file(op);
      case Opcode::allocate:
      case Opcode::truncate:
      case Opcode::make_directory:
      case Opcode::unlink:
      case Opcode::rename:
        return perform_name(op);
      case Opcode::none:
      case Opcode::task:
      case Opcode::join:
      case Opcode::wait:
      case Opcode::sleep:
      case Opcode::letter:
      case Opcode::remote:
      case Opcode::call:
      case Opcode::poll_in:
      case Opcode::poll_out:
        break;
    }
    return -ENOSYS;
  }

  // EINTR from close(2) on Linux means closed: never repeated.
  void close(NativeHandle handle) noexcept override { ::close(handle); }

  Instant now() noexcept override {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return Instant{std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec)};
  }
};

constinit NativeSyscalls native;

}  // namespace

Syscalls& native_syscalls() noexcept { return native; }

}  // namespace vigil

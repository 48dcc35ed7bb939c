// Syscalls of a simulated process: the hot two directly, the rest by family.
#include "vigil/loop/syscalls.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "faces/parts.hpp"
#include "faces/seat.hpp"
#include "faces/syscalls.hpp"
#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/opcode_names.hpp"

namespace vigil::sim {
namespace {

class SimSyscalls final : public Syscalls {
 public:
  explicit SimSyscalls(Seat& seat) noexcept : seat_(seat) {}

  std::int32_t recv(NativeHandle handle, std::byte* to, std::size_t size) noexcept override {
    if (seat_.gone()) {
      return -ECANCELED;
    }
    return told(Opcode::receive, handle,
                static_cast<std::int32_t>(seat_.process().recv(handle, {to, size}, 0)));
  }

  std::int32_t send(NativeHandle handle, const std::byte* from,
                    std::size_t size) noexcept override {
    if (seat_.gone()) {
      return -ECANCELED;
    }
    return told(
        Opcode::send, handle,
        static_cast<std::int32_t>(seat_.process().send(handle, {from, size}, MSG_NOSIGNAL)));
  }

  std::int32_t perform(Op& op) noexcept override {
    if (seat_.gone()) {
      forget_operation(op);
      return -ECANCELED;
    }
    return told(op.code, op.on != nullptr ? op.on->handle : -1, by_family(op));
  }

  void close(NativeHandle handle) noexcept override {
    if (!seat_.gone()) {
      seat_.process().close(handle);
    }
  }

  Instant now() noexcept override { return seat_.kernel().clock().now(); }

 private:
  // For the trace: what the program did, and what came of it. That it has to wait is no news.
  std::int32_t told(Opcode code, NativeHandle handle, std::int32_t result) noexcept {
    if (result != -EAGAIN) {
      Kernel& kernel = seat_.kernel();
      kernel.tracer().note(kernel.id(), name_of(code),
                           static_cast<std::uint64_t>(std::int64_t{handle}),
                           static_cast<std::uint64_t>(std::int64_t{result}));
    }
    return result;
  }

  std::int32_t by_family(Op& op) noexcept {
    Process& process = seat_.process();
    switch (op.code) {
      case Opcode::receive:
      case Opcode::read:
      case Opcode::send:
      case Opcode::send_more:
      case Opcode::send_zero_copy:
      case Opcode::send_many:
      case Opcode::send_file:
      case Opcode::receive_from:
      case Opcode::send_to:
        return stream_operation(process, op);
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
        return socket_operation(process, op);
      case Opcode::pipe:
      case Opcode::signal_source:
      case Opcode::watch_source:
      case Opcode::watch_change:
      case Opcode::spawn:
      case Opcode::kill:
      case Opcode::reap:
        return system_operation(process, op);
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
        return file_operation(process, op);
      case Opcode::allocate:
      case Opcode::truncate:
      case Opcode::make_directory:
      case Opcode::unlink:
      case Opcode::rename:
        return name_operation(process, op);
      case Opcode::resolve:
        return resolve_operation(process, op);
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

  Seat& seat_;
};

}  // namespace

std::unique_ptr<Syscalls> make_syscalls(Seat& seat) { return std::make_unique<SimSyscalls>(seat); }

}  // namespace vigil::sim

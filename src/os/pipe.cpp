// Pipes and standard streams over the engine's operations.
#include "vigil/os/pipe.hpp"

#include "loop/perform_now.hpp"
#include "vigil/loop/arguments.hpp"
#include "vigil/loop/system_arguments.hpp"

namespace vigil::os {
namespace {

// Of a handle that is not ours to close.
Result<PipeStream> borrow(NativeHandle handle, Attach how) noexcept {
  auto attached = Loop::current()->engine().attach(handle, how);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  if (how == Attach::unwatched) {
    (*attached)->context = 1;
  }
  return PipeStream(*attached);
}

Result<PipeStream> standard(NativeHandle handle) noexcept {
  AdoptArgs args{.handle = handle};
  if (const std::int32_t seen = detail::perform_now(Opcode::adopt, nullptr, &args); seen < 0) {
    return failed(seen);
  }
  if (!args.reopened) {
    const bool socket = args.what != AdoptArgs::What::file;
    return borrow(handle, socket ? Attach::foreign : Attach::unwatched);
  }
  Engine& engine = Loop::current()->engine();
  auto attached = engine.attach(args.handle, Attach::pipe);
  if (!attached && attached.error() == std::errc::operation_not_permitted) {
    attached = engine.attach(args.handle, Attach::unwatched);  // as /dev/null, which never waits
  }
  if (!attached) {
    Loop::current()->syscalls().close(args.handle);
    return std::unexpected(attached.error());
  }
  return PipeStream(*attached);
}

}  // namespace

Result<PipeStream> PipeStream::take(NativeHandle handle) noexcept {
  auto attached = Loop::current()->engine().attach(handle, Attach::pipe);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  return PipeStream(*attached);
}

Result<Pipe> Pipe::open() noexcept {
  PipeArgs args;
  if (const std::int32_t made = detail::perform_now(Opcode::pipe, nullptr, &args); made < 0) {
    return failed(made);
  }
  auto reader = PipeStream::take(args.read_end);
  if (!reader) {
    Loop::current()->syscalls().close(args.read_end);
    Loop::current()->syscalls().close(args.write_end);
    return std::unexpected(reader.error());
  }
  auto writer = PipeStream::take(args.write_end);
  if (!writer) {
    Loop::current()->syscalls().close(args.write_end);
    return std::unexpected(writer.error());
  }
  return Pipe(std::move(*reader), std::move(*writer));
}

Result<PipeStream> standard_input() noexcept { return standard(0); }
Result<PipeStream> standard_output() noexcept { return standard(1); }
Result<PipeStream> standard_error() noexcept { return standard(2); }

}  // namespace vigil::os

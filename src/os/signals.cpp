// Signals over a handle that is readable while one waits.
#include "vigil/os/signals.hpp"

#include <cerrno>
#include <csignal>

#include "loop/perform_now.hpp"

namespace vigil::os {
namespace {

bool can_wait_for(int number) noexcept {
  switch (number) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
      return false;
    default:
      return number >= 1 && number <= 64;
  }
}

std::int32_t perform(SignalArgs& args, SignalArgs::Do what) noexcept {
  args.what = what;
  return detail::perform_now(Opcode::signal_source, nullptr, &args);
}

}  // namespace

Result<Signals> Signals::open(std::initializer_list<int> numbers) noexcept {
  SignalArgs args;
  for (const int number : numbers) {
    if (!can_wait_for(number)) {
      return error(std::errc::invalid_argument);
    }
    args.set |= std::uint64_t{1} << (number - 1);
  }
  const std::int32_t handle = perform(args, SignalArgs::Do::open);
  if (handle < 0) {
    return failed(handle);
  }
  args.handle = handle;
  // Closed by hand, in the right order with the mask.
  auto attached = Loop::current()->engine().attach(handle, Attach::foreign);
  if (!attached) {
    perform(args, SignalArgs::Do::close);
    return std::unexpected(attached.error());
  }
  return Signals(*attached, args);
}

Signals::~Signals() {
  if (descriptor_ != nullptr) {
    Loop::current()->detach(*descriptor_);
    perform(args_, SignalArgs::Do::close);
  }
}

Task<Result<Signal>> Signals::next() {
  for (;;) {
    const std::int32_t number = perform(args_, SignalArgs::Do::take);
    if (number >= 0) {
      co_return Signal{.number = number, .sender = args_.sender, .value = args_.value};
    }
    if (number != -EAGAIN) {
      co_return failed(number);
    }
    const std::int32_t ready = co_await detail::Operation(Opcode::poll_in, descriptor_, nullptr);
    if (ready < 0) {
      co_return failed(ready);
    }
  }
}

}  // namespace vigil::os

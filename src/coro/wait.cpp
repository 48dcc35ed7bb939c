// A foreign handle is attached for one wait.
#include "vigil/coro/wait.hpp"

#include <cerrno>

#include "vigil/coro/stream.hpp"
#include "vigil/loop/engine.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/poll/poller_error.hpp"

namespace vigil {
namespace {

// Errors with advice come with it.
std::unexpected<std::error_code> refused(const std::error_code& why) noexcept {
  if (why == std::errc::operation_not_permitted) {
    return std::unexpected(make_error_code(PollerErrc::not_pollable));
  }
  if (why == std::errc::too_many_files_open) {
    return std::unexpected(make_error_code(PollerErrc::above_limit));
  }
  return std::unexpected(why);
}

class Watched {
 public:
  explicit Watched(Descriptor* descriptor) noexcept : descriptor_(descriptor) {}
  ~Watched() { Loop::current()->detach(*descriptor_); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  Descriptor* get() const noexcept { return descriptor_; }

 private:
  Descriptor* descriptor_;
};

Task<Result<Ready>> wait_for(Opcode code, NativeHandle handle) {
  if (handle < 0) {
    co_return error(EBADF);
  }
  auto attached = Loop::current()->engine().attach(handle, Attach::foreign);
  if (!attached) {
    co_return refused(attached.error());
  }
  const Watched watched(*attached);
  const std::int32_t result = co_await detail::Operation(code, watched.get(), nullptr);
  if (result < 0) {
    const auto failure = failed(result);
    co_return refused(failure.error());
  }
  co_return static_cast<Ready>(result);
}

}  // namespace

Task<Result<Ready>> wait_readable(NativeHandle handle) { return wait_for(Opcode::poll_in, handle); }

Task<Result<Ready>> wait_writable(NativeHandle handle) {
  return wait_for(Opcode::poll_out, handle);
}

}  // namespace vigil

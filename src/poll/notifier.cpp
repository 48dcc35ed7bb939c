// The eventfd behind Selector::notify.
#include "poll/notifier.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace vigil {

Notifier::~Notifier() {
  if (handle_ != kNoHandle) {
    ::close(handle_);
  }
}

Result<> Notifier::open() noexcept {
  handle_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (handle_ == kNoHandle) {
    return error(errno);
  }
  return {};
}

void Notifier::post() noexcept {
  if (pending_.exchange(true, std::memory_order_acq_rel)) {
    return;
  }
  const std::uint64_t one = 1;
  // Cannot fail but by EINTR: the count stays far below its limit.
  while (::write(handle_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Notifier::drain() noexcept {
  std::uint64_t count;
  while (::read(handle_, &count, sizeof count) < 0 && errno == EINTR) {
  }
  seen();
}

}  // namespace vigil

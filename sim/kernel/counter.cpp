// The number behind an eventfd. A write of more than eight bytes is taken, as Linux 6.1 takes it;
// later kernels refuse it.
#include "kernel/counter.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <limits>

namespace vigil::sim {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Counter::Counter(Kernel& kernel, unsigned count, bool semaphore) noexcept
    : File(kernel), count_(count), semaphore_(semaphore) {
  access = O_RDWR;
  writes_parts_singly = true;
}

// The most is never reached by writes: only the system itself could add so much.
std::uint32_t Counter::ready() const noexcept {
  return (count_ > 0 ? std::uint32_t{kReadable} : 0U) |
         (count_ < kMost - 1 ? std::uint32_t{kWritable} : 0U);
}

std::int64_t Counter::read(std::span<std::byte> to) noexcept {
  if (to.size() < sizeof(count_)) {
    return -EINVAL;
  }
  if (count_ == 0) {
    return -EAGAIN;
  }
  const std::uint64_t taken = semaphore_ ? 1 : count_;
  count_ -= taken;
  std::memcpy(to.data(), &taken, sizeof taken);
  queue().wake(kWritable);
  return sizeof taken;
}

std::int64_t Counter::write(std::span<const std::byte> from) noexcept {
  std::uint64_t more = 0;
  if (from.size() < sizeof more) {
    return -EINVAL;
  }
  std::memcpy(&more, from.data(), sizeof more);
  if (more == kMost) {
    return -EINVAL;
  }
  if (kMost - count_ <= more) {
    return -EAGAIN;
  }
  count_ += more;
  queue().wake(kReadable);
  return sizeof more;
}

}  // namespace vigil::sim

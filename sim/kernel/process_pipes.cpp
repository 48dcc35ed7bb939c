// Byte streams as calls: read and write in all their forms, and the makers of pipes, counters and
// timers.
#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "kernel/counter.hpp"
#include "kernel/kernel.hpp"
#include "kernel/pipe.hpp"
#include "kernel/process.hpp"
#include "kernel/terminal.hpp"
#include "kernel/timer.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kMostParts = 1024;         // UIO_MAXIOV
constexpr std::size_t kMostGathered = 16 << 20;  // of a call with several parts
constexpr std::size_t kMostAtOnce = 0x7ffff000;  // MAX_RW_COUNT
constexpr int kNonblockingExec = O_NONBLOCK | O_CLOEXEC;

// 0 or -errno.
std::int32_t readable(const File* file) noexcept {
  if (file == nullptr || (file->access & O_ACCMODE) == O_WRONLY) {
    return -EBADF;
  }
  return file->has_read ? 0 : -EINVAL;
}

std::int32_t writable(const File* file) noexcept {
  if (file == nullptr || (file->access & O_ACCMODE) == O_RDONLY) {
    return -EBADF;
  }
  return file->has_write ? 0 : -EINVAL;
}

// All bytes of the parts, or -EINVAL.
std::int64_t total_of(std::span<const iovec> parts) noexcept {
  if (parts.size() > kMostParts) {
    return -EINVAL;
  }
  std::size_t total = 0;
  for (const iovec& part : parts) {
    if (part.iov_len > static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max())) {
      return -EINVAL;
    }
    total += std::min(part.iov_len, kMostAtOnce - total);
  }
  return static_cast<std::int64_t>(total);
}

// Where a file has no writev of its own, each part is a write.
std::int64_t write_each(File& to, std::span<const iovec> parts) noexcept {
  std::int64_t all = 0;
  for (const iovec& part : parts) {
    const std::int64_t count =
        to.write({static_cast<const std::byte*>(part.iov_base), part.iov_len});
    if (count < 0) {
      return all != 0 ? all : count;
    }
    all += count;
    if (static_cast<std::size_t>(count) != part.iov_len) {
      break;
    }
  }
  return all;
}

bool valid(const timespec& time) noexcept {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000;
}

}  // namespace

std::int64_t Process::read(int fd, std::span<std::byte> to) noexcept {
  File* from = usable(fd);
  const std::int32_t able = readable(from);
  return able < 0 ? able : from->read(to);
}

std::int64_t Process::write(int fd, std::span<const std::byte> from) noexcept {
  File* to = usable(fd);
  if (const std::int32_t able = writable(to); able < 0) {
    return able;
  }
  const std::int64_t count = to->write(from);
  if (count == -EPIPE) {
    raise(SIGPIPE);
  }
  return count;
}

std::int64_t Process::readv(int fd, std::span<const iovec> parts) noexcept {
  File* from = usable(fd);
  if (const std::int32_t able = readable(from); able < 0) {
    return able;
  }
  const std::int64_t total = total_of(parts);
  if (total <= 0) {
    return total;
  }
  if (parts.size() == 1) {
    return from->read({static_cast<std::byte*>(parts[0].iov_base), parts[0].iov_len});
  }
  // One call of the file: a packet is read by one, and so is a stream that becomes empty.
  gathered_.resize(std::min(static_cast<std::size_t>(total), kMostGathered));
  const std::int64_t count = from->read(gathered_);
  std::size_t given = 0;
  for (const iovec& part : parts) {
    const std::size_t size =
        std::min(part.iov_len, static_cast<std::size_t>(std::max<std::int64_t>(count, 0)) - given);
    if (size == 0) {
      continue;
    }
    std::memcpy(part.iov_base, gathered_.data() + given, size);
    given += size;
  }
  return count;
}

std::int64_t Process::writev(int fd, std::span<const iovec> parts) noexcept {
  File* to = usable(fd);
  if (const std::int32_t able = writable(to); able < 0) {
    return able;
  }
  const std::int64_t total = total_of(parts);
  if (total <= 0) {
    return total;
  }
  if (to->writes_parts_singly) {
    return write_each(*to, parts);
  }
  if (parts.size() == 1) {
    return write(fd, {static_cast<const std::byte*>(parts[0].iov_base), parts[0].iov_len});
  }
  gathered_.resize(std::min(static_cast<std::size_t>(total), kMostGathered));
  std::size_t taken = 0;
  for (const iovec& part : parts) {
    const std::size_t size = std::min(part.iov_len, gathered_.size() - taken);
    if (size == 0) {
      continue;
    }
    std::memcpy(gathered_.data() + taken, part.iov_base, size);
    taken += size;
  }
  return write(fd, gathered_);
}

std::int32_t Process::openpt(int flags) noexcept {
  return install_new(new (std::nothrow) TerminalEnd(kernel_, std::make_shared<Terminal>(), true),
                     flags);
}

std::int32_t Process::openpt_peer(int master, int flags) noexcept {
  const auto* end = dynamic_cast<TerminalEnd*>(usable(master));
  if (end == nullptr) {
    return usable(master) == nullptr ? -EBADF : -ENOTTY;
  }
  if (!end->is_master() || end->terminal()->user != nullptr) {
    return -EIO;
  }
  return install_new(new (std::nothrow) TerminalEnd(kernel_, end->terminal(), false), flags);
}

std::int32_t Process::pipe2(int ends[2], int flags) noexcept {
  if ((flags & ~(kNonblockingExec | O_DIRECT)) != 0) {
    return -EINVAL;
  }
  if (kernel_.weather().strikes(Fault::no_memory, kernel_.id())) {
    return -ENOMEM;
  }
  const auto pipe = std::make_shared<Pipe>();
  int made[2] = {-1, -1};
  for (int end = 0; end < 2; ++end) {
    auto* file = new (std::nothrow) PipeEnd(kernel_, pipe, end == 1);
    if (file != nullptr) {
      file->access |= flags & O_DIRECT;
    }
    made[end] = install_new(file, flags);
    if (made[end] < 0) {
      if (end == 1) {
        close(made[0]);
      }
      return made[end];
    }
  }
  std::copy_n(made, 2, ends);
  return 0;
}

std::int32_t Process::eventfd(unsigned count, int flags) noexcept {
  if ((flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK)) != 0) {
    return -EINVAL;
  }
  File* made = new (std::nothrow) Counter(kernel_, count, (flags & EFD_SEMAPHORE) != 0);
  return install_new(made, flags);
}

std::int32_t Process::timerfd_create(int clock, int flags) noexcept {
  if ((flags & ~kNonblockingExec) != 0 ||
      (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME)) {
    return -EINVAL;
  }
  File* made = new (std::nothrow) Timer(kernel_, clock);
  return install_new(made, flags);
}

std::int32_t Process::timerfd_settime(int fd, int flags, const itimerspec* value,
                                      itimerspec* old) noexcept {
  if (value == nullptr) {
    return -EFAULT;
  }
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0 || !valid(value->it_value) ||
      !valid(value->it_interval)) {
    return -EINVAL;
  }
  File* found = usable(fd);
  if (found == nullptr) {
    return -EBADF;
  }
  auto* timer = dynamic_cast<Timer*>(found);
  return timer == nullptr ? -EINVAL : timer->set(flags, *value, old);
}

std::int32_t Process::timerfd_gettime(int fd, itimerspec* value) noexcept {
  File* found = usable(fd);
  if (found == nullptr) {
    return -EBADF;
  }
  auto* timer = dynamic_cast<Timer*>(found);
  if (timer == nullptr) {
    return -EINVAL;
  }
  if (value == nullptr) {
    return -EFAULT;
  }
  timer->get(*value);
  return 0;
}

}  // namespace vigil::sim

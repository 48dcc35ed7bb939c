// epoll(7) and poll(2) as calls: the checks, in Linux's order, before EventPoll does the work.
#include <poll.h>

#include <cerrno>
#include <limits>
#include <new>

#include <fcntl.h>

#include "kernel/event_poll.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"

namespace vigil::sim {
namespace {

constexpr std::uint32_t kExclusiveAllowed =
    EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
constexpr std::size_t kMostEvents =
    static_cast<std::size_t>(std::numeric_limits<int>::max()) / sizeof(epoll_event);

}  // namespace

std::int32_t Process::epoll_create1(int flags) noexcept {
  if ((flags & ~EPOLL_CLOEXEC) != 0) {
    return -EINVAL;
  }
  File* made = new (std::nothrow) EventPoll(kernel_);
  return install_new(made, flags);
}

std::int32_t Process::epoll_ctl(int epoll, int action, int fd, const epoll_event* event) noexcept {
  const bool with_event = action != EPOLL_CTL_DEL;
  if (with_event && event == nullptr) {
    return -EFAULT;
  }
  File* set = usable(epoll);
  File* target = usable(fd);
  if (set == nullptr || target == nullptr) {
    return -EBADF;
  }
  if (!target->watchable()) {
    return -EPERM;
  }
  EventPoll* poll = set->event_poll();
  if (set == target || poll == nullptr) {
    return -EINVAL;
  }
  // An interest hangs in the queue since it was added: exclusive or not is decided there.
  if (with_event && (event->events & EPOLLEXCLUSIVE) != 0 &&
      (action == EPOLL_CTL_MOD ||
       (action == EPOLL_CTL_ADD &&
        (target->event_poll() != nullptr || (event->events & ~kExclusiveAllowed) != 0)))) {
    return -EINVAL;
  }
  switch (action) {
    case EPOLL_CTL_ADD:
      return poll->add(*target, fd, *event);
    case EPOLL_CTL_MOD:
      return poll->modify(*target, fd, *event);
    case EPOLL_CTL_DEL:
      return poll->remove(*target, fd);
    default:
      return -EINVAL;
  }
}

std::int32_t Process::epoll_wait(int epoll, std::span<epoll_event> room) noexcept {
  if (room.empty() || room.size() > kMostEvents) {
    return -EINVAL;
  }
  File* set = usable(epoll);
  if (set == nullptr) {
    return -EBADF;
  }
  EventPoll* poll = set->event_poll();
  return poll == nullptr ? -EINVAL : poll->collect(room);
}

std::uint32_t Process::poll_one(int fd, std::uint32_t interest) noexcept {
  if (fd < 0) {
    return 0;
  }
  File* watched = usable(fd);
  if (watched == nullptr) {
    return POLLNVAL;
  }
  return watched->ready() & (interest | POLLERR | POLLHUP);
}

}  // namespace vigil::sim

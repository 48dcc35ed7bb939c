// The accepted differences. A row that no history needs does not belong here.
#include <sys/epoll.h>

#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "differential/differential.hpp"
#include "differential/text.hpp"

namespace vigil::differential {

std::span<const AcceptedDifference> accepted_differences() noexcept {
  static constexpr AcceptedDifference kRows[] = {
      {.name = "epoll_wait_checks",
       .calls = "epoll_wait(fd, events, 0, t) where fd is not open",
       .model = "EINVAL: the room is looked at first",
       .newer = "EBADF: the descriptor is looked at first",
       .since = "6.15",
       .reason = "the checks of the arguments moved into a function of their own",
       .is_it =
           [](const Operation& op, const Outcome& model, const Outcome& real) {
             return op.call == Call::wait && op.n == 0 && model.result == -EINVAL &&
                    real.result == -EBADF;
           }},
      {.name = "eventfd_long_write",
       .calls = "write(eventfd, bytes, more than 8)",
       .model = "8: the first eight bytes are taken",
       .newer = "EINVAL",
       .since = "6.6",
       .reason = "the size is checked strictly",
       .is_it =
           [](const Operation& op, const Outcome& model, const Outcome& real) {
             return (op.call == Call::write || op.call == Call::writev) && op.n > 8 &&
                    real.result == -EINVAL && (model.result == 8 || model.result == -EAGAIN);
           }},
      {.name = "epoll_nesting",
       .calls = "epoll_ctl(EPOLL_CTL_ADD) of an epoll",
       .model = "ELOOP beyond four queues, those above counted, too: as 6.17 and later have it",
       .newer = "before 6.17 only those below count, or EINVAL is the answer",
       .since = "6.17",
       .reason = "recursion over the queues above was not bounded",
       .is_it =
           [](const Operation& op, const Outcome& model, const Outcome& real) {
             return op.call == Call::ctl && op.data == EPOLL_CTL_ADD && !this_linux_is(6, 17) &&
                    model.result == -ELOOP && (real.result == 0 || real.result == -EINVAL);
           }},
      {.name = "full_pipe_tells",
       .calls = "read(pipe) of a part of the first page of a full pipe",
       .model = "its writer is told, though there is no room",
       .newer = "it is told when a page came free",
       .since = "6.14",
       .reason = "a wake-up in vain was saved; KernelLimits::linux_version switches the model",
       .is_it = nullptr},
      {.name = "unconnected_datagram",
       .calls = "send(unix datagram socket without a peer)",
       .model = "ENOTCONN before anything else",
       .newer =
           "ENOTCONN after the size and the errors were looked at, and who waits to write is told",
       .since = "6.14",
       .reason = "the search for the receiver moved behind the making of the packet; "
                 "KernelLimits::linux_version switches the model",
       .is_it = nullptr},
  };
  return kRows;
}

bool this_linux_is(int major, int minor) noexcept {
  static const std::pair<int, int> version = [] {
    utsname names{};
    std::pair<int, int> read{};
    if (::uname(&names) != 0 ||
        std::sscanf(names.release, "%d.%d", &read.first, &read.second) != 2) {
      read = {6, 1};
    }
    return read;
  }();
  return version >= std::pair(major, minor);
}

std::string describe_accepted(bool markdown) {
  std::string text = markdown ? "| name | call | Linux 6.1, and the model | newer | since | why |\n"
                                "| --- | --- | --- | --- | --- | --- |\n"
                              : "";
  for (const AcceptedDifference& row : accepted_differences()) {
    text += fill(markdown ? "| `{}` | {} | {} | {} | {} | {} |\n"
                          : "{}\n  call   {}\n  6.1    {}\n  newer  {}\n  since  {}\n  why    {}\n",
                 {row.name, row.calls, row.model, row.newer, row.since, row.reason});
  }
  return text;
}

}  // namespace vigil::differential

// Bytes: reading, writing, files into sockets. Nothing here waits, but on handles that
// cannot be watched.
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "loop/file_presence.hpp"
#include "loop/operations.hpp"
#include "vigil/loop/buffers.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil {
namespace {

bool is_socket(const Op& op) noexcept { return (op.on->ready & kPipe) == 0; }

std::int32_t read_some(Op& op) noexcept {
  const int handle = op.on->handle;
  return outcome([&] {
    return is_socket(op) ? ::recv(handle, op.data, op.size, MSG_DONTWAIT)
                         : ::read(handle, op.data, op.size);
  });
}

// Neither a pipe nor sendfile(2) has MSG_NOSIGNAL: SIGPIPE is held back around the call, and taken
// if the call raised it, which one that wrote a part may have done, too. The program's own handling
// of it stays as it is. One that the program itself holds back may have been there before.
template <class F>
ssize_t without_signal(std::size_t whole, F call) noexcept {
  sigset_t pipe;
  sigset_t before;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  bool was_pending = false;
  if (::sigismember(&before, SIGPIPE) == 1) {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  }
  const ssize_t written = call();
  const int kept = errno;
  const bool raised = written < 0 ? kept == EPIPE : static_cast<std::size_t>(written) < whole;
  if (raised && !was_pending) {
    const timespec now{};
    while (::sigtimedwait(&pipe, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = kept;
  return written;
}

ssize_t write_pipe(int handle, const iovec* vectors, std::size_t count) noexcept {
  std::size_t whole = 0;
  for (const iovec& each : std::span(vectors, count)) {
    whole += each.iov_len;
  }
  return without_signal(whole, [&] { return ::writev(handle, vectors, static_cast<int>(count)); });
}

// Advances the operation, so that it goes on where it stopped when it is performed again.
std::int32_t write_all(Op& op) noexcept {
  const int handle = op.on->handle;
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (op.code == Opcode::send_more ? MSG_MORE : 0);
  while (op.size != 0) {
    const std::int32_t sent = outcome([&] {
      const iovec whole{op.data, op.size};
      return is_socket(op) ? ::send(handle, op.data, op.size, flags)
                           : write_pipe(handle, &whole, 1);
    });
    if (sent < 0) {
      return sent;
    }
    op.data += sent;
    op.size -= static_cast<std::uint32_t>(sent);
  }
  return 0;
}

std::int32_t write_some_of(const Op& op, std::span<std::span<const std::byte>> parts) noexcept {
  std::array<iovec, 64> vectors;
  const std::size_t count = std::min(parts.size(), vectors.size());
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  }
  return outcome([&]() -> ssize_t {
    if (!is_socket(op)) {
      return write_pipe(op.on->handle, vectors.data(), count);
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    return ::sendmsg(op.on->handle, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  });
}

std::int32_t write_many(Op& op) noexcept {
  auto& parts = reinterpret_cast<SendMany*>(op.data)->parts;
  for (;;) {
    while (!parts.empty() && parts.front().empty()) {
      parts = parts.subspan(1);
    }
    if (parts.empty()) {
      return 0;
    }
    const std::int32_t sent = write_some_of(op, parts);
    if (sent < 0) {
      return sent;
    }
    consume(parts, static_cast<std::size_t>(sent));
  }
}

// Called again after a wait, it looks anew; what it looked for once is sent without another look
// until then.
std::int32_t write_file(Op& op) noexcept {
  auto& file = *reinterpret_cast<SendFile*>(op.data);
  bool looked = false;
  for (std::uint64_t share = kFileShare; file.size != 0;) {
    if (share == 0) {
      return SendFile::kShare;
    }
    if ((!looked || file.offset >= file.in_memory) && !look_for_pages(file)) {
      return SendFile::kAbsent;
    }
    looked = true;
    auto offset = static_cast<off_t>(file.offset);
    const auto step =
        static_cast<std::size_t>(std::min({file.size, share, file.in_memory - file.offset}));
    const std::int32_t sent = outcome([&] {
      return without_signal(step,
                            [&] { return ::sendfile(op.on->handle, file.file, &offset, step); });
    });
    if (sent < 0) {
      return sent;
    }
    if (sent == 0) {
      return -ENODATA;
    }
    file.offset += static_cast<std::uint64_t>(sent);
    file.size -= static_cast<std::uint64_t>(sent);
    share -= static_cast<std::uint64_t>(sent);
  }
  return SendFile::kSent;
}

}  // namespace

std::int32_t perform_stream(Op& op) noexcept {
  switch (op.code) {
    case Opcode::receive:
    case Opcode::read:
      return read_some(op);
    case Opcode::send:
    case Opcode::send_more:
    case Opcode::send_zero_copy:
      return write_all(op);
    case Opcode::send_many:
      return write_many(op);
    case Opcode::send_file:
      return write_file(op);
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil

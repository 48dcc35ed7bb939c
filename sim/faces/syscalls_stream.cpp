// Bytes: reading, writing, datagrams, files into sockets.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "faces/syscalls.hpp"
#include "loop/control_room.hpp"
#include "loop/operations.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil::sim {
namespace {

bool is_socket(const Op& op) noexcept { return (op.on->ready & kPipe) == 0; }

std::int32_t narrow(std::int64_t result) noexcept { return static_cast<std::int32_t>(result); }

std::int32_t read_some(Process& process, Op& op) noexcept {
  const std::span to(op.data, op.size);
  return narrow(is_socket(op) ? process.recv(op.on->handle, to, 0)
                              : process.read(op.on->handle, to));
}

// Neither a pipe nor sendfile(2) has MSG_NOSIGNAL: SIGPIPE is held back around the call, and taken
// if it raised it, which one that wrote a part may have done, too.
template <class F>
std::int64_t without_signal(Process& process, std::size_t whole, F call) noexcept {
  sigset_t pipe;
  sigset_t before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  process.sigprocmask(SIG_BLOCK, &pipe, &before);
  const std::int64_t written = call();
  if (written == -EPIPE || (written >= 0 && static_cast<std::size_t>(written) < whole)) {
    process.sigtimedwait(&pipe);
  }
  process.sigprocmask(SIG_SETMASK, &before, nullptr);
  return written;
}

std::int64_t write_pipe(Process& process, int handle, std::span<const iovec> vectors) noexcept {
  std::size_t whole = 0;
  for (const iovec& each : vectors) {
    whole += each.iov_len;
  }
  return without_signal(process, whole, [&] { return process.writev(handle, vectors); });
}

// Advances the operation, so that it goes on where it stopped when it is performed again.
std::int32_t write_all(Process& process, Op& op) noexcept {
  const int handle = op.on->handle;
  const int flags = MSG_NOSIGNAL | (op.code == Opcode::send_more ? MSG_MORE : 0);
  while (op.size != 0) {
    const iovec whole{op.data, op.size};
    const std::int32_t sent = narrow(is_socket(op) ? process.send(handle, {op.data, op.size}, flags)
                                                   : write_pipe(process, handle, {&whole, 1}));
    if (sent < 0) {
      return sent;
    }
    op.data += sent;
    op.size -= static_cast<std::uint32_t>(sent);
  }
  return 0;
}

std::int32_t write_some_of(Process& process, const Op& op,
                           std::span<std::span<const std::byte>> parts) noexcept {
  std::array<iovec, 64> vectors;
  const std::size_t count = std::min(parts.size(), vectors.size());
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  }
  if (!is_socket(op)) {
    return narrow(write_pipe(process, op.on->handle, std::span(vectors).first(count)));
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return narrow(process.sendmsg(op.on->handle, &message, MSG_NOSIGNAL));
}

std::int32_t write_many(Process& process, Op& op) noexcept {
  auto& parts = reinterpret_cast<SendMany*>(op.data)->parts;
  for (;;) {
    while (!parts.empty() && parts.front().empty()) {
      parts = parts.subspan(1);
    }
    if (parts.empty()) {
      return 0;
    }
    const std::int32_t sent = write_some_of(process, op, parts);
    if (sent < 0) {
      return sent;
    }
    consume(parts, static_cast<std::size_t>(sent));
  }
}

// As look_for_pages() of src/loop.
bool look_for_pages(Process& process, SendFile& file) noexcept {
  if (std::exchange(file.fetched, false)) {
    return true;
  }
  if (file.offset < file.in_memory && process.in_memory(file.file, file.offset) != -EAGAIN) {
    return true;
  }
  file.in_memory = file.offset;
  const std::int64_t found = process.in_memory(file.file, file.offset);
  if (found < 0) {
    return false;
  }
  file.in_memory += found == 0 ? file.size : static_cast<std::uint64_t>(found);
  return true;
}

std::int32_t write_file(Process& process, Op& op) noexcept {
  auto& file = *reinterpret_cast<SendFile*>(op.data);
  bool looked = false;
  for (std::uint64_t share = kFileShare; file.size != 0;) {
    if (share == 0) {
      return SendFile::kShare;
    }
    if ((!looked || file.offset >= file.in_memory) && !look_for_pages(process, file)) {
      return SendFile::kAbsent;
    }
    looked = true;
    std::uint64_t offset = file.offset;
    const auto step =
        static_cast<std::size_t>(std::min({file.size, share, file.in_memory - file.offset}));
    const std::int32_t sent = narrow(without_signal(
        process, step, [&] { return process.sendfile(op.on->handle, file.file, &offset, step); }));
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

std::int32_t receive_datagram(Process& process, Op& op) noexcept {
  auto& datagram = *reinterpret_cast<Datagram*>(op.data);
  SocketAddress peer{};
  iovec vector{datagram.data, datagram.size};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  ControlRoom control;
  if (!datagram.handles.empty()) {
    control.offer(message, datagram.handles.size());
  }
  const std::int32_t got = narrow(process.recvmsg(op.on->handle, &message, MSG_CMSG_CLOEXEC));
  if (got < 0) {
    return got;
  }
  datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  datagram.handles_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  datagram.handles = datagram.handles.first(ControlRoom::take(message, datagram.handles));
  if (datagram.peer != nullptr) {
    decode(peer, message.msg_namelen, *datagram.peer);
  }
  return got;
}

std::int32_t send_datagram(Process& process, Op& op) noexcept {
  const auto& datagram = *reinterpret_cast<Datagram*>(op.data);
  if (datagram.handles.size() > Datagram::kMostHandles) {
    return -EINVAL;
  }
  SocketAddress peer{};
  iovec vector{datagram.data, datagram.size};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (datagram.peer != nullptr) {
    message.msg_namelen = encode(*datagram.peer, peer);
    message.msg_name = message.msg_namelen != 0 ? &peer : nullptr;
  }
  ControlRoom control;
  if (!datagram.handles.empty()) {
    control.put(message, datagram.handles);
  }
  return narrow(process.sendmsg(op.on->handle, &message, MSG_NOSIGNAL));
}

}  // namespace

std::int32_t stream_operation(Process& process, Op& op) noexcept {
  switch (op.code) {
    case Opcode::receive:
    case Opcode::read:
      return read_some(process, op);
    case Opcode::send:
    case Opcode::send_more:
    case Opcode::send_zero_copy:
      return write_all(process, op);
    case Opcode::send_many:
      return write_many(process, op);
    case Opcode::send_file:
      return write_file(process, op);
    case Opcode::receive_from:
      return receive_datagram(process, op);
    case Opcode::send_to:
      return send_datagram(process, op);
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil::sim

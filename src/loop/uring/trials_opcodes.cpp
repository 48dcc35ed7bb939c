// The opcodes on sockets, pipes and the ring itself, each tried on something that it can really act
// on: what a kernel says of itself (IORING_REGISTER_PROBE) does not tell what an opcode takes, nor
// what a filter refuses.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "loop/uring/newer.hpp"
#include "loop/uring/trial_ring.hpp"

namespace vigil::uring {
namespace {

class Socket {
 public:
  Socket(int family, int type) noexcept : handle_(::socket(family, type | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (handle_ >= 0) {
      ::close(handle_);
    }
  }
  int handle() const noexcept { return handle_; }

 private:
  int handle_;
};

// Ends the multishot operation that bears kMultishot; it and its cancel end in any order.
constexpr std::uint64_t kMultishot = 1;
void stop(TrialRing& ring) noexcept {
  ::io_uring_prep_cancel64(ring.next(), kMultishot, 0);
  ring.finish();
  ring.finish();
}

// Takes away what a try left in the pair, so that the next one finds it empty.
void drain(int handle) noexcept {
  std::byte rest[256];
  while (::recv(handle, rest, sizeof rest, MSG_DONTWAIT) > 0) {
  }
}

// A Unix listener at a name that the kernel chooses; `at` is where to reach it.
int listen_somewhere(const Socket& listener, sockaddr_un& at, socklen_t& size) noexcept {
  at = {};
  at.sun_family = AF_UNIX;
  size = sizeof at;
  const auto address = reinterpret_cast<sockaddr*>(&at);
  if (::bind(listener.handle(), address, sizeof(sa_family_t)) != 0 ||
      ::listen(listener.handle(), 8) != 0 ||
      ::getsockname(listener.handle(), address, &size) != 0) {
    return errno;
  }
  return 0;
}

int try_connect(TrialRing& ring) noexcept {
  const Socket listener(AF_UNIX, SOCK_STREAM);
  const Socket client(AF_UNIX, SOCK_STREAM);
  sockaddr_un at;
  socklen_t size;
  if (const int wrong = listen_somewhere(listener, at, size); wrong != 0) {
    return wrong;
  }
  ::io_uring_prep_connect(ring.next(), client.handle(), reinterpret_cast<sockaddr*>(&at), size);
  return failed(ring.finish());
}

int try_accept(TrialRing& ring, bool multishot) noexcept {
  const Socket listener(AF_UNIX, SOCK_STREAM);
  const Socket client(AF_UNIX, SOCK_STREAM);
  sockaddr_un at;
  socklen_t size;
  if (const int wrong = listen_somewhere(listener, at, size); wrong != 0) {
    return wrong;
  }
  if (::connect(client.handle(), reinterpret_cast<sockaddr*>(&at), size) != 0) {
    return errno;
  }
  io_uring_sqe* sqe = ring.next();
  if (multishot) {
    ::io_uring_prep_multishot_accept(sqe, listener.handle(), nullptr, nullptr, 0);
  } else {
    ::io_uring_prep_accept(sqe, listener.handle(), nullptr, nullptr, 0);
  }
  ::io_uring_sqe_set_data64(sqe, kMultishot);
  const int taken = ring.finish();
  if (taken >= 0) {
    ::close(taken);
  }
  const bool goes_on = (ring.flags() & IORING_CQE_F_MORE) != 0;
  if (taken >= 0 && goes_on) {
    stop(ring);
  }
  return multishot && taken >= 0 && !goes_on ? EINVAL : failed(taken);
}

int try_receive(TrialRing& ring, const TrialDescriptors& on) noexcept {
  std::byte into[8];
  if (::send(on.far(), "x", 1, MSG_NOSIGNAL) != 1) {
    return errno;
  }
  ::io_uring_prep_recv(ring.next(), on.near(), into, sizeof into, 0);
  return failed(ring.finish());
}

int try_receive_message(TrialRing& ring, const TrialDescriptors& on) noexcept {
  std::byte into[8];
  iovec part{into, sizeof into};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (::send(on.far(), "x", 1, MSG_NOSIGNAL) != 1) {
    return errno;
  }
  ::io_uring_prep_recvmsg(ring.next(), on.near(), &message, 0);
  return failed(ring.finish());
}

int try_receive_into_ring(TrialRing& ring, const TrialDescriptors& on,
                          std::uint16_t flags) noexcept {
  TrialBuffers buffers;
  if (const int wrong = buffers.offer(ring); wrong != 0) {
    return wrong;
  }
  if (::send(on.far(), "x", 1, MSG_NOSIGNAL) != 1) {
    return errno;
  }
  io_uring_sqe* sqe = ring.next();
  ::io_uring_prep_recv(sqe, on.near(), nullptr, 0, 0);
  sqe->ioprio = flags;
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
  ::io_uring_sqe_set_data64(sqe, kMultishot);
  const int came = ring.finish();
  const bool goes_on = (ring.flags() & IORING_CQE_F_MORE) != 0;
  if (came > 0 && goes_on) {
    stop(ring);
  }
  if (came > 0 && (flags & IORING_RECV_MULTISHOT) != 0 && !goes_on) {
    return EINVAL;
  }
  return failed(came);
}

int try_send(TrialRing& ring, const TrialDescriptors& on) noexcept {
  ::io_uring_prep_send(ring.next(), on.near(), "x", 1, MSG_NOSIGNAL);
  const int sent = ring.finish();
  drain(on.far());
  return failed(sent);
}

int try_send_message(TrialRing& ring, const TrialDescriptors& on) noexcept {
  char byte = 'x';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ::io_uring_prep_sendmsg(ring.next(), on.near(), &message, MSG_NOSIGNAL);
  const int sent = ring.finish();
  drain(on.far());
  return failed(sent);
}

// Two buffers of a ring in one call; a kernel that does not know it sends one, or refuses.
int try_send_bundle(TrialRing& ring, const TrialDescriptors& on) noexcept {
  TrialBuffers buffers;
  if (const int wrong = buffers.offer(ring); wrong != 0) {
    return wrong;
  }
  io_uring_sqe* sqe = ring.next();
  ::io_uring_prep_send(sqe, on.near(), nullptr, 0, MSG_NOSIGNAL);
  sqe->ioprio = kSendReceiveBundle;
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
  const int sent = ring.finish();
  drain(on.far());
  if (sent >= 0 && static_cast<std::uint32_t>(sent) <= TrialBuffers::kBytes) {
    return EINVAL;
  }
  return failed(sent);
}

// Only the Internet's sockets have it: a datagram that a socket of the loopback sends to itself.
// The kernel says twice that it is done: sent, and the bytes are ours again.
int try_send_zc(TrialRing& ring) noexcept {
  const Socket self(AF_INET, SOCK_DGRAM);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  const auto address = reinterpret_cast<sockaddr*>(&at);
  if (::bind(self.handle(), address, size) != 0 ||
      ::getsockname(self.handle(), address, &size) != 0 ||
      ::connect(self.handle(), address, size) != 0) {
    return errno;
  }
  ::io_uring_prep_send_zc(ring.next(), self.handle(), "x", 1, MSG_NOSIGNAL, kReportUsage);
  const int sent = ring.finish();
  if ((ring.flags() & IORING_CQE_F_MORE) != 0) {
    ring.finish();
  }
  return failed(sent);
}

int try_shutdown(TrialRing& ring) noexcept {
  const TrialDescriptors on;
  ::io_uring_prep_shutdown(ring.next(), on.near(), SHUT_WR);
  return failed(ring.finish());
}

int try_poll(TrialRing& ring, const TrialDescriptors& on, bool multishot) noexcept {
  io_uring_sqe* sqe = ring.next();
  if (!multishot) {
    ::io_uring_prep_poll_add(sqe, on.near(), POLLOUT);
    return failed(ring.finish());
  }
  ::io_uring_prep_poll_multishot(sqe, on.near(), POLLOUT);
  ::io_uring_sqe_set_data64(sqe, kMultishot);
  const int ready = ring.finish();
  if (ready < 0 || (ring.flags() & IORING_CQE_F_MORE) == 0) {
    return ready < 0 ? -ready : EINVAL;
  }
  stop(ring);
  return 0;
}

int try_splice(TrialRing& ring, const TrialDescriptors& on) noexcept {
  if (::write(on.pipe_in(), "x", 1) != 1) {
    return errno;
  }
  ::io_uring_prep_splice(ring.next(), on.pipe_out(), -1, on.other_in(), -1, 1, 0);
  return failed(ring.finish());
}

int try_timeout(TrialRing& ring) noexcept {
  __kernel_timespec at_once{.tv_sec = 0, .tv_nsec = 1};
  ::io_uring_prep_timeout(ring.next(), &at_once, 0, 0);
  const int ended = ring.finish();
  return ended == -ETIME ? 0 : failed(ended);
}

// There is nothing to cancel, which only a kernel that knows the opcode finds out.
int try_cancel(TrialRing& ring) noexcept {
  ::io_uring_prep_cancel64(ring.next(), kNobodys, 0);
  const int result = ring.finish();
  return result == -ENOENT ? 0 : failed(result);
}

// To itself: one word that it was sent, one that it came.
int try_msg_ring(TrialRing& ring) noexcept {
  ::io_uring_prep_msg_ring(ring.next(), ring.handle(), 0, 0, 0);
  const int first = ring.finish();
  return first < 0 ? -first : failed(ring.finish());
}

}  // namespace

int try_opcode(Feature feature, TrialRing& ring, const TrialDescriptors& on) noexcept {
  if (on.error() != 0) {
    return on.error();
  }
  switch (feature) {
    case Feature::accept:
      return try_accept(ring, false);
    case Feature::accept_multishot:
      return try_accept(ring, true);
    case Feature::receive:
      return try_receive(ring, on);
    case Feature::receive_multishot:
      return try_receive_into_ring(ring, on, IORING_RECV_MULTISHOT);
    case Feature::receive_bundle:
      return try_receive_into_ring(ring, on, kSendReceiveBundle);
    case Feature::receive_message:
      return try_receive_message(ring, on);
    case Feature::send:
      return try_send(ring, on);
    case Feature::send_zc:
      return try_send_zc(ring);
    case Feature::send_bundle:
      return try_send_bundle(ring, on);
    case Feature::send_message:
      return try_send_message(ring, on);
    case Feature::connect:
      return try_connect(ring);
    case Feature::shutdown:
      return try_shutdown(ring);
    case Feature::poll_add:
      return try_poll(ring, on, false);
    case Feature::poll_multishot:
      return try_poll(ring, on, true);
    case Feature::splice:
      return try_splice(ring, on);
    case Feature::timeout:
      return try_timeout(ring);
    case Feature::async_cancel:
      return try_cancel(ring);
    case Feature::msg_ring:
      return try_msg_ring(ring);
    default:
      return try_file_opcode(feature, ring, on);
  }
}

}  // namespace vigil::uring

// Urgent data: the last byte of what is sent with MSG_OOB. It has its place in the stream, and is
// not read there (SO_OOBINLINE is not modelled). As tcp_urg() and tcp_recv_urg() of Linux, but that
// a read does not stop at its place, and that one which a later one replaces is gone.
#include <sys/socket.h>

#include <cerrno>

#include "kernel/stream.hpp"
#include "net/tcp.hpp"

namespace vigil::sim {

void Tcp::buffer_urgent(Parts& from) {
  Segment* made = segment(Segment::Kind::data, 1);
  from.take(made->bytes(), 1);
  made->end = 1;
  made->urgent = true;
  unsent_.push(made);
  ++accepted_;
}

void Tcp::take_urgent(Segment* next) noexcept {
  urgent_byte_ = next->bytes()[next->begin];
  urgent_ = Urgent::there;
  urgent_at_ = ++arrived_;
  Segment::give(wires_.pool, next);
  acknowledge();
  wake(kArrived);
}

// What came after it was read.
void Tcp::passed_urgent() noexcept {
  if (urgent_ != Urgent::none && arrived_ - buffered_ > urgent_at_) {
    urgent_ = Urgent::none;
  }
}

std::int64_t Tcp::receive_urgent(Parts& to, int flags) noexcept {
  if (state == State::listening) {
    return -ENOTCONN;
  }
  if (urgent_ != Urgent::there) {
    return -EINVAL;
  }
  if ((flags & MSG_PEEK) == 0) {
    urgent_ = Urgent::taken;
  }
  if (to.size() == 0) {
    return 0;
  }
  to.put(&urgent_byte_, 1);
  return 1;
}

}  // namespace vigil::sim

// The floor of the echo on io_uring: what was received is sent as it is, and its buffer offered
// again when it went out. No allocation, no coroutine, no cancel.
#include "uring.h"

static inline void received(const struct io_uring_cqe* cqe) {
  const int peer = (int)(cqe->user_data >> 32);
  if (__builtin_expect(cqe->res <= 0, 0)) {
    receive_ended(cqe);
    return;
  }
  const unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
  send_all(peer, bytes_of(buffer), (size_t)cqe->res, buffer);
  if (__builtin_expect((cqe->flags & IORING_CQE_F_MORE) == 0, 0)) {
    arm(peer);
  }
}

static inline void serve(const struct io_uring_cqe* cqe) {
  const unsigned what = cqe->user_data & 0xff;
  if (what == kRecv) {
    received(cqe);
  } else if (what == kSend) {
    put_back((unsigned)(cqe->user_data >> 8) & 0xffffff);
  } else {
    accepted(cqe, arm);
  }
}

static inline void nothing(void) {}

int main(int argc, char** argv) {
  int listener = floor_listen(floor_port(argc, argv));
  open_ring();
  arm_accept(listener);
  floor_announce(listener);
  run_ring(nothing, serve);
}

// The floor of "accept, one answer, close" on io_uring: accepted by multishot, received once into a
// provided buffer, and answered and closed with two entries of one submission, whose success nobody
// is told. With --end-with-answer the answer waits for the end and goes out in one segment with it.
#include "canned.h"
#include "uring.h"

enum { kClose = 4 };

static int how = MSG_NOSIGNAL | MSG_WAITALL;

static void receive_once(int peer) {
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_recv(sqe, peer, NULL, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
  io_uring_sqe_set_data64(sqe, name(kRecv, peer, 0));
}

static void close_quietly(int peer) {
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_close(sqe, peer);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(sqe, name(kClose, peer, 0));
}

// A send that waits for room holds the socket open until it is over.
static void answer(int peer) {
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_send(sqe, peer, answers, answer_bytes, how);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(sqe, name(kSend, peer, 0));
  close_quietly(peer);
}

static void received(const struct io_uring_cqe* cqe) {
  const int peer = (int)(cqe->user_data >> 32);
  if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
    put_back(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
  }
  if (cqe->res > 0) {
    answer(peer);
  } else if (cqe->res == -ENOBUFS) {
    receive_once(peer);
  } else {
    close_quietly(peer);
  }
}

static inline void serve(const struct io_uring_cqe* cqe) {
  const unsigned what = cqe->user_data & 0xff;
  if (what == kRecv) {
    received(cqe);
  } else if (what == kAccept) {
    accepted(cqe, receive_once);
  }
}

int main(int argc, char** argv) {
  how |= canned_ends_with_answer(argc, argv) ? MSG_MORE : 0;
  canned_load(argc, argv, kClosingAnswer);
  int listener = floor_listen(floor_port(argc, argv));
  open_ring();
  arm_accept(listener);
  floor_announce(listener);
  run_ring(canned_refresh, serve);
}

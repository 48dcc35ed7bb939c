// The floor of HTTP keep-alive on io_uring: looks for nothing but the empty line that ends a
// request, and answers all requests of one receive with one send of canned bytes. For clients that
// wait for their answers: a connection's sends are not held in order beyond that.
#include "canned.h"
#include "uring.h"

static struct {
  uint8_t size;
  char bytes[3];
} carried[1 << 16];  // the last bytes of a request that came in pieces

// How many requests end within what came.
static inline size_t requests_in(int peer, char* bytes, size_t size) {
  const size_t before = carried[peer].size;
  if (__builtin_expect(before != 0, 0)) {
    memcpy(bytes - before, carried[peer].bytes, before);
  }
  const char* rest;
  const size_t count = canned_count(bytes - before, size + before, &rest);
  const size_t left = (size_t)(bytes + size - rest);
  if (__builtin_expect((left | before) != 0, 0)) {
    carried[peer].size = (uint8_t)(left < 3 ? left : 3);
    memcpy(carried[peer].bytes, bytes + size - carried[peer].size, carried[peer].size);
    memset(bytes - kBefore, 0, kBefore);  // not for the next connection
  }
  return count < kCopies ? count : kCopies;
}

static inline void received(const struct io_uring_cqe* cqe) {
  const int peer = (int)(cqe->user_data >> 32);
  if (__builtin_expect(cqe->res <= 0, 0)) {
    if (cqe->res != -ENOBUFS) {
      carried[peer].size = 0;
    }
    receive_ended(cqe);
    return;
  }
  const unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
  const size_t count = requests_in(peer, bytes_of(buffer), (size_t)cqe->res);
  put_back(buffer);
  if (__builtin_expect(count != 0, 1)) {
    send_all(peer, answers, count * answer_bytes, 0);
  }
  if (__builtin_expect((cqe->flags & IORING_CQE_F_MORE) == 0, 0)) {
    arm(peer);
  }
}

static inline void serve(const struct io_uring_cqe* cqe) {
  const unsigned what = cqe->user_data & 0xff;
  if (what == kRecv) {
    received(cqe);
  } else if (what == kAccept) {
    accepted(cqe, arm);
  }
}

int main(int argc, char** argv) {
  canned_load(argc, argv,
              "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
              "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n"
              "Hello, world!\n");
  int listener = floor_listen(floor_port(argc, argv));
  open_ring();
  arm_accept(listener);
  floor_announce(listener);
  run_ring(canned_refresh, serve);
}

// What the floors on io_uring share: one ring of the loop's thread alone, accepted and received by
// multishot, each receive into a provided buffer. One system call a batch submits and waits.
#pragma once

#include <liburing.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "floor.h"

// A buffer begins kBefore bytes behind its block's begin and ends kBefore bytes before its end: who
// looks at its bytes may look so far over them, and finds zeros in front.
enum { kBuffers = 1024, kRingBlock = 4096, kBefore = 16, kSize = kRingBlock - 2 * kBefore };
enum { kRecv = 1, kSend = 2, kAccept = 3 };

static struct io_uring ring;
static struct io_uring_buf_ring* offer;
static char* memory;

static inline uint64_t name(unsigned what, int peer, unsigned buffer) {
  return (uint64_t)(unsigned)peer << 32 | (uint64_t)buffer << 8 | what;
}

static inline char* bytes_of(unsigned buffer) {
  return memory + (size_t)buffer * kRingBlock + kBefore;
}

static inline struct io_uring_sqe* entry(void) {
  struct io_uring_sqe* next = io_uring_get_sqe(&ring);
  while (__builtin_expect(next == NULL, 0)) {
    io_uring_submit(&ring);
    next = io_uring_get_sqe(&ring);
  }
  return next;
}

static inline void put_back(unsigned buffer) {
  io_uring_buf_ring_add(offer, bytes_of(buffer), kSize, (unsigned short)buffer, kBuffers - 1, 0);
  io_uring_buf_ring_advance(offer, 1);
}

static inline void send_all(int peer, const char* bytes, size_t size, unsigned buffer) {
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_send(sqe, peer, bytes, size, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(sqe, name(kSend, peer, buffer));
}

static inline void arm(int peer) {
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_recv_multishot(sqe, peer, NULL, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
  io_uring_sqe_set_data64(sqe, name(kRecv, peer, 0));
}

static void arm_accept(int listener) {
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(sqe, name(kAccept, listener, 0));
}

// `first` asks for the new connection's bytes.
static inline void accepted(const struct io_uring_cqe* cqe, void (*first)(int peer)) {
  if (cqe->res >= 0) {
    first(cqe->res);
  }
  if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
    arm_accept((int)(cqe->user_data >> 32));
  }
}

// A multishot receive that brought no bytes.
static inline void receive_ended(const struct io_uring_cqe* cqe) {
  const int peer = (int)(cqe->user_data >> 32);
  if (cqe->res == -ENOBUFS) {
    arm(peer);
  } else {
    close(peer);
  }
}

static void open_ring(void) {
  struct io_uring_params how = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                         IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
                                .cq_entries = 4096};
  errno = -io_uring_queue_init_params(512, &ring, &how);
  if (errno != 0) {
    floor_die("io_uring");
  }
  io_uring_register_ring_fd(&ring);
  const size_t size = kBuffers * sizeof(struct io_uring_buf);
  offer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory = mmap(NULL, (size_t)kBuffers * kRingBlock, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (offer == MAP_FAILED || memory == MAP_FAILED) {
    floor_die("mmap");
  }
  struct io_uring_buf_reg where = {.ring_addr = (uint64_t)(uintptr_t)offer,
                                   .ring_entries = kBuffers};
  errno = -io_uring_register_buf_ring(&ring, &where, 0);
  if (errno != 0) {
    floor_die("buffer ring");
  }
  for (unsigned i = 0; i < kBuffers; ++i) {
    put_back(i);
  }
}

// `serve` takes each completion, `before` is called once a batch.
static inline void run_ring(void (*before)(void), void (*serve)(const struct io_uring_cqe*)) {
  for (;;) {
    io_uring_submit_and_wait(&ring, 1);
    before();
    unsigned head;
    unsigned count = 0;
    struct io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring, head, cqe) {
      serve(cqe);
      ++count;
    }
    io_uring_cq_advance(&ring, count);
  }
}

// What one listener costs that two threads wait for, level-triggered, without EPOLLEXCLUSIVE: each
// connection may wake both. floor_accept_shared FILE PORT: FILE gets, as 64-bit numbers, what the
// first thread accepted, its wake-ups that found nothing, and the same of the second. A connection
// gets one answer and is closed.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "canned.h"

struct Figures {
  uint64_t accepted, empty;
};
struct Thread {
  struct Figures* figures;
  int listener;
};

static void serve(int peer) {
  char buffer[64 * 1024];
  if (recv(peer, buffer, sizeof buffer, 0) > 0) {
    send(peer, answers, answer_bytes, MSG_NOSIGNAL);
  }
  close(peer);
}

static void* turn(void* argument) {
  struct Thread* self = argument;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event first = {.events = EPOLLIN, .data.fd = self->listener};
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, self->listener, &first) != 0) {
    floor_die("epoll");
  }
  static _Thread_local struct epoll_event ready[256];
  for (;;) {
    int count = epoll_wait(epoll, ready, 256, -1);
    for (int i = 0; i < count; ++i) {
      if (ready[i].data.fd != self->listener) {
        serve(ready[i].data.fd);
        continue;
      }
      int peer = floor_accept(self->listener);
      if (peer < 0) {
        ++self->figures->empty;
        continue;
      }
      ++self->figures->accepted;
      struct epoll_event event = {.events = EPOLLIN, .data.fd = peer};
      if (epoll_ctl(epoll, EPOLL_CTL_ADD, peer, &event) != 0) {
        close(peer);
      }
    }
  }
}

int main(int argc, char** argv) {
  int file = argc == 3 ? open(argv[1], O_RDWR) : -1;
  if (file < 0) {
    fprintf(stderr, "usage: %s FILE PORT\n", argv[0]);
    return 2;
  }
  struct Figures* figures =
      mmap(NULL, 2 * sizeof *figures, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (figures == MAP_FAILED) {
    floor_die("mmap");
  }
  canned_load(1, argv, kClosingAnswer);
  int listener = floor_listen(floor_port(argc, argv));
  struct Thread threads[2] = {{.figures = figures, .listener = listener},
                              {.figures = figures + 1, .listener = listener}};
  pthread_t other;
  if (pthread_create(&other, NULL, turn, &threads[1]) != 0) {
    floor_die("pthread_create");
  }
  floor_announce(listener);
  turn(&threads[0]);
}

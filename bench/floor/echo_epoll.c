// The floor of the echo on epoll: each connection is registered once, edge-triggered, for both
// directions; a read is followed by a write at once; a short read ends the turn of a connection
// unless its event told of an end. One buffer for all, no allocation, two calls an echo.
#include <sys/epoll.h>

#include "unsent.h"

static char buffer[64 * 1024];

static void drop(int peer) {
  unsent_drop(peer);
  close(peer);
}

static void accept_all(int epoll, int listener) {
  for (int peer; (peer = floor_accept(listener)) >= 0;) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.fd = peer};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, peer, &event) != 0) {
      close(peer);
    }
  }
}

static inline void serve(int peer, unsigned events) {
  if (__builtin_expect(unsent[peer] != NULL, 0) && !unsent_flush(peer)) {
    if (unsent[peer] == NULL) {
      drop(peer);
    }
    return;
  }
  for (;;) {
    ssize_t got = recv(peer, buffer, sizeof buffer, 0);
    if (__builtin_expect(got <= 0, 0)) {
      if (got == 0 || errno != EAGAIN) {
        drop(peer);
      }
      return;
    }
    if (!send_or_keep(peer, buffer, (size_t)got)) {
      drop(peer);
      return;
    }
    if (__builtin_expect(unsent[peer] != NULL, 0)) {
      return;  // goes on when writable
    }
    int ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (got < (ssize_t)sizeof buffer && !ended) {
      return;
    }
  }
}

int main(int argc, char** argv) {
  int listener = floor_listen(floor_port(argc, argv));
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event first = {.events = EPOLLIN, .data.fd = listener};
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &first) != 0) {
    floor_die("epoll");
  }
  floor_announce(listener);

  static struct epoll_event ready[256];
  for (;;) {
    int count = epoll_wait(epoll, ready, 256, -1);
    for (int i = 0; i < count; ++i) {
      if (__builtin_expect(ready[i].data.fd == listener, 0)) {
        accept_all(epoll, listener);
      } else {
        serve(ready[i].data.fd, ready[i].events);
      }
    }
  }
}

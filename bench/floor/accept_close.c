// The floor of "accept, one answer, close": a connection whose request is there when it is accepted
// never meets epoll. A request is taken to be whole when it has come; it fits one segment. With
// --end-with-answer the answer waits for the end and goes out in one segment with it.
#include <sys/epoll.h>

#include "canned.h"

enum { kAcceptedInARow = 64 };

static char buffer[64 * 1024];
static int how = MSG_NOSIGNAL;

// False: nothing has come yet.
static int finish(int peer) {
  ssize_t got = recv(peer, buffer, sizeof buffer, 0);
  if (got < 0 && errno == EAGAIN) {
    return 0;
  }
  if (got > 0) {
    send(peer, answers, answer_bytes, how);
  }
  close(peer);
  return 1;
}

static void accept_some(int epoll, int listener) {
  for (int i = 0; i < kAcceptedInARow; ++i) {
    int peer = floor_accept(listener);
    if (peer < 0) {
      return;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = peer};
    if (!finish(peer) && epoll_ctl(epoll, EPOLL_CTL_ADD, peer, &event) != 0) {
      close(peer);
    }
  }
}

int main(int argc, char** argv) {
  how |= canned_ends_with_answer(argc, argv) ? MSG_MORE : 0;
  canned_load(argc, argv, kClosingAnswer);
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
    canned_refresh();
    for (int i = 0; i < count; ++i) {
      if (ready[i].data.fd == listener) {
        accept_some(epoll, listener);
      } else {
        finish(ready[i].data.fd);
      }
    }
  }
}

// The floor of HTTP keep-alive: the loop of echo_epoll.c, which looks for nothing but the empty
// line that ends a request and answers all requests of one read with one send of canned bytes.
#include <stdint.h>
#include <sys/epoll.h>

#include "canned.h"
#include "unsent.h"

enum { kBefore = 8, kRead = 64 * 1024 };

static char room[kBefore + kRead + kSlack];
static char* const buffer = room + kBefore;  // what is carried over stands right before
static struct {
  uint8_t size;
  char bytes[3];
} carried[kMostDescriptors];  // the last bytes of a request that came in pieces

static void drop(int peer) {
  unsent_drop(peer);
  carried[peer].size = 0;
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

// False: the connection has failed.
static inline int answer(int peer, size_t got) {
  size_t before = carried[peer].size;
  if (__builtin_expect(before != 0, 0)) {
    memcpy(buffer - before, carried[peer].bytes, before);
  }
  const char* rest;
  size_t count = canned_count(buffer - before, got + before, &rest);
  size_t left = (size_t)(buffer + got - rest);
  if (__builtin_expect((left | before) != 0, 0)) {
    carried[peer].size = (uint8_t)(left < 3 ? left : 3);
    memcpy(carried[peer].bytes, buffer + got - carried[peer].size, carried[peer].size);
    memset(room, 0, kBefore);  // not for the next connection
  }
  for (; count > 0 && unsent[peer] == NULL; count -= count < kCopies ? count : kCopies) {
    size_t copies = count < kCopies ? count : kCopies;
    if (!send_or_keep(peer, answers, copies * answer_bytes)) {
      return 0;
    }
  }
  return count == 0;  // who pipelines thousands and does not read is let go
}

static inline void serve(int peer, unsigned events) {
  if (__builtin_expect(unsent[peer] != NULL, 0) && !unsent_flush(peer)) {
    if (unsent[peer] == NULL) {
      drop(peer);
    }
    return;
  }
  for (;;) {
    ssize_t got = recv(peer, buffer, kRead, 0);
    if (__builtin_expect(got <= 0, 0)) {
      if (got == 0 || errno != EAGAIN) {
        drop(peer);
      }
      return;
    }
    if (!answer(peer, (size_t)got)) {
      drop(peer);
      return;
    }
    if (__builtin_expect(unsent[peer] != NULL, 0)) {
      return;  // goes on when writable
    }
    int ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (got < kRead && !ended) {
      return;
    }
  }
}

int main(int argc, char** argv) {
  canned_load(argc, argv,
              "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
              "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n"
              "Hello, world!\n");
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
      if (__builtin_expect(ready[i].data.fd == listener, 0)) {
        accept_all(epoll, listener);
      } else {
        serve(ready[i].data.fd, ready[i].events);
      }
    }
  }
}

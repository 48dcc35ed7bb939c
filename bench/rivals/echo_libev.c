// Echo on libev: a read watcher a connection, and a write watcher that is started only while bytes
// wait, both within the connection's own allocation.
#include <errno.h>
#include <ev.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "rival.h"

struct Peer {
  ev_io readable, writable;
  char* rest;
  size_t from, to;
};

static char buffer[64 * 1024];

static void drop(struct ev_loop* loop, struct Peer* peer) {
  ev_io_stop(loop, &peer->readable);
  ev_io_stop(loop, &peer->writable);
  close(peer->readable.fd);
  free(peer->rest);
  free(peer);
}

static void on_writable(struct ev_loop* loop, ev_io* watcher, int events) {
  (void)events;
  struct Peer* peer = watcher->data;
  ssize_t sent = send(watcher->fd, peer->rest + peer->from, peer->to - peer->from, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    drop(loop, peer);
    return;
  }
  peer->from += sent < 0 ? 0 : (size_t)sent;
  if (peer->from < peer->to) {
    return;
  }
  free(peer->rest);
  peer->rest = NULL;
  ev_io_stop(loop, &peer->writable);
  ev_io_start(loop, &peer->readable);
}

static void on_readable(struct ev_loop* loop, ev_io* watcher, int events) {
  (void)events;
  struct Peer* peer = watcher->data;
  ssize_t got = recv(watcher->fd, buffer, sizeof buffer, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) {
      drop(loop, peer);
    }
    return;
  }
  ssize_t sent = send(watcher->fd, buffer, (size_t)got, MSG_NOSIGNAL);
  if (sent == got) {
    return;
  }
  if (sent < 0 && errno != EAGAIN) {
    drop(loop, peer);
    return;
  }
  size_t done = sent < 0 ? 0 : (size_t)sent;
  peer->to = (size_t)got - done;
  peer->from = 0;
  peer->rest = malloc(peer->to);
  if (peer->rest == NULL) {
    drop(loop, peer);
    return;
  }
  memcpy(peer->rest, buffer + done, peer->to);
  ev_io_stop(loop, &peer->readable);
  ev_io_start(loop, &peer->writable);
}

static void on_connection(struct ev_loop* loop, ev_io* listener, int events) {
  (void)events;
  for (int fd; (fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct Peer* peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
      close(fd);
      return;
    }
    ev_io_init(&peer->readable, on_readable, fd, EV_READ);
    ev_io_init(&peer->writable, on_writable, fd, EV_WRITE);
    peer->readable.data = peer->writable.data = peer;
    ev_io_start(loop, &peer->readable);
  }
}

static void on_term(struct ev_loop* loop, ev_signal* watcher, int events) {
  (void)watcher, (void)events;
  ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char** argv) {
  unsigned short port = rival_port(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  struct ev_loop* loop = ev_default_loop(EVBACKEND_EPOLL);
  ev_signal term;
  ev_signal_init(&term, on_term, SIGTERM);
  ev_signal_start(loop, &term);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 ||
      listen(listener, 4096) != 0) {
    perror("listen");
    return 1;
  }
  ev_io accepting;
  ev_io_init(&accepting, on_connection, listener, EV_READ);
  ev_io_start(loop, &accepting);
  rival_announce(listener);
  ev_run(loop, 0);
  return 0;
}

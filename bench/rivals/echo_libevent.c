// Echo on libevent: plain events, since a bufferevent costs 1.3 to 1.8 times as much: a persistent
// level-triggered read event, and a write event that is added only while bytes wait.
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "rival.h"

struct Peer {
  struct event* readable;
  struct event* writable;  // made when it is first needed
  char* rest;
  size_t from, to;
};

static char buffer[64 * 1024];

static void drop(struct Peer* peer) {
  evutil_socket_t descriptor = event_get_fd(peer->readable);
  if (peer->writable != NULL) {
    event_free(peer->writable);
  }
  event_free(peer->readable);
  evutil_closesocket(descriptor);
  free(peer->rest);
  free(peer);
}

static void on_writable(evutil_socket_t descriptor, short what, void* context) {
  (void)what;
  struct Peer* peer = context;
  ssize_t sent = send(descriptor, peer->rest + peer->from, peer->to - peer->from, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    drop(peer);
    return;
  }
  peer->from += sent < 0 ? 0 : (size_t)sent;
  if (peer->from < peer->to) {
    return;
  }
  free(peer->rest);
  peer->rest = NULL;
  event_del(peer->writable);
  event_add(peer->readable, NULL);  // reports what has come meanwhile
}

static int keep(struct Peer* peer, evutil_socket_t descriptor, const char* bytes, size_t size) {
  if (peer->writable == NULL) {
    peer->writable = event_new(event_get_base(peer->readable), descriptor, EV_WRITE | EV_PERSIST,
                               on_writable, peer);
  }
  peer->rest = malloc(size);
  if (peer->rest == NULL || peer->writable == NULL) {
    return 0;
  }
  memcpy(peer->rest, bytes, size);
  peer->from = 0;
  peer->to = size;
  event_del(peer->readable);
  return event_add(peer->writable, NULL) == 0;
}

static void on_readable(evutil_socket_t descriptor, short what, void* context) {
  (void)what;
  struct Peer* peer = context;
  ssize_t got = recv(descriptor, buffer, sizeof buffer, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) {
      drop(peer);
    }
    return;
  }
  ssize_t sent = send(descriptor, buffer, (size_t)got, MSG_NOSIGNAL);
  if (sent == got) {
    return;
  }
  if (sent < 0 && errno != EAGAIN) {
    drop(peer);
    return;
  }
  size_t done = sent < 0 ? 0 : (size_t)sent;
  if (!keep(peer, descriptor, buffer + done, (size_t)got - done)) {
    drop(peer);
  }
}

static void on_connection(struct evconnlistener* listener, evutil_socket_t descriptor,
                          struct sockaddr* address, int length, void* context) {
  (void)address, (void)length, (void)context;
  int one = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct Peer* peer = calloc(1, sizeof *peer);
  if (peer == NULL) {
    evutil_closesocket(descriptor);
    return;
  }
  // Level-triggered: one event, one receive; what is left is reported again.
  peer->readable = event_new(evconnlistener_get_base(listener), descriptor, EV_READ | EV_PERSIST,
                             on_readable, peer);
  if (peer->readable != NULL && event_add(peer->readable, NULL) == 0) {
    return;
  }
  if (peer->readable != NULL) {
    event_free(peer->readable);
  }
  evutil_closesocket(descriptor);
  free(peer);
}

static void on_term(evutil_socket_t number, short what, void* context) {
  (void)number, (void)what;
  event_base_loopbreak(context);
}

int main(int argc, char** argv) {
  unsigned short port = rival_port(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  struct event_base* base = event_base_new();
  struct event* term = evsignal_new(base, SIGTERM, on_term, base);
  event_add(term, NULL);

  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct evconnlistener* listener =
      evconnlistener_new_bind(base, on_connection, NULL, LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE,
                              4096, (struct sockaddr*)&address, sizeof address);
  if (listener == NULL) {
    perror("listen");
    return 1;
  }
  rival_announce(evconnlistener_get_fd(listener));
  event_base_dispatch(base);
  return 0;
}

// Connections, and the loop that keeps each of them busy until its share of requests is answered.
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

struct Latencies latencies;
static int epoll = -1;
static uint32_t busy;  // connections that have not all their answers yet

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void note_latency(uint64_t ns) {
  if (ns > latencies.worst_ns) {
    latencies.worst_ns = ns;
  }
  ++latencies.count;
  unsigned power = ns < 16 ? 0 : 60u - (unsigned)__builtin_clzll(ns);
  ++latencies.buckets[power * 16 + ((power == 0 ? ns : ns >> (power - 1)) & 15)];
}

uint64_t latency_ns(double fraction) {
  uint64_t wanted = (uint64_t)(fraction * (double)latencies.count), seen = 0;
  for (unsigned i = 0; i < sizeof latencies.buckets / sizeof *latencies.buckets; ++i) {
    seen += latencies.buckets[i];
    if (seen <= wanted) {
      continue;
    }
    unsigned power = i / 16;
    return power == 0 ? i % 16 : (uint64_t)(16 + i % 16) << (power - 1);
  }
  return latencies.worst_ns;
}

// Many source addresses, so that ports in TIME_WAIT never run out.
static void connect_one(struct Connection* c) {
  static uint32_t next_source;
  c->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->descriptor < 0) {
    fail("connection %u: no socket: %s", c->id, strerror(errno));
  }
  if (next_source == 0) {
    next_source = (uint32_t)getpid() * 64u;
  }
  int one = 1;
  setsockopt(c->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  struct sockaddr_in from = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(0x7f010001u + next_source++ % 60000u)};
  struct linger reset = {.l_onoff = 1, .l_linger = 0};  // no TIME_WAIT on this side
  setsockopt(c->descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  setsockopt(c->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (bind(c->descriptor, (struct sockaddr*)&from, sizeof from) != 0 ||
      connect(c->descriptor, (const struct sockaddr*)&options.server, sizeof options.server) != 0) {
    fail("connection %u cannot be made: %s", c->id, strerror(errno));
  }
  fcntl(c->descriptor, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->descriptor, &event) != 0) {
    fail("epoll_ctl failed");
  }
}

struct Connection* open_connections(uint32_t first_id, uint32_t count) {
  if (epoll < 0) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
  }
  struct Connection* all = calloc(count, sizeof *all);
  if (epoll < 0 || all == NULL) {
    fail("no memory for %u connections", count);
  }
  for (uint32_t i = 0; i < count; ++i) {
    all[i].id = first_id + i;
    connect_one(&all[i]);
  }
  return all;
}

void close_connections(struct Connection* all, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    close(all[i].descriptor);
    free(all[i].unsent);
    free(all[i].head);
  }
  free(all);
}

static void send_rest(struct Connection* c, const char* bytes, size_t size) {
  ssize_t sent = send(c->descriptor, bytes, size, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    fail("connection %u: send failed: %s", c->id, strerror(errno));
  }
  size_t done = sent < 0 ? 0 : (size_t)sent;
  char* rest = NULL;
  if (done < size) {
    rest = malloc(size - done);
    if (rest == NULL) {
      fail("no memory for unsent bytes");
    }
    memcpy(rest, bytes + done, size - done);
  }
  free(c->unsent);
  c->unsent = rest;
  c->unsent_bytes = size - done;
}

static void start_batch(struct Connection* c) {
  static char* buffer;
  if (buffer == NULL) {
    buffer = malloc((size_t)options.depth * kLargestMessage);
  }
  if (buffer == NULL) {
    fail("no memory for %u messages", options.depth);
  }
  uint64_t count = c->left < options.depth ? c->left : options.depth;
  size_t size = 0;
  for (uint64_t i = 0; i < count; ++i) {
    size += options.protocol->request(c, c->sent + i, buffer + size);
  }
  c->sent += count;
  c->left -= count;
  c->started_ns = now_ns();
  send_rest(c, buffer, size);
}

static void end_batch(struct Connection* c) {
  note_latency(now_ns() - c->started_ns);
  if (options.closing) {
    close(c->descriptor);
    connect_one(c);
  }
  if (c->left > 0) {
    start_batch(c);
  } else {
    --busy;
  }
}

static void on_answers(struct Connection* c, uint64_t count) {
  c->answered += count;
  if (c->answered > c->sent) {
    fail("connection %u got more answers than requests", c->id);
  }
  if (count > 0 && c->answered == c->sent && !options.closing) {
    end_batch(c);
  }
}

static void on_end(struct Connection* c) {
  bool whole = options.closing && c->answered == c->sent && c->answered > 0;
  if (!whole) {
    fail("connection %u was closed by the server", c->id);
  }
  end_batch(c);
}

static void on_ready(struct Connection* c, uint32_t events) {
  static char buffer[256 * 1024];
  if (c->unsent != NULL) {
    send_rest(c, c->unsent, c->unsent_bytes);
  }
  for (;;) {
    ssize_t got = recv(c->descriptor, buffer, sizeof buffer, 0);
    if (got == 0) {
      on_end(c);
      return;
    }
    if (got < 0 && errno == EAGAIN) {
      return;
    }
    if (got < 0) {
      fail("connection %u: receive failed: %s", c->id, strerror(errno));
    }
    on_answers(c, options.protocol->consume(c, buffer, (size_t)got));
    if (got < (ssize_t)sizeof buffer && (events & (EPOLLRDHUP | EPOLLHUP)) == 0) {
      return;
    }
  }
}

void exchange(struct Connection* all, uint32_t count, uint64_t requests) {
  if (requests == 0) {
    return;
  }
  busy = count;
  for (uint32_t i = 0; i < count; ++i) {
    all[i].left = requests;
    start_batch(&all[i]);
  }
  while (busy > 0) {
    struct epoll_event ready[256];
    int found = epoll_wait(epoll, ready, 256, (int)(options.patience_s * 1e3));
    if (found == 0) {
      fail("no answer for %.0f s; %u connections wait", options.patience_s, busy);
    }
    if (found < 0 && errno != EINTR) {
      fail("epoll_wait: %s", strerror(errno));
    }
    for (int i = 0; i < found; ++i) {
      on_ready(ready[i].data.ptr, ready[i].events);
    }
  }
}

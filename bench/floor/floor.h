// What every floor needs besides its loop: the port from the command line, a listener, the line
// that says it is ready, and an end with status 0 on SIGTERM. Nothing here runs per request.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static inline _Noreturn void floor_die(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void floor_end(int signal_number) {
  (void)signal_number;
  _exit(0);
}

// The port is the last argument; 0 lets the kernel choose.
static inline in_port_t floor_port(int argc, char** argv) {
  char* end = NULL;
  long port = argc > 1 ? strtol(argv[argc - 1], &end, 10) : -1;
  if (end == NULL || *end != '\0' || port < 0 || port > 65535) {
    fprintf(stderr, "usage: %s [options] PORT\n", argv[0]);
    exit(2);
  }
  return (in_port_t)port;
}

// A non-blocking listener on 127.0.0.1. Raises the descriptor limit, ignores SIGPIPE.
static inline int floor_listen(in_port_t port) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, floor_end);
  signal(SIGINT, floor_end);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) {
    floor_die("socket");
  }
  int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0) {
    floor_die("bind");
  }
  if (listen(listener, 4096) != 0) {
    floor_die("listen");
  }
  return listener;
}

// Said when the loop is about to wait: whoever starts a server may connect from here on.
static inline void floor_announce(int listener) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(listener, (struct sockaddr*)&address, &length) != 0) {
    floor_die("getsockname");
  }
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
}

// One accepted connection, ready for use, or -1 when there is none (or none can be had now).
static inline int floor_accept(int listener) {
  int peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (peer < 0) {
    return -1;
  }
  int one = 1;
  setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return peer;
}

// The port from the command line and the line that says a rival is ready; the rest of each rival is
// written as its library's users would write it.
#pragma once

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

static inline unsigned short rival_port(int argc, char** argv) {
  char* end = NULL;
  long port = argc > 1 ? strtol(argv[argc - 1], &end, 10) : -1;
  if (end == NULL || *end != '\0' || port < 0 || port > 65535) {
    fprintf(stderr, "usage: %s PORT\n", argv[0]);
    exit(2);
  }
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  return (unsigned short)port;
}

static inline void rival_announce(int listener) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  getsockname(listener, (struct sockaddr*)&address, &length);
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
}

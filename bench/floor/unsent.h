// Bytes that a peer was too slow to take. Empty in every measured run, yet a floor without them
// would not be a server: the check for them is part of the floor.
#pragma once

#include "floor.h"

enum { kMostDescriptors = 1 << 20 };

struct Unsent {
  size_t from, to;
  char bytes[];
};

static struct Unsent* unsent[kMostDescriptors];  // by descriptor; untouched pages cost nothing

static inline void unsent_drop(int peer) {
  if (unsent[peer] == NULL) {
    return;
  }
  free(unsent[peer]);
  unsent[peer] = NULL;
}

static inline void unsent_keep(int peer, const char* bytes, size_t size) {
  struct Unsent* rest = malloc(sizeof *rest + size);
  if (rest == NULL) {
    floor_die("malloc");
  }
  rest->from = 0;
  rest->to = size;
  memcpy(rest->bytes, bytes, size);
  unsent[peer] = rest;
}

// Sends all, or keeps what is left for unsent_flush. False: the connection has failed.
static inline int send_or_keep(int peer, const char* bytes, size_t size) {
  ssize_t sent = send(peer, bytes, size, MSG_NOSIGNAL);
  if (__builtin_expect(sent == (ssize_t)size, 1)) {
    return 1;
  }
  if (sent < 0 && errno != EAGAIN) {
    return 0;
  }
  size_t done = sent < 0 ? 0 : (size_t)sent;
  unsent_keep(peer, bytes + done, size - done);
  return 1;
}

// True when nothing is left; false with unsent[peer] == NULL: the connection has failed.
static inline int unsent_flush(int peer) {
  struct Unsent* rest = unsent[peer];
  ssize_t sent = send(peer, rest->bytes + rest->from, rest->to - rest->from, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN) {
      unsent_drop(peer);
    }
    return 0;
  }
  rest->from += (size_t)sent;
  if (rest->from < rest->to) {
    return 0;
  }
  unsent_drop(peer);
  return 1;
}

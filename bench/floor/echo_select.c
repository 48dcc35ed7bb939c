// The floor of the echo on select: the wanted sets are kept and copied, and the result is scanned a
// word at a time until all ready ones are found. Connections beyond FD_SETSIZE are closed at once.
#include <sys/select.h>

#include "unsent.h"

static char buffer[64 * 1024];
static fd_set want_read, want_write;
static int highest;

static void drop(int peer) {
  unsent_drop(peer);
  FD_CLR(peer, &want_read);
  FD_CLR(peer, &want_write);
  close(peer);
}

static void on_readable(int peer) {
  ssize_t got = recv(peer, buffer, sizeof buffer, 0);
  int alive = got > 0 ? send_or_keep(peer, buffer, (size_t)got) : got < 0 && errno == EAGAIN;
  if (!alive) {
    drop(peer);
  } else if (unsent[peer] != NULL) {
    FD_CLR(peer, &want_read);
    FD_SET(peer, &want_write);
  }
}

static void on_writable(int peer) {
  if (unsent_flush(peer)) {
    FD_CLR(peer, &want_write);
    FD_SET(peer, &want_read);
  } else if (unsent[peer] == NULL) {
    drop(peer);
  }
}

// Calls serve for each member of the set below `highest`; says how many there were.
static int each(const fd_set* set, void (*serve)(int), int at_most) {
  int found = 0;
  int words = highest / __NFDBITS + 1;
  for (int word = 0; word < words && found < at_most; ++word) {
    unsigned long bits = (unsigned long)__FDS_BITS(set)[word];
    for (; bits != 0; bits &= bits - 1, ++found) {
      serve(word * __NFDBITS + __builtin_ctzl(bits));
    }
  }
  return found;
}

int main(int argc, char** argv) {
  int listener = floor_listen(floor_port(argc, argv));
  highest = listener;
  FD_SET(listener, &want_read);
  floor_announce(listener);

  for (;;) {
    fd_set readable = want_read, writable = want_write;
    int ready = select(highest + 1, &readable, &writable, NULL, NULL);
    if (ready <= 0) {
      continue;
    }
    int newcomers = FD_ISSET(listener, &readable);
    if (newcomers) {
      FD_CLR(listener, &readable);
      --ready;
    }
    ready -= each(&readable, on_readable, ready);
    each(&writable, on_writable, ready);
    if (!newcomers) {
      continue;
    }
    for (int peer; (peer = floor_accept(listener)) >= 0;) {
      if (peer >= FD_SETSIZE) {
        close(peer);
        continue;
      }
      if (peer > highest) {
        highest = peer;
      }
      FD_SET(peer, &want_read);
    }
  }
}

// The floor of the echo on poll: one dense array of what is watched, scanned only until the number
// of ready entries has been found. A connection with unsent bytes asks for writability alone.
#include <poll.h>

#include "unsent.h"

static char buffer[64 * 1024];
static struct pollfd* watched;
static nfds_t count, room;

static void watch(int descriptor) {
  if (count == room) {
    room = room == 0 ? 1024 : 2 * room;
    watched = realloc(watched, room * sizeof *watched);
    if (watched == NULL) {
      floor_die("realloc");
    }
  }
  watched[count++] = (struct pollfd){.fd = descriptor, .events = POLLIN};
}

// False: the entry is gone, and the last one has taken its place.
static int serve(nfds_t at) {
  int peer = watched[at].fd;
  int alive;
  if (unsent[peer] != NULL) {
    alive = unsent_flush(peer) || unsent[peer] != NULL;
  } else {
    ssize_t got = recv(peer, buffer, sizeof buffer, 0);
    alive = got > 0 ? send_or_keep(peer, buffer, (size_t)got) : got < 0 && errno == EAGAIN;
  }
  if (alive) {
    watched[at].events = unsent[peer] == NULL ? POLLIN : POLLOUT;
    return 1;
  }
  unsent_drop(peer);
  close(peer);
  watched[at] = watched[--count];
  return 0;
}

int main(int argc, char** argv) {
  int listener = floor_listen(floor_port(argc, argv));
  watch(listener);
  floor_announce(listener);

  for (;;) {
    int ready = poll(watched, count, -1);
    int newcomers = ready > 0 && watched[0].revents != 0;
    ready -= newcomers;
    for (nfds_t at = 1; at < count && ready > 0;) {
      if (watched[at].revents == 0) {
        ++at;
        continue;
      }
      --ready;
      if (serve(at)) {
        ++at;
      }
    }
    if (!newcomers) {
      continue;
    }
    for (int peer; (peer = floor_accept(listener)) >= 0;) {
      watch(peer);
    }
  }
}

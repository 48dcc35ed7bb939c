// Holds many connections that say nothing, and asks them when it is told to. One process holds as
// many as it may have descriptors; the driver (driver/hold.py) runs as many as are needed, and
// writes what to do on standard input:
//
//   open            open all connections: "opened COUNT AGAIN", AGAIN being the tries that failed
//   each            one request on each, a few at a time: "answered COUNT"
//   ask COUNT SEED  one request on COUNT of them at once: "answered COUNT MICROSECONDS..."
//   look            which of them still stand: "stands COUNT"
//
// Meanwhile "at COUNT" comes five times a second. A wrong answer, a connection that is lost, or no
// progress for the patience ends the program with status 1 and one sentence.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  kOnOneAddress = 4000,  // of some 28,000 ports that each source address has to this server
  kInFlight = 256,
  kLookAfter = 256,      // connections, and then look how long the server's queues are
  kLongestQueue = 1024,  // of connections that no worker has accepted yet
  kMostAnswer = 64 * 1024,
};

// One connection. While a request is in flight: what is missing of the answer (all, if not begun).
struct Held {
  int peer;
  uint32_t missing;
  uint64_t asked_ns;
};

static struct Held* all;
static uint32_t count, in_flight, done, tried_again;
static uint64_t moved_ns;  // when `done` grew last
static int epoll = -1;
static struct sockaddr_in server, first_source;
static const char* target = "/";
static char request[512];
static size_t request_bytes;
static double patience_s = 60;

static _Noreturn void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("hold: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void rest_ms(long ms) {
  struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&rest, NULL);
}

static void watch(uint32_t i, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u32 = i};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].peer, &event) != 0) {
    fail("connection %u cannot be watched: %s", i, strerror(errno));
  }
  ++in_flight;
}

// It rests: what only stays is in no epoll, and the kernel keeps the less for it on this side.
static void leave(uint32_t i) {
  epoll_ctl(epoll, EPOLL_CTL_DEL, all[i].peer, NULL);
  --in_flight;
}

// Waits until something is ready, hands it to `on_ready`, and tells how far it is.
static void turn(void (*on_ready)(uint32_t)) {
  static uint64_t told_ns;
  uint32_t before = done;
  struct epoll_event ready[kInFlight];
  int found = epoll_wait(epoll, ready, kInFlight, 200);
  if (found < 0 && errno != EINTR) {
    fail("epoll_wait: %s", strerror(errno));
  }
  for (int i = 0; i < found; ++i) {
    on_ready(ready[i].data.u32);
  }
  uint64_t now = now_ns();
  if (done != before) {
    moved_ns = now;
  } else if ((double)(now - moved_ns) > patience_s * 1e9) {
    fail("nothing came for %.0f s: %u of %u are done, %u wait", patience_s, done, count, in_flight);
  }
  if (now - told_ns > 200000000u) {
    told_ns = now;
    printf("at %u\n", done);
    fflush(stdout);
  }
}

// The longest queue of accepted connections that nobody has taken, of the listeners on the
// server's port: /proc/net/tcp names listeners first.
static uint32_t longest_queue(void) {
  char line[256];
  uint32_t longest = 0;
  FILE* table = fopen("/proc/net/tcp", "re");
  if (table == NULL || fgets(line, sizeof line, table) == NULL) {
    fail("/proc/net/tcp cannot be read: %s", strerror(errno));
  }
  unsigned port, state, queue;
  while (fgets(line, sizeof line, table) != NULL &&
         sscanf(line, "%*u: %*x:%x %*x:%*x %x %*x:%x", &port, &state, &queue) == 3 &&
         state == 0x0a) {
    if (port == ntohs(server.sin_port) && queue > longest) {
      longest = queue;
    }
  }
  fclose(table);
  return longest;
}

// A full queue drops what comes, and the kernel tries again after a second: better to wait a
// little.
static void await_room(void) {
  for (int i = 0; i < 1000 && longest_queue() > kLongestQueue; ++i) {
    rest_ms(2);
  }
}

static uint32_t* again;  // whose try failed
static uint32_t again_count;

static bool open_again(uint32_t i, int error) {
  if (error == EADDRNOTAVAIL) {
    fail("connection %u: no port is left on its source address", i);
  }
  close(all[i].peer);
  again[again_count++] = i;
  ++tried_again;
  return false;
}

static bool begin(uint32_t i) {
  int peer = all[i].peer = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (peer < 0) {
    fail("connection %u: no socket: %s", i, strerror(errno));
  }
  int one = 1;
  struct linger reset = {.l_onoff = 1, .l_linger = 0};  // no TIME_WAIT on this side
  setsockopt(peer, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  struct sockaddr_in source = first_source;
  source.sin_addr.s_addr = htonl(ntohl(source.sin_addr.s_addr) + i / kOnOneAddress);
  if (bind(peer, (struct sockaddr*)&source, sizeof source) != 0) {
    fail("connection %u: its source address cannot be used: %s", i, strerror(errno));
  }
  if (connect(peer, (struct sockaddr*)&server, sizeof server) != 0 && errno != EINPROGRESS) {
    return open_again(i, errno);
  }
  watch(i, EPOLLOUT);
  return true;
}

static void on_connected(uint32_t i) {
  int error = 0;
  socklen_t size = sizeof error;
  leave(i);
  getsockopt(all[i].peer, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    open_again(i, error);
  } else {
    ++done;
  }
}

static void open_all(void) {
  uint32_t next = 0, since = 0;
  while (done < count) {
    bool begun = true;
    while (begun && in_flight < kInFlight && (again_count > 0 || next < count)) {
      if (++since == kLookAfter) {
        since = 0;
        await_room();
      }
      begun = begin(again_count > 0 ? again[--again_count] : next++);
    }
    turn(on_connected);
  }
  printf("opened %u %u\n", done, tried_again);
}

// The size of the whole answer whose beginning stands in `bytes`; ends the program when it is none.
static uint32_t whole_size(uint32_t i, const char* bytes) {
  const char* end = strstr(bytes, "\r\n\r\n");
  const char* length = strcasestr(bytes, "\r\ncontent-length:");
  if (strncmp(bytes, "HTTP/1.1 200 ", 13) != 0 || end == NULL || length == NULL || length > end) {
    fail("connection %u: the answer is not right; it begins '%.*s'", i, (int)strcspn(bytes, "\r\n"),
         bytes);
  }
  return (uint32_t)(end + 4 - bytes) + (uint32_t)strtoul(length + 17, NULL, 10);
}

static void on_answer(uint32_t i) {
  static char bytes[kMostAnswer + 1];
  struct Held* held = &all[i];
  ssize_t got = recv(held->peer, bytes, kMostAnswer, 0);
  if (got <= 0) {
    fail("connection %u was lost: %s", i, got == 0 ? "the server closed it" : strerror(errno));
  }
  if (held->missing == UINT32_MAX) {
    bytes[got] = '\0';
    held->missing = whole_size(i, bytes);
  }
  if ((size_t)got > held->missing) {
    fail("connection %u got more than the answer", i);
  }
  held->missing -= (uint32_t)got;
  if (held->missing == 0) {
    held->asked_ns = now_ns() - held->asked_ns;
    leave(i);
    ++done;
  }
}

static void ask(uint32_t i) {
  all[i].missing = UINT32_MAX;
  all[i].asked_ns = now_ns();
  ssize_t sent = send(all[i].peer, request, request_bytes, MSG_NOSIGNAL);
  if (sent != (ssize_t)request_bytes) {
    fail("connection %u was lost: %s", i, sent < 0 ? strerror(errno) : "it took no whole request");
  }
}

static void ask_each(void) {
  for (uint32_t next = 0; done < count;) {
    for (; in_flight < kInFlight && next < count; ++next) {
      watch(next, EPOLLIN);
      ask(next);
    }
    turn(on_answer);
  }
  printf("answered %u\n", done);
}

static void ask_at_once(uint32_t number, unsigned seed) {
  uint32_t* chosen = malloc(count * sizeof *chosen);
  if (chosen == NULL) {
    fail("no memory");
  }
  srandom(seed);
  for (uint32_t i = 0; i < count; ++i) {
    chosen[i] = i;
  }
  for (uint32_t i = 0; i < number; ++i) {
    uint32_t from = i + (uint32_t)random() % (count - i), other = chosen[from];
    chosen[from] = chosen[i];
    chosen[i] = other;
    watch(other, EPOLLIN);
  }
  for (uint32_t i = 0; i < number; ++i) {
    ask(chosen[i]);
  }
  while (done < number) {
    turn(on_answer);
  }
  printf("answered %u", number);
  for (uint32_t i = 0; i < number; ++i) {
    printf(" %llu", (unsigned long long)(all[chosen[i]].asked_ns / 1000));
  }
  putchar('\n');
  free(chosen);
}

static void look(void) {
  uint32_t stands = 0;
  char byte;
  for (uint32_t i = 0; i < count; ++i) {
    stands += recv(all[i].peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }
  printf("stands %u\n", stands);
}

static void obey(const char* line) {
  unsigned number, seed;
  done = 0;
  moved_ns = now_ns();
  if (strcmp(line, "open\n") == 0) {
    open_all();
  } else if (strcmp(line, "each\n") == 0) {
    ask_each();
  } else if (sscanf(line, "ask %u %u", &number, &seed) == 2 && number <= count) {
    ask_at_once(number, seed);
  } else if (strcmp(line, "look\n") == 0) {
    look();
  } else {
    fail("no such command: %s", line);
  }
  fflush(stdout);
}

static _Noreturn void misuse(const char* name) {
  fprintf(stderr,
          "usage: %s [-t SECONDS] [-u TARGET] COUNT SOURCE PORT\n"
          "Holds COUNT connections to 127.0.0.1:PORT, from 127.x addresses that begin at SOURCE, "
          "4,000 on each;\ncommands come on standard input (bench/load/hold.c says which).\n"
          "  -u TARGET   what a request asks for (/)\n"
          "  -t SECONDS  give up after so long without progress (60)\n",
          name);
  exit(2);
}

int main(int argc, char** argv) {
  for (int option; (option = getopt(argc, argv, "t:u:")) != -1;) {
    if (option == 't') {
      patience_s = strtod(optarg, NULL);
    } else if (option == 'u') {
      target = optarg;
    } else {
      misuse(argv[0]);
    }
  }
  if (argc - optind != 3) {
    misuse(argv[0]);
  }
  count = (uint32_t)strtoul(argv[optind], NULL, 10);
  first_source.sin_family = server.sin_family = AF_INET;
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.sin_port = htons((uint16_t)strtoul(argv[optind + 2], NULL, 10));
  if (count == 0 || server.sin_port == 0 ||
      inet_pton(AF_INET, argv[optind + 1], &first_source.sin_addr) != 1) {
    misuse(argv[0]);
  }
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  request_bytes = (size_t)snprintf(request, sizeof request,
                                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", target);
  all = calloc(count, sizeof *all);
  again = calloc(count, sizeof *again);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (request_bytes >= sizeof request || all == NULL || again == NULL || epoll < 0) {
    fail("no memory for %u connections", count);
  }
  for (char line[64]; fgets(line, sizeof line, stdin) != NULL;) {
    obey(line);
  }
  return 0;
}

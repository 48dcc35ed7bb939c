// The command line of the load generator.
#include <arpa/inet.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

struct Options options = {.path = "/",
                          .connections = 64,
                          .depth = 1,
                          .message_bytes = 64,
                          .measured = 64000,
                          .cpu = -1,
                          .patience_s = 20};

void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static const char kHelp[] =
    "usage: bench_load [options] PROTOCOL PORT\n"
    "A closed loop of requests to 127.0.0.1:PORT. PROTOCOL: echo, resp-get, resp-set, http.\n"
    "  -c, --connections N   busy connections (64)\n"
    "  -i, --idle N          connections that make one request and then only stay (0)\n"
    "  -P, --pipeline N      requests in flight on each (1)\n"
    "  -s, --size BYTES      payload of an echo (64)\n"
    "  -w, --warm N          requests before the measured ones (0)\n"
    "  -n, --requests N      measured requests in all (64000)\n"
    "  -p, --pid PID         a process whose CPU time is measured; repeatable\n"
    "  -a, --counters FILE   the allocation counter's file, read before and after\n"
    "  -e, --echoed          RESP: the server sends back what it gets\n"
    "  -u, --path TARGET     HTTP: what to ask for (/)\n"
    "  -f, --body FILE       HTTP: what each body must be (else: what the first one was)\n"
    "  -x, --close           HTTP: a new connection for each request\n"
    "  -H, --hold N,N...     only open N connections with one request each, print `held N`, wait\n"
    "                        for a line on standard input, open up to the next N, ...\n"
    "  -C, --cpu CORE        run on this core only\n"
    "  -B, --batch           SCHED_BATCH: a wake-up does not preempt\n"
    "  -t, --patience S      give up after so long without an answer (20)\n"
    "Prints one JSON object; exit status 1 when an answer was wrong or missing.\n";

static _Noreturn void misuse(const char* what, const char* value) {
  fprintf(stderr, "load: %s: %s. See bench_load --help.\n", what, value);
  exit(2);
}

static uint64_t number(const char* text) {
  char* end;
  uint64_t value = strtoull(text, &end, 10);
  if (*text == '\0' || *text == '-' || *end != '\0') {
    misuse("not a number", text);
  }
  return value;
}

static void parse_holds(char* list) {
  for (char* item = strtok(list, ","); item != NULL; item = strtok(NULL, ",")) {
    if (options.hold_count == 8) {
      misuse("too many stops", item);
    }
    options.hold[options.hold_count++] = (uint32_t)number(item);
  }
}

static void parse_one(int option) {
  switch (option) {
    case 'c':
      options.connections = (uint32_t)number(optarg);
      return;
    case 'i':
      options.idle = (uint32_t)number(optarg);
      return;
    case 'P':
      options.depth = (uint32_t)number(optarg);
      return;
    case 's':
      options.message_bytes = (uint32_t)number(optarg);
      return;
    case 'w':
      options.warm = number(optarg);
      return;
    case 'n':
      options.measured = number(optarg);
      return;
    case 'p':
      if (options.pid_count == kMostPids) {
        misuse("too many processes", optarg);
      }
      options.pids[options.pid_count++] = (pid_t)number(optarg);
      return;
    case 'a':
      options.counters = optarg;
      return;
    case 'e':
      options.echoed = true;
      return;
    case 'u':
      options.path = optarg;
      return;
    case 'f':
      http_expect_body_of(optarg);
      return;
    case 'x':
      options.closing = true;
      return;
    case 'H':
      parse_holds(optarg);
      return;
    case 'C':
      options.cpu = (int)number(optarg);
      return;
    case 'B':
      options.batch = true;
      return;
    case 't':
      options.patience_s = (double)number(optarg);
      return;
    case 'h':
      fputs(kHelp, stdout);
      exit(0);
    default:
      exit(2);
  }
}

void parse_options(int argc, char** argv) {
  static const struct option kLong[] = {
      {"connections", 1, NULL, 'c'}, {"idle", 1, NULL, 'i'},     {"pipeline", 1, NULL, 'P'},
      {"size", 1, NULL, 's'},        {"warm", 1, NULL, 'w'},     {"requests", 1, NULL, 'n'},
      {"pid", 1, NULL, 'p'},         {"counters", 1, NULL, 'a'}, {"echoed", 0, NULL, 'e'},
      {"path", 1, NULL, 'u'},        {"body", 1, NULL, 'f'},     {"close", 0, NULL, 'x'},
      {"hold", 1, NULL, 'H'},        {"cpu", 1, NULL, 'C'},      {"batch", 0, NULL, 'B'},
      {"patience", 1, NULL, 't'},    {"help", 0, NULL, 'h'},     {NULL, 0, NULL, 0}};
  for (int found;
       (found = getopt_long(argc, argv, "c:i:P:s:w:n:p:a:eu:f:xH:C:Bt:h", kLong, NULL)) != -1;) {
    parse_one(found);
  }
  if (argc - optind != 2) {
    misuse("wanted", "PROTOCOL PORT");
  }
  const struct Protocol* known[] = {&echo_protocol, &get_protocol, &set_protocol, &http_protocol};
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    if (strcmp(argv[optind], known[i]->name) == 0) {
      options.protocol = known[i];
    }
  }
  if (options.protocol == NULL) {
    misuse("no such protocol", argv[optind]);
  }
  uint64_t port = number(argv[optind + 1]);
  if (port == 0 || port > 65535) {
    misuse("not a port", argv[optind + 1]);
  }
  options.server = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (options.connections == 0 || options.depth == 0) {
    misuse("must not be 0", "-c, -P");
  }
  if (options.closing && options.depth > 1) {
    misuse("cannot be combined", "--close, --pipeline");
  }
  if (options.message_bytes == 0 || options.message_bytes > kLargestMessage) {
    misuse("must be 1 to 65536", "--size");
  }
}

// The load generator: N connections in a closed loop, 1 or P requests in flight on each, every
// answer compared with what it must be. It sends an exact number of requests, so that whatever is
// counted in the server (instructions, system calls, allocations, CPU) can be divided by it.
//
//   options.c  the command line        exact.c  protocols whose answer is known to the byte
//   drive.c    connections and loop    http.c   one HTTP/1.1 response after another
//   main.c     phases, meters, the report
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { kMostPids = 16, kLargestMessage = 64 * 1024, kPrimed = 16, kHeadRoom = 4096 };

struct Protocol;

struct Options {
  const struct Protocol* protocol;
  const char* path;      // HTTP: the target
  const char* counters;  // file of the allocation counter, or NULL
  struct sockaddr_in server;
  pid_t pids[kMostPids];  // whose CPU time is measured
  int pid_count;
  uint32_t connections;     // busy ones
  uint32_t idle;            // that made one request before the busy ones began
  uint32_t depth;           // requests in flight on each
  uint32_t message_bytes;   // echo: size of one payload
  uint64_t warm, measured;  // requests in all, each split evenly over the connections
  uint32_t hold[8];         // hold: numbers of connections at which to stop and wait
  int hold_count;
  int cpu;            // the core to run on, or -1
  bool echoed;        // exact protocols: the server sends back what it gets
  bool closing;       // HTTP: a connection for each request
  bool batch;         // SCHED_BATCH: a wake-up does not preempt
  double patience_s;  // without any answer for so long: give up
};

struct Connection {
  int descriptor;
  uint32_t id;
  uint64_t left;  // requests still to be started in this phase
  uint64_t sent, answered;
  uint64_t started_ns;  // when the batch in flight was sent
  char* unsent;         // what the kernel did not take of the batch
  size_t unsent_bytes;
  size_t offset;     // in the answer that is coming: exact protocols
  size_t body_left;  // in the answer that is coming: HTTP
  char* head;        // HTTP: of a head that came in pieces
  size_t head_bytes;
};

// `consume` says how many answers the bytes completed; it ends the program when one of them is
// wrong.
struct Protocol {
  const char* name;
  size_t (*request)(const struct Connection*, uint64_t sequence, char* into);
  uint64_t (*consume)(struct Connection*, const char* bytes, size_t size);
  uint32_t primed;  // first requests of each connection that only prepare
};

extern struct Options options;
extern const struct Protocol echo_protocol, get_protocol, set_protocol, http_protocol;

void parse_options(int argc, char** argv);
_Noreturn void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

// HTTP: the body that each answer must have; without it the first answer decides.
void http_expect_body_of(const char* file);

struct Connection* open_connections(uint32_t first_id, uint32_t count);
void close_connections(struct Connection*, uint32_t count);
// Sends `requests` on each of the connections, and returns when all are answered.
void exchange(struct Connection*, uint32_t count, uint64_t requests);

struct Latencies {
  uint64_t count, worst_ns;
  uint64_t buckets[64 * 16];  // 16 to a power of two
};
extern struct Latencies latencies;
uint64_t latency_ns(double fraction);
uint64_t now_ns(void);

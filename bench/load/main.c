// The phases of a run (idle connections, busy ones, what prepares them, warm-up, the measured
// part), and what is read before and after the measured one: CPU time of the server, allocations,
// clock.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

static volatile const uint64_t* allocations;  // one counter in shared memory, or NULL

struct Reading {
  uint64_t wall_ns, cpu_ns, allocations;
};

static uint64_t cpu_ns_of(pid_t pid) {
  clockid_t clock;
  struct timespec used;
  int error = clock_getcpuclockid(pid, &clock);
  if (error == 0 && clock_gettime(clock, &used) != 0) {
    error = errno;
  }
  if (error != 0) {
    fail("the CPU time of process %d cannot be read: %s", pid, strerror(error));
  }
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static struct Reading read_meters(void) {
  struct Reading reading = {.wall_ns = now_ns()};
  for (int i = 0; i < options.pid_count; ++i) {
    reading.cpu_ns += cpu_ns_of(options.pids[i]);
  }
  if (allocations != NULL) {
    reading.allocations = *allocations;
  }
  return reading;
}

static void map_counters(const char* file) {
  int descriptor = open(file, O_RDONLY | O_CLOEXEC);
  void* page = descriptor < 0
                   ? MAP_FAILED
                   : mmap(NULL, sizeof *allocations, PROT_READ, MAP_SHARED, descriptor, 0);
  if (page == MAP_FAILED) {
    fail("cannot read the allocation counter %s", file);
  }
  allocations = page;
  close(descriptor);
}

static void settle_on_core(void) {
  if (options.cpu >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((size_t)options.cpu, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0) {
      fail("cannot run on core %d", options.cpu);
    }
  }
  struct sched_param none = {.sched_priority = 0};
  if (options.batch && sched_setscheduler(0, SCHED_BATCH, &none) != 0) {
    fail("no SCHED_BATCH");
  }
}

// In groups no larger than a listener's usual queue, each served before the next one comes.
static void open_idle(uint32_t from, uint32_t to) {
  enum { kGroup = 64 };
  while (from < to) {
    uint32_t count = to - from < kGroup ? to - from : kGroup;
    exchange(open_connections(from, count), count, 1);
    from += count;
  }
}

static void hold(void) {
  uint32_t held = 0;
  char line[16];
  for (int i = 0; i < options.hold_count; held = options.hold[i++]) {
    open_idle(held, options.hold[i]);
    printf("held %u\n", options.hold[i]);
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) {
      return;
    }
  }
}

static void report(struct Reading before, struct Reading after, uint64_t requests) {
  printf(
      "{\"protocol\": \"%s\", \"connections\": %u, \"idle\": %u, \"pipeline\": %u, "
      "\"requests\": %llu, \"wall_ns\": %llu, \"cpu_ns\": %llu, \"allocations\": %llu, "
      "\"latency_ns\": {\"p50\": %llu, \"p99\": %llu, \"max\": %llu}}\n",
      options.protocol->name, options.connections, options.idle, options.depth,
      (unsigned long long)requests, (unsigned long long)(after.wall_ns - before.wall_ns),
      (unsigned long long)(after.cpu_ns - before.cpu_ns),
      (unsigned long long)(after.allocations - before.allocations),
      (unsigned long long)latency_ns(0.5), (unsigned long long)latency_ns(0.99),
      (unsigned long long)latencies.worst_ns);
}

static uint64_t share(uint64_t requests) {
  return (requests + options.connections - 1) / options.connections;
}

int main(int argc, char** argv) {
  parse_options(argc, argv);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  if (options.counters != NULL) {
    map_counters(options.counters);
  }
  settle_on_core();
  if (options.hold_count > 0) {
    hold();
    return 0;
  }

  open_idle(options.connections, options.connections + options.idle);
  struct Connection* busy = open_connections(0, options.connections);
  exchange(busy, options.connections, options.protocol->primed);
  exchange(busy, options.connections, share(options.warm));
  memset(&latencies, 0, sizeof latencies);

  struct Reading before = read_meters();
  exchange(busy, options.connections, share(options.measured));
  struct Reading after = read_meters();
  report(before, after, share(options.measured) * options.connections);
  close_connections(busy, options.connections);
  return 0;
}

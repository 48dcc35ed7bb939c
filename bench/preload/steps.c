// Counts the user instructions of a program by single-stepping it: bench_steps FILE PROGRAM ARG...
// For what valgrind cannot run, such as a ring with provided buffers. The program keeps this
// process's id, as under `strace -D`: the tracer is a child. Its own thread alone is counted, from
// its first listen(2) on: how a server comes to that would be most of the steps. FILE gets the
// count when the program ends.
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void die(const char* what) {
  fprintf(stderr, "bench_steps: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void save(const char* path, uint64_t steps) {
  FILE* file = fopen(path, "w");
  if (file == NULL || fprintf(file, "%llu\n", (unsigned long long)steps) < 0 || fclose(file) != 0) {
    die(path);
  }
}

static int is_about_to_listen(pid_t program) {
  struct __ptrace_syscall_info call;
  return ptrace(PTRACE_GET_SYSCALL_INFO, program, (void*)sizeof call, &call) > 0 &&
         call.op == PTRACE_SYSCALL_INFO_ENTRY && call.entry.nr == SYS_listen;
}

static uint64_t trace(pid_t program) {
  enum { kSystemCall = SIGTRAP | 0x80 };
  uint64_t steps = 0;
  int listens = 0;
  for (;;) {
    int status;
    if (waitpid(program, &status, __WALL) < 0 || WIFEXITED(status) || WIFSIGNALED(status)) {
      return steps;
    }
    const int event = status >> 16;
    int passed = WSTOPSIG(status);
    if (passed == SIGTRAP) {
      passed = 0;
      steps += listens && event == 0;
    } else if (passed == kSystemCall) {
      passed = 0;
      listens = listens || is_about_to_listen(program);
    } else if (event != 0) {
      passed = 0;
    }
    ptrace(listens ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, program, NULL, (void*)(uintptr_t)passed);
  }
}

int main(int argc, char** argv) {
  int ready[2];
  if (argc < 3 || pipe(ready) != 0) {
    fprintf(stderr, "usage: bench_steps FILE PROGRAM ARG...\n");
    return 2;
  }
  const pid_t program = getpid();
  const pid_t tracer = fork();
  if (tracer < 0) {
    die("fork");
  }
  if (tracer == 0) {
    signal(SIGTERM, SIG_IGN);
    close(ready[0]);
    const char permitted = 1;
    // The parent names its tracer first; until then attaching may be refused.
    while (ptrace(PTRACE_SEIZE, program, NULL,
                  (void*)(uintptr_t)(PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)) != 0) {
      if (errno != EPERM) {
        die("ptrace");
      }
      usleep(1000);
    }
    ptrace(PTRACE_INTERRUPT, program, NULL, NULL);
    if (write(ready[1], &permitted, 1) != 1) {
      die("pipe");
    }
    close(ready[1]);
    save(argv[1], trace(program));
    return 0;
  }
  prctl(PR_SET_PTRACER, (unsigned long)tracer, 0, 0, 0);
  close(ready[1]);
  char go;
  while (read(ready[0], &go, 1) < 0 && errno == EINTR) {
  }
  close(ready[0]);
  execv(argv[2], argv + 2);
  die(argv[2]);
}

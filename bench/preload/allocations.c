// Preloaded into a server to count its heap allocations (malloc, calloc, realloc, and what C++'s
// operator new makes of them). The count lives in the file that BENCH_ALLOCATIONS names, so that it
// can be read while the server runs, between the warm-up and the end of a measured run.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static uint64_t before_ready;  // counts until the file is mapped
static uint64_t* count = &before_ready;

__attribute__((constructor)) static void map_counter(void) {
  const char* file = getenv("BENCH_ALLOCATIONS");
  if (file == NULL) {
    return;
  }
  int descriptor = open(file, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) {
    return;
  }
  void* page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (page != MAP_FAILED) {
    count = page;
  }
}

static void note(void) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }

void* malloc(size_t size) {
  note();
  return __libc_malloc(size);
}

void* calloc(size_t items, size_t size) {
  note();
  return __libc_calloc(items, size);
}

void* realloc(void* old, size_t size) {
  note();
  return __libc_realloc(old, size);
}

void* memalign(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** into, size_t alignment, size_t size) {
  note();
  void* memory = __libc_memalign(alignment, size);
  if (memory == NULL) {
    return ENOMEM;
  }
  *into = memory;
  return 0;
}

// A sendfile(2) for LD_PRELOAD that sleeps for as long as the file is there that VIGIL_TEST_HOLD
// names: as on a disk that does not answer.
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

extern "C" ssize_t sendfile(int to, int from, off_t* offset, size_t count) noexcept {
  const char* const path = std::getenv("VIGIL_TEST_HOLD");
  while (path != nullptr && ::access(path, F_OK) == 0) {
    const timespec nap{.tv_sec = 0, .tv_nsec = 5'000'000};
    ::nanosleep(&nap, nullptr);
  }
  return ::syscall(SYS_sendfile, to, from, offset, count);
}

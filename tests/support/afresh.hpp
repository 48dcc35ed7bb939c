// What a process hands down to the programs that it starts, as a login gives it: three descriptors,
// no signal ignored or blocked, no settings of ours or of a proxy. A test must not depend on what
// the shell, the CI runner or the IDE that started it has left open, ignored or set.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace vigil::test {

// Closes all above `last` but the standard streams, of which a missing one becomes /dev/null.
inline void keep_standard_streams_only(int last = STDERR_FILENO) {
  int opened = 0;
  while ((opened = ::open("/dev/null", O_RDWR)) >= 0 && opened <= STDERR_FILENO) {
  }
  if (::close_range(static_cast<unsigned>(last) + 1, ~0U, 0) !=
      0) {  // Linux before 5.9, or a sandbox's filter
    for (long handle = ::sysconf(_SC_OPEN_MAX) - 1; handle > last; --handle) {
      ::close(static_cast<int>(handle));
    }
  }
}

// `passed`: so many descriptors from 3 on are handed down as well.
inline void start_afresh(int passed = 0) {
  keep_standard_streams_only(STDERR_FILENO + passed);
  for (int number = 1; number < NSIG; ++number) {
    ::signal(number, SIG_DFL);  // fails for those that nobody may ignore
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(022);
  for (const char* name :
       {"VIGIL_ENGINE", "VIGIL_AUDIT", "VIGIL_URING_WITHOUT", "TZ", "http_proxy", "https_proxy",
        "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "LISTEN_PID",
        "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    ::unsetenv(name);
  }
}

}  // namespace vigil::test

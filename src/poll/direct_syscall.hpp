// The few system calls of the hot path, entered directly: libc's wrappers cost some ten
// instructions more (the errno and cancellation protocol). Sanitizers must see these calls, so
// their builds go through libc, as do processors that are not named here. Every function returns a
// result >= 0, or -errno.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VIGIL_THROUGH_LIBC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define VIGIL_THROUGH_LIBC 1
#endif
#endif
#if !defined(VIGIL_THROUGH_LIBC) && !(defined(__x86_64__) && defined(__LP64__)) && \
    !defined(__aarch64__)
#define VIGIL_THROUGH_LIBC 1
#endif

namespace vigil::sys {

#if defined(VIGIL_THROUGH_LIBC)

inline long outcome(long result) noexcept { return result < 0 ? -errno : result; }

inline long epoll_wait(int epoll, epoll_event* room, int size, int milliseconds) noexcept {
  return outcome(::epoll_wait(epoll, room, size, milliseconds));
}
inline long recv(int handle, void* data, std::size_t size, int flags) noexcept {
  return outcome(::recv(handle, data, size, flags));
}
inline long send(int handle, const void* data, std::size_t size, int flags) noexcept {
  return outcome(::send(handle, data, size, flags));
}

#else

// System call `number` with six arguments. The kernel may read and write any memory that they point
// at.
[[gnu::always_inline]] inline long enter(long number, long a, long b, long c, long d, long e,
                                         long f) noexcept {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory", "cc");
  return result;
#else
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory", "cc");
  return x0;
#endif
}

inline long epoll_wait(int epoll, epoll_event* room, int size, int milliseconds) noexcept {
  // epoll_pwait without a signal mask is epoll_wait, and the only one of the two on newer
  // processors.
  return enter(SYS_epoll_pwait, epoll, reinterpret_cast<long>(room), size, milliseconds, 0, 0);
}
[[gnu::always_inline]] inline long recv(int handle, void* data, std::size_t size,
                                        int flags) noexcept {
  return enter(SYS_recvfrom, handle, reinterpret_cast<long>(data), static_cast<long>(size), flags,
               0, 0);
}
[[gnu::always_inline]] inline long send(int handle, const void* data, std::size_t size,
                                        int flags) noexcept {
  return enter(SYS_sendto, handle, reinterpret_cast<long>(data), static_cast<long>(size), flags, 0,
               0);
}

#endif

}  // namespace vigil::sys

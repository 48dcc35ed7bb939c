// Catching system calls, clocks and threads of a program's step.
#include "guard/guard.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <string>

#include "faces/seat.hpp"
#include "guard/symbols.hpp"
#include "vigil/sim/world.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VIGIL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VIGIL_SANITIZED 1
#endif
#endif

namespace vigil::guard {
namespace {

constinit volatile char selector = 0;  // what the kernel reads: 0 lets calls through, 1 does not
constinit bool guarding = false;
constinit bool dispatching = false;

// The first escape of a step; told when the step is over, since nothing may be said within one.
struct Escape {
  const char* what = nullptr;
  long number = 0;
  std::array<void*, 32> stack{};
  int depth = 0;
};
constinit Escape escape{};
constinit bool escaped = false;

// An allocator that stands before the C library's (LD_PRELOAD) may ask the clock when to give
// memory back. That is its own affair, as getting memory is: the program never sees the answer.
// Allocators within this program or the C library are not told from them, and the C library's asks
// nothing.
constinit const void* allocator = nullptr;  // where its library begins

const void* library_of(const void* address) noexcept {
  Dl_info found{};
  return ::dladdr(address, &found) != 0 ? found.dli_fbase : nullptr;
}

void find_allocator() noexcept {
  const void* memory = library_of(::dlsym(RTLD_DEFAULT, "malloc"));
  const void* program = library_of(reinterpret_cast<const void*>(&find_allocator));
  const void* system = library_of(::dlsym(RTLD_DEFAULT, "getpid"));
  allocator = memory != program && memory != system ? memory : nullptr;
}

bool of_allocator(const void* caller) noexcept {
  return allocator != nullptr && library_of(caller) == allocator;
}

[[gnu::noinline]] void note(const char* what, long number) noexcept {
  if (!escaped) {
    escaped = true;
    escape.what = what;
    escape.number = number;
    escape.depth = ::backtrace(escape.stack.data(), static_cast<int>(escape.stack.size()));
  }
}

// The innermost place of ours, outside of this file.
std::string place() {
  const Symbols& symbols = Symbols::own();
  for (int i = 0; i < escape.depth; ++i) {
    const void* at = escape.stack[static_cast<std::size_t>(i)];
    const std::string_view name = symbols.name(at);
    if (name.empty() || name.find("5vigil5guard") != std::string_view::npos ||
        name == "clock_gettime" || name == "gettimeofday" || name == "time" ||
        name == "pthread_create") {
      continue;
    }
    const std::string line = symbols.line(at);
    return symbols.readable(at) + (line.empty() ? "" : " at " + line);
  }
  return "code outside of this program";
}

void turn(bool begun) noexcept {
  selector = begun && dispatching ? 1 : 0;
  if (begun || !escaped) {
    return;
  }
  escaped = false;
  if (sim::World* world = sim::this_world()) {
    world->fail("the simulation was escaped by " + std::string(escape.what) +
                (escape.number >= 0 ? " number " + std::to_string(escape.number) : "") + ", in " +
                place());
  }
}

#if defined(__x86_64__) && !defined(VIGIL_SANITIZED)
constexpr int kDispatch = 59;  // PR_SET_SYSCALL_USER_DISPATCH, which older headers lack
constexpr unsigned long kDispatchOn = 1;

bool gets_memory(long number) noexcept {
  return number == SYS_mmap || number == SYS_munmap || number == SYS_mremap ||
         number == SYS_mprotect || number == SYS_madvise || number == SYS_brk ||
         number == SYS_exit_group || number == SYS_rt_sigreturn || number == SYS_futex ||
         number == SYS_tgkill || number == SYS_rt_sigprocmask || number == SYS_gettid ||
         number == SYS_getpid;
}

// Where a signal handler returns to: a few bytes of the C library that make the call which ends it.
// Calls from there are always let through, so that the way back needs no opening.
constinit void* way_back = nullptr;

void learn_way_back(int) noexcept { way_back = __builtin_return_address(0); }

// Makes the call in place of the program.
void caught(int, siginfo_t* info, void* context) noexcept {
  selector = 0;
  auto* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const long number = info->si_syscall;
  if (!gets_memory(number)) {
    note("system call", number);
  }
  const long result = ::syscall(number, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                                registers[REG_R10], registers[REG_R8], registers[REG_R9]);
  registers[REG_RAX] = result == -1 ? -errno : result;
  selector = escaped ? 0 : 1;  // one escape is enough
}

bool begin_dispatch() noexcept {
  struct sigaction action{};
  action.sa_handler = &learn_way_back;
  ::sigaction(SIGSYS, &action, nullptr);
  ::raise(SIGSYS);
  action.sa_handler = nullptr;
  action.sa_sigaction = &caught;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSYS, &action, nullptr);
  constexpr unsigned long kWayBackSize = 16;
  return way_back != nullptr &&
         ::prctl(kDispatch, kDispatchOn, reinterpret_cast<unsigned long>(way_back), kWayBackSize,
                 &selector) == 0;
}
#else
bool begin_dispatch() noexcept { return false; }
#endif

}  // namespace

bool in_step() noexcept { return guarding && sim::Seat::current() != nullptr; }

void note_clock(const void* caller) noexcept {
  if (!of_allocator(caller)) {
    note("a real clock", -1);
  }
}

int read_clock(clockid_t clock, timespec* into) noexcept {
  const char before = selector;
  selector = 0;  // who asked has been noted
  const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, into));
  selector = before;
  return result;
}

void note_thread() noexcept {
  note("a thread", -1);
  selector = 0;  // it is made with all signals blocked, also the one that tells of a call
}

bool begin() noexcept {
  std::array<void*, 2> warm{};
  ::backtrace(warm.data(), 2);  // loads its unwinder outside of any step
  find_allocator();
  guarding = true;
  sim::Seat::watch_turns(&turn);
  dispatching = begin_dispatch();
  return dispatching;
}

}  // namespace vigil::guard

#if !defined(VIGIL_SANITIZED)
// These stand before the C library's for this program and for the libraries it is linked with.
extern "C" {

int clock_gettime(clockid_t clock, timespec* into) noexcept {
  if (vigil::guard::in_step()) {
    vigil::guard::note_clock(__builtin_return_address(0));
  }
  return vigil::guard::read_clock(clock, into);
}

int gettimeofday(timeval* into, void*) noexcept {
  if (vigil::guard::in_step()) {
    vigil::guard::note_clock(__builtin_return_address(0));
  }
  timespec now{};
  const int result = vigil::guard::read_clock(CLOCK_REALTIME, &now);
  into->tv_sec = now.tv_sec;
  into->tv_usec = now.tv_nsec / 1000;
  return result;
}

time_t time(time_t* into) noexcept {
  if (vigil::guard::in_step()) {
    vigil::guard::note_clock(__builtin_return_address(0));
  }
  timespec now{};
  vigil::guard::read_clock(CLOCK_REALTIME, &now);
  if (into != nullptr) {
    *into = now.tv_sec;
  }
  return now.tv_sec;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                   void* argument) noexcept {
  if (vigil::guard::in_step()) {
    vigil::guard::note_thread();
  }
  using Real = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "pthread_create"));
  return real(thread, attributes, body, argument);
}

}  // extern "C"
#endif

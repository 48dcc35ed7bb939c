// The handler is the one place of the library where a signal runs code: it takes the stack and lets
// its owner walk memory; no lock, no allocation, errno as it was.
#include "loop/watched_thread.hpp"

#include <sched.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string_view>

#include "loop/system_call_names.hpp"
#include "loop/system_files.hpp"

namespace vigil {
namespace {

constexpr std::size_t kFrames = 96;

// The handler's thread finds its own here: storage that exists before any handler runs.
thread_local constinit std::atomic<SignalledThread*> watched_here
    [[gnu::tls_model("initial-exec")]] = nullptr;

struct Stack {
  std::array<std::uintptr_t, kFrames> addresses;
  std::size_t size = 0;
};

// The release build keeps no frame pointers, which would cost every function a register, so frames
// are found by the tables that exceptions use. libgcc reads them without a lock since glibc 2.35
// (_dl_find_object(3) says that it may be called in a signal handler).
_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* into) {
  auto& stack = *static_cast<Stack*>(into);
  if (stack.size == kFrames) {
    return _URC_END_OF_STACK;
  }
  stack.addresses[stack.size++] = _Unwind_GetIP(context);
  return _URC_NO_REASON;
}

// Where the signal met it; 0 where this is not known of the machine.
std::uintptr_t interrupted_at([[maybe_unused]] const void* context) noexcept {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(
      static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<const ucontext_t*>(context)->uc_mcontext.pc;
#else
  return 0;
#endif
}

// The front of /proc/self/task/`thread`/`name`.
class OwnFile {
 public:
  OwnFile(pid_t thread, const char* name) noexcept {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/%s", static_cast<int>(thread), name);
    text_ = read_front(path, room_);
  }
  std::string_view text() const noexcept { return text_; }

 private:
  std::array<char, 512> room_;
  std::string_view text_;
};

}  // namespace

SignalledThread::SignalledThread(int signal, Interrupted& told) noexcept
    : signal_(signal), told_(told), thread_(::pthread_self()), id_(::gettid()) {
  ::sem_init(&look_, 0, 0);
  ::pthread_getcpuclockid(thread_, &clock_);
  Stack warm;  // what is loaded at the first call is loaded now
  _Unwind_Backtrace(&add_frame, &warm);
  watched_here.store(this, std::memory_order_release);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, &before_);
}

SignalledThread::~SignalledThread() {
  if (sent_.load(std::memory_order_acquire) != through_.load(std::memory_order_relaxed)) {
    ::sched_yield();  // a signal that is on its way comes with the return from this
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  watched_here.store(nullptr, std::memory_order_release);
  ::sem_destroy(&look_);
}

bool SignalledThread::here() noexcept {
  return watched_here.load(std::memory_order_relaxed) != nullptr;
}

void SignalledThread::handle(int, siginfo_t*, void* context) {
  SignalledThread* self = watched_here.load(std::memory_order_acquire);
  if (self == nullptr) {
    return;
  }
  const unsigned sent = self->sent_.load(std::memory_order_acquire);
  if (self->through_.load(std::memory_order_relaxed) == sent) {
    return;  // somebody else's signal
  }
  const int before = errno;
  Stack stack;
  _Unwind_Backtrace(&add_frame, &stack);
  // The handler's own frames come first.
  std::size_t first = 0;
  const std::uintptr_t at = interrupted_at(context);
  while (at != 0 && first != stack.size && stack.addresses[first] != at) {
    ++first;
  }
  first = first == stack.size ? 0 : first;
  self->told_.tell({stack.addresses.data() + first, stack.size - first});
  self->through_.store(sent, std::memory_order_release);
  ::sem_post(&self->look_);
  errno = before;
}

bool SignalledThread::interrupt(Nanos at_most) noexcept {
  const unsigned before = sent_.load(std::memory_order_relaxed);
  if (through_.load(std::memory_order_acquire) == before) {
    sent_.store(before + 1, std::memory_order_release);
    if (::pthread_kill(thread_, signal_) != 0) {
      sent_.store(before, std::memory_order_release);
      return false;
    }
  }
  timespec until{};
  ::clock_gettime(CLOCK_MONOTONIC, &until);
  const auto ns = until.tv_nsec + at_most.count();
  until.tv_sec += ns / 1'000'000'000;
  until.tv_nsec = ns % 1'000'000'000;
  const unsigned sent = sent_.load(std::memory_order_relaxed);
  while (through_.load(std::memory_order_acquire) != sent) {
    if (::sem_clockwait(&look_, CLOCK_MONOTONIC, &until) != 0 && errno != EINTR) {
      return through_.load(std::memory_order_acquire) == sent;
    }
  }
  return true;
}

Nanos SignalledThread::processor_time() noexcept {
  timespec used{};
  ::clock_gettime(clock_, &used);
  return std::chrono::seconds(used.tv_sec) + Nanos(used.tv_nsec);
}

ThreadState SignalledThread::state() {
  ThreadState state;
  // "17 (name) S ...": the name may hold anything, so from the last bracket.
  const OwnFile stat(id_, "stat");
  const std::size_t name = stat.text().rfind(") ");
  if (name != std::string_view::npos && name + 2 < stat.text().size()) {
    state.letter = stat.text()[name + 2];
  }
  // "running", "-1 ..." outside of a call, or the call's number first.
  const OwnFile call(id_, "syscall");
  const std::string_view text = call.text();
  long number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  if (number >= 0) {
    state.call = system_call_name(number);
  }
  return state;
}

}  // namespace vigil

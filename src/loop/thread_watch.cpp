// The thread that looks at the others, and the signal's disposition for as long as it does.
#include "loop/thread_watch.hpp"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <new>

#include "loop/code_places.hpp"
#include "loop/pin.hpp"
#include "loop/watched_thread.hpp"

namespace vigil {
namespace {

// SIGURG: nobody who is not told of urgent data on a socket gets it, debuggers let it pass, and one
// that comes late, when the handler is gone, is ignored.
constexpr int kSignal = SIGURG;

class Watch final : public ThreadWatch {
 public:
  Watch(ThreadWatchBody& body, int signal) noexcept : body_(body), signal_(signal) {}
  ~Watch() override {
    if (running_) {
      {
        const std::scoped_lock lock(mutex_);
        ending_ = true;
      }
      changed_.notify_one();
      ::pthread_join(thread_, nullptr);
    }
    struct sigaction now{};
    if (handles_ && ::sigaction(signal_, nullptr, &now) == 0 && is_ours(now)) {
      ::sigaction(signal_, &before_, nullptr);
    }
  }

  // An errno, or 0.
  int start() noexcept {
    // Who handles it already would lose it.
    if (::sigaction(signal_, nullptr, &before_) != 0) {
      return errno;
    }
    if ((before_.sa_flags & SA_SIGINFO) != 0 ||
        (before_.sa_handler != SIG_DFL && before_.sa_handler != SIG_IGN)) {
      return EBUSY;
    }
    struct sigaction action{};
    action.sa_sigaction = &SignalledThread::handle;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ::sigfillset(&action.sa_mask);
    if (::sigaction(signal_, &action, nullptr) != 0) {
      return errno;
    }
    handles_ = true;
    return start_thread();
  }

  Result<std::unique_ptr<WatchedThread>> enlist(Interrupted& told) noexcept override {
    if (SignalledThread::here()) {
      return error(std::errc::device_or_resource_busy);
    }
    std::unique_ptr<WatchedThread> made(new (std::nothrow) SignalledThread(signal_, told));
    if (!made) {
      return error(std::errc::not_enough_memory);
    }
    return made;
  }

  void look_now() noexcept override {
    {
      const std::scoped_lock lock(mutex_);
      at_once_ = true;
    }
    changed_.notify_one();
  }

  std::vector<CodePlace> places(std::uintptr_t address) override { return code_places(address); }

 private:
  static bool is_ours(const struct sigaction& action) noexcept {
    return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &SignalledThread::handle;
  }

  int start_thread() noexcept {
    const Unpinned everywhere;
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = ::pthread_create(
        &thread_, nullptr,
        [](void* self) -> void* {
          static_cast<Watch*>(self)->run();
          return nullptr;
        },
        this);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failed == 0) {
      running_ = true;
      ::pthread_setname_np(thread_, "vigil/watch");
    }
    return failed;
  }

  void run() noexcept {
    for (std::unique_lock lock(mutex_); !ending_;) {
      lock.unlock();
      timespec now{};
      ::clock_gettime(CLOCK_MONOTONIC, &now);
      const Nanos pause =
          body_.look(Instant(std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec)));
      lock.lock();
      const auto called = [this] { return ending_ || at_once_; };
      if (pause == kForever) {
        changed_.wait(lock, called);
      } else {
        changed_.wait_for(lock, pause, called);
      }
      at_once_ = false;
    }
  }

  ThreadWatchBody& body_;
  const int signal_;
  struct sigaction before_{};
  bool handles_ = false;
  bool running_ = false;
  pthread_t thread_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  bool at_once_ = false;
};

}  // namespace

Result<std::unique_ptr<ThreadWatch>> start_thread_watch(ThreadWatchBody& body,
                                                        int signal) noexcept {
  std::unique_ptr<Watch> watch(new (std::nothrow) Watch(body, signal != 0 ? signal : kSignal));
  if (!watch) {
    return error(std::errc::not_enough_memory);
  }
  if (const int failed = watch->start(); failed != 0) {
    return error(failed);
  }
  return watch;
}

}  // namespace vigil

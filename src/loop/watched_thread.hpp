// A thread that is watched, and what the signal does on it.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <ctime>

#include "vigil/loop/watch.hpp"

namespace vigil {

class SignalledThread final : public WatchedThread {
 public:
  // Of the calling thread.
  SignalledThread(int signal, Interrupted& told) noexcept;
  ~SignalledThread() override;
  SignalledThread(const SignalledThread&) = delete;
  SignalledThread& operator=(const SignalledThread&) = delete;

  // Whether the calling thread is watched already.
  static bool here() noexcept;

  bool interrupt(Nanos at_most) noexcept override;
  Nanos processor_time() noexcept override;
  ThreadState state() override;

  // The handler of the signal.
  static void handle(int signal, siginfo_t* info, void* context);

 private:
  const int signal_;
  Interrupted& told_;
  const pthread_t thread_;
  const pid_t id_;
  clockid_t clock_{};
  sigset_t before_{};  // the thread's mask
  // Signals sent, and the last that the handler is through with: one is on its way at a time.
  std::atomic<unsigned> sent_{0};
  std::atomic<unsigned> through_{0};
  sem_t look_{};  // through_ changed
};

}  // namespace vigil

// Live: one simulated kernel in real time, under one lock, so that the tests that were written for
// the system's own run on it unchanged, with their threads and blocking calls.
//
// live_faces.cpp puts the simulation's faces under that lock; libc_*.cpp define the functions of
// libc that tests and library call, and lead them here if they are about a simulated handle.
// Simulated handles begin at kFirst; below it are the process's own.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "faces/seat.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"
#include "net/network.hpp"

namespace vigil::test {

class Live final : public sim::Scheduler {
 public:
  static constexpr int kFirst = 512;
  static Live& instance();
  // Before it there is no simulation, and everything goes to the system.
  static bool started() noexcept;

  using Lock = std::unique_lock<std::recursive_mutex>;
  // Everything on the kernel is done under this lock, and at the time that it is.
  Lock enter();
  // To be called before the lock is given up, after whatever may have changed something.
  void changed() noexcept;
  // Gives the lock up until something changed, `until` came, or a timer is due.
  void sleep(Lock& lock, Instant until);

  // A signal's handler ran in that thread: the wait that it is in ends early, as by EINTR.
  void interrupt(pthread_t thread);
  // Whether one did in this thread since it was last asked.
  bool interrupted() noexcept;

  // Threads that are simulated children; a test leaves none behind.
  void child_begins() noexcept { ++children_; }
  void child_ended() noexcept;
  void wait_for_children(Nanos at_most);
  int children() const noexcept { return children_; }

  // Does `call` on the process; its result. While it is -EAGAIN and the handle blocks, it waits.
  std::int64_t call(const std::function<std::int64_t(sim::Process&)>& call);
  std::int64_t call_blocking(int handle, const std::function<std::int64_t(sim::Process&)>& call);

  sim::Process& process() noexcept { return process_; }
  sim::Kernel& kernel() noexcept { return kernel_; }
  // For what is not a loop's: the library's calls beside it.
  sim::Seat& seat() noexcept { return seat_; }
  std::size_t open_handles() const noexcept { return process_.open_handles(); }

  void runnable(sim::Seat&) noexcept override {}
  void work(sim::Crew&) noexcept override {}
  void forget(sim::Crew&) noexcept override {}

 private:
  class Silent final : public sim::Tracer {
    void note(sim::HostId, std::string_view, std::uint64_t, std::uint64_t) noexcept override {}
  };
  Live();
  void advance();

  std::recursive_mutex mutex_;  // a face may call Syscalls, which lock again
  std::condition_variable_any changes_;
  std::vector<pthread_t> interrupted_;
  int children_ = 0;
  sim::Clock clock_;
  Silent tracer_;
  sim::Weather weather_;
  sim::Network network_;
  sim::HostId id_;
  sim::Kernel kernel_;
  sim::Process& process_;
  sim::Seat seat_;
};

// "sim", "sim-level" and "sim-completion", as the simulation's own but for the lock.
void register_live_faces() noexcept;

}  // namespace vigil::test

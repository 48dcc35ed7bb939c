// Seat: where one simulated program sits. Its loop stands on the faces here: a Selector or an
// Engine (made through the registries, for the seat that is current), Syscalls and Host.
//
//   selector.cpp     Selector over the process's epoll; and one without edges
//   late_events.cpp  readiness that is told late, or without a cause
//   syscalls*.cpp    Syscalls: operations as calls of the process; a file a family, as in src/loop
//   completion*.cpp  Engine: completions, late and out of order
//   host.cpp         Host: wall clock, entropy, environment, log
//   crew.cpp         Host: lanes' threads as steps
//   shard.cpp        Host: shards' threads as steps
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/kernel.hpp"
#include "kernel/process.hpp"
#include "kernel/random.hpp"
#include "loop/loop_switch.hpp"
#include "vigil/loop/host.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/loop/scope.hpp"
#include "vigil/sim/world.hpp"

namespace vigil::sim {

class Crew;
class Seat;

// Who decides what runs next: the world, or a test.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // The seat's loop has something to turn for: an event, a wake, or its wait's time has come.
  // Called once until the loop waits again.
  virtual void runnable(Seat& seat) noexcept = 0;
  // One piece of a lane's work: Crew::step() is to be called once for it, when the seed says.
  virtual void work(Crew& crew) noexcept = 0;
  // The crew goes away, and what it was to do with it.
  virtual void forget(Crew& crew) noexcept = 0;
};

// The threads behind a lane, as steps: in each one of them takes up a piece of work and does it, or
// begins one that takes its time (a slow disk, a name server).
class Crew {
 public:
  virtual ~Crew() = default;
  virtual void step() noexcept = 0;
  virtual Seat& seat() noexcept = 0;
};

// Another loop of the same program: it is abandoned before the program's own tasks are destroyed.
class Beside {
 public:
  virtual ~Beside() = default;
  virtual void abandon() noexcept = 0;
};

class Seat {
 public:
  // `seed` is for the seat's own choices (entropy, order of completions).
  Seat(Process& process, Scheduler& scheduler, std::uint64_t seed,
       std::map<std::string, std::string, std::less<>> environment = {});
  ~Seat();
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // What Loop::create is given; `face` is not `seed`.
  LoopOptions options(Face face);

  // The loop of this seat becomes the thread's, and its Selector or Engine is made for this seat,
  // for as long as one of these lives. They nest.
  class Turn {
   public:
    explicit Turn(Seat& seat) noexcept;
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Seat* before_;
    LoopSwitch switch_;
  };
  static Seat* current() noexcept;
  // Tells `told` when a program's turn begins and when it ends (null: nobody): for a guard that
  // catches what escapes the simulation.
  static void watch_turns(void (*told)(bool begun) noexcept) noexcept;
  void set_loop(Loop* loop) noexcept { loop_ = loop; }
  void add(Beside& other) { beside_.push_back(&other); }
  void remove(Beside& other) noexcept { std::erase(beside_, &other); }
  Loop* loop() noexcept { return loop_; }

  // The program dies where it waits: its tasks are destroyed, with their destructors, and whatever
  // they would still do to the machine is not done. Called before the process ends or the machine
  // crashes; `root` (null: none was made yet) and the loop are destroyed after it, then the seat.
  void abandon(Scope* root) noexcept;
  // Whether it did: the faces are deaf from then on.
  bool gone() const noexcept { return gone_; }

  Process& process() noexcept { return process_; }
  Kernel& kernel() noexcept { return process_.kernel(); }
  Scheduler& scheduler() noexcept { return scheduler_; }
  Random& random() noexcept { return random_; }
  Syscalls& syscalls() noexcept { return *syscalls_; }
  vigil::Host& host() noexcept { return *host_; }

  // For the faces: the loop waits for `at_most` from now, in whole milliseconds as epoll_wait(2)
  // counts them, unless something comes. A face calls woken() when something came: true if the loop
  // waited for it. Both are idempotent.
  void waits(Nanos at_most) noexcept;
  bool woken() noexcept;
  // What it waits for is not here. A loop that turned and does not wait wants to turn again.
  bool waiting() const noexcept { return waiting_; }
  // A turn begins.
  void turns() noexcept { waiting_ = false; }

 private:
  struct Sleep : Alarm {
    Seat* seat = nullptr;
  };
  static void slept(Alarm& alarm) noexcept;

  Process& process_;
  Scheduler& scheduler_;
  Random random_;
  Loop* loop_ = nullptr;
  std::vector<Beside*> beside_;
  std::unique_ptr<Syscalls> syscalls_;
  std::unique_ptr<vigil::Host> host_;
  // The alarm may be set for an earlier time than the loop waits for: most waits end before their
  // time, and moving it each time would cost more than the few that it fires in vain.
  Sleep sleep_;
  Instant wake_at_ = kNever;
  bool waiting_ = false;
  bool gone_ = false;
};

// Adds "sim", "sim-level" and "sim-completion" to the registries; once is enough.
void register_faces() noexcept;

}  // namespace vigil::sim

// What a host gives to look at a program's threads from beside: a thread that looks, a signal that
// makes one tell where it is, and the names of what it was found at.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"

namespace vigil {

// What looks. On the watch's own thread.
class ThreadWatchBody {
 public:
  virtual ~ThreadWatchBody() = default;
  // Looks at everything, `now` on the monotonic clock; returns how long until the next look, or
  // kForever: not before look_now().
  virtual Nanos look(Instant now) noexcept = 0;
};

// What a watched thread does where the signal met it: in its handler, so nothing but its own memory
// and what was made beforehand may be touched.
class Interrupted {
 public:
  virtual ~Interrupted() = default;
  // `stack` are the addresses of what it was doing, the innermost first; each but the first is
  // where a call returns to.
  virtual void tell(std::span<const std::uintptr_t> stack) noexcept = 0;
};

struct ThreadState {
  // As proc_pid_stat(5) says it: 'R' runs or could, 'S' and 'D' sleep in the kernel, 'T' and 't'
  // were stopped; '?' is not known.
  char letter = '?';
  std::string call;  // the system call that it sleeps in, "read(2)"; empty: none, or not known
};

// A place in a program. Empty and 0 where it is not known.
struct CodePlace {
  std::string function;
  std::string file;
  unsigned line = 0;
};

// A thread that is watched. Its maker's thread destroys it, and is the one that is meant; all else
// is called on other threads, by one at a time.
class WatchedThread {
 public:
  virtual ~WatchedThread() = default;
  // Sends the signal, and waits until `told` is through there. False: the thread did not take it
  // within `at_most`, but will yet.
  virtual bool interrupt(Nanos at_most) noexcept = 0;
  // What it had of a processor since it began.
  virtual Nanos processor_time() noexcept = 0;
  virtual ThreadState state() = 0;
};

// The destructor waits for the thread that looks, and gives the signal back to what it was; nothing
// is watched any more by then.
class ThreadWatch {
 public:
  virtual ~ThreadWatch() = default;
  // The calling thread; `told` outlives the result. From then on the signal is not blocked there.
  // Errors: ENOMEM, device_or_resource_busy (it is watched already).
  virtual Result<std::unique_ptr<WatchedThread>> enlist(Interrupted& told) noexcept = 0;
  // The next look is at once. Any thread, also while it looks; waits for nobody.
  virtual void look_now() noexcept = 0;
  // What an address of code belongs to: a function that was inlined comes before the one that it is
  // part of. It reads the program's line tables, and takes its time and memory when it is called
  // first. Any thread, one at a time.
  virtual std::vector<CodePlace> places(std::uintptr_t address) = 0;
};

}  // namespace vigil

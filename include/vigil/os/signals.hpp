// Signals: awaited in place of handlers.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>

#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/loop/system_arguments.hpp"

namespace vigil::os {

struct Signal {
  int number;           // as <csignal> names it
  std::int32_t sender;  // the process that sent it; 0: the kernel (a key of the terminal, a limit)
  std::int32_t value = 0;  // what sigqueue(3) carried
};

// The named signals, from open() until it is destroyed. Move-only; used on the thread of the loop
// that made it.
//
// While it lives they are blocked in THIS thread, so that they wait for next() rather than act. The
// kernel hands a signal to any thread that does not block it: so open this before other threads are
// started (they inherit the mask), or block them there too. vigil's own threads block everything.
// Programs that are started inherit the mask through fork(2) and execve(2); Process resets it.
//
// The destructor unblocks those that open() had blocked. What came and was not taken then acts as
// if it came only then. Standard signals that come while one of the same number waits count once
// (signal(7)); real-time ones are queued.
class Signals {
 public:
  // Errors: invalid_argument (no such signal; SIGKILL and SIGSTOP, which nobody can take; SIGSEGV,
  // SIGBUS, SIGFPE and SIGILL, which an instruction raises), EMFILE, ENOMEM.
  static Result<Signals> open(std::initializer_list<int> numbers) noexcept;

  Signals(Signals&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, nullptr)), args_(other.args_) {}
  Signals& operator=(Signals&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(args_, other.args_);
    return *this;
  }
  ~Signals();

  // The next one. One task at a time, and the object stays where it is meanwhile. Cancel loses
  // none. Errors: operation_canceled; not_enough_memory, after which it can be asked again.
  Task<Result<Signal>> next();

 private:
  Signals(Descriptor* descriptor, const SignalArgs& args) noexcept
      : descriptor_(descriptor), args_(args) {}

  Descriptor* descriptor_;
  SignalArgs args_;
};

}  // namespace vigil::os

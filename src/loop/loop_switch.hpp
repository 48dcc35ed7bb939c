// LoopSwitch: for who turns several loops on one thread, as a simulation does.
#pragma once

#include <utility>

#include "vigil/loop/loop.hpp"

namespace vigil {

// `loop` (null: none) is the thread's for as long as one of these lives; they nest. With none,
// Loop::create makes one more, which is the thread's until then. Two loops that are switched so
// share a thread as two threads share a processor: neither runs inside a turn of the other, unless
// the switch is made there.
class LoopSwitch {
 public:
  explicit LoopSwitch(Loop* loop) noexcept : before_(std::exchange(Loop::current_, loop)) {}
  ~LoopSwitch() { Loop::current_ = before_; }
  LoopSwitch(const LoopSwitch&) = delete;
  LoopSwitch& operator=(const LoopSwitch&) = delete;

 private:
  Loop* before_;
};

}  // namespace vigil

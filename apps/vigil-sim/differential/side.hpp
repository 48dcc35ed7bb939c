// Side: one of the two kernels that are compared, and what it takes to run a history on it.
#pragma once

#include <memory>
#include <string>

#include "differential/operation.hpp"
#include "vigil/base/time.hpp"

namespace vigil::differential {

class Side {
 public:
  virtual ~Side() = default;
  virtual void begin(const History& history) = 0;
  // A child that does not live does nothing and gives nothing.
  virtual Outcome run(const Operation& operation) noexcept = 0;
  // Everything that the history left is closed. What it lost, in words, if anything.
  virtual std::string end() = 0;
};

// The model: one simulated kernel, a process a history.
std::unique_ptr<Side> make_model();

// This machine's kernel. With patience it waits so long after each step: until the network's
// softirqs have had their turn, which on a busy machine another thread may take, or longer, until
// an acknowledgement that TCP held back is sent.
class LinuxSide : public Side {
 public:
  static constexpr Nanos kNone{};
  static constexpr Nanos kSoftirqs = std::chrono::microseconds(300);
  static constexpr Nanos kDelayedAcknowledgement = std::chrono::milliseconds(60);
  virtual void set_patience(Nanos patience) noexcept = 0;
};
// The error says what stands in the way.
std::unique_ptr<LinuxSide> make_linux(std::string& error);

}  // namespace vigil::differential

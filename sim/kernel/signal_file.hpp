// SignalFile and ProcessFile: what signalfd(2) and pidfd_open(2) make.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kernel/file.hpp"
#include "kernel/process.hpp"

namespace vigil::sim {

// Another queue's wake-ups, passed on to a file's own.
struct Relay : Waiter {
  explicit Relay(File& to) noexcept : file(to) {
    wake = [](Waiter& waiter, std::uint32_t bits) noexcept {
      static_cast<Relay&>(waiter).file.queue().wake_all(bits);
      return true;
    };
  }
  ~Relay() {
    if (queue != nullptr) {
      queue->remove(*this);
    }
  }
  File& file;
};

// Reads the pending signals of the process that made it (Linux: of the one that reads).
class SignalFile final : public File {
 public:
  SignalFile(Process& process, std::uint64_t mask) noexcept;

  void set_mask(std::uint64_t mask) noexcept;
  std::uint32_t ready() const noexcept override;
  std::int64_t read(std::span<std::byte> to) noexcept override;

 private:
  Process& process_;
  std::uint64_t mask_;
  Relay relay_;  // waits in the process's queue for as long as that lives
};

// Readable once the process has ended. Linux 6.1: it does not hang up when that was waited for.
class ProcessFile final : public File {
 public:
  ProcessFile(Kernel& kernel, std::shared_ptr<ProcessEnd> end) noexcept;

  std::uint32_t ready() const noexcept override;
  const ProcessEnd& end() const noexcept { return *end_; }

 private:
  std::shared_ptr<ProcessEnd> end_;
  Relay relay_;
};

}  // namespace vigil::sim

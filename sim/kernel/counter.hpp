// Counter: what eventfd(2) makes.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/file.hpp"

namespace vigil::sim {

class Counter final : public File {
 public:
  Counter(Kernel& kernel, unsigned count, bool semaphore) noexcept;

  std::uint32_t ready() const noexcept override;
  std::int64_t read(std::span<std::byte> to) noexcept override;
  std::int64_t write(std::span<const std::byte> from) noexcept override;
  std::uint64_t count() const noexcept { return count_; }

 private:
  std::uint64_t count_;
  bool semaphore_;
};

}  // namespace vigil::sim

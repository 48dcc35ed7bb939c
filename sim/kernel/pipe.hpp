// Pipe: 64 KiB in sixteen slots of a page, as Linux keeps them: a short write may find no slot
// while most bytes of the pages are free.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kernel/file.hpp"

namespace vigil::sim {

class PipeEnd;

// The pages. Counts of bytes; it knows nothing of who waits.
class Pipe {
 public:
  static constexpr std::size_t kPage = 4096;  // PIPE_BUF too
  static constexpr std::size_t kSlots = 16;
  static constexpr std::size_t kSize = kPage * kSlots;

  bool empty() const noexcept { return head_ == tail_; }
  bool full() const noexcept { return head_ - tail_ == kSlots; }
  std::size_t size() const noexcept;
  // How many bytes were taken: fewer than there are where no slot is left.
  std::size_t put(std::span<const std::byte> from, bool packet) noexcept;
  // How many bytes there were; one packet at most, of which what does not fit is lost.
  std::size_t take(std::span<std::byte> to) noexcept;

  PipeEnd* reader = nullptr;  // null: closed
  PipeEnd* writer = nullptr;

 private:
  struct Slot {
    std::unique_ptr<std::array<std::byte, kPage>> page;
    std::size_t offset = 0;
    std::size_t length = 0;
    bool packet = false;  // read alone, and never written to again
  };

  Slot& slot(std::uint64_t number) noexcept { return slots_[number % kSlots]; }

  std::array<Slot, kSlots> slots_;
  std::uint64_t head_ = 0;  // the next slot to fill
  std::uint64_t tail_ = 0;  // the first that holds something
};

class PipeEnd final : public File {
 public:
  PipeEnd(Kernel& kernel, std::shared_ptr<Pipe> pipe, bool writes) noexcept;
  ~PipeEnd() override { leave(); }

  std::uint32_t ready() const noexcept override;
  std::int64_t read(std::span<std::byte> to) noexcept override;
  std::int64_t write(std::span<const std::byte> from) noexcept override;
  void closed() noexcept override;

 private:
  void leave() noexcept;

  std::shared_ptr<Pipe> pipe_;
  bool writes_;
};

}  // namespace vigil::sim

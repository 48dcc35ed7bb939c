// Slab: a loop's allocator for coroutine frames. A frame that ends is the next one's memory, still
// warm.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vigil/base/counters.hpp"

namespace vigil {

// Free lists by size class of 16 bytes, refilled from 64 KiB chunks that live as long as the loop;
// larger blocks come from the system each time. Used on the loop's thread alone.
class Slab {
 public:
  Slab() noexcept = default;
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // `size` bytes aligned to 16, or null if the system gave no memory.
  [[gnu::always_inline]] void* take(std::size_t size) noexcept {
    const std::size_t kind = (size + kGrain - 1) / kGrain;
    ++live_;
    if (kind < kKinds && free_[kind] != nullptr) [[likely]] {
      Free* block = free_[kind];
      free_[kind] = block->next;
      return block;
    }
    return refill(kind, size);
  }

  [[gnu::always_inline]] void give(void* block, std::size_t size) noexcept {
    const std::size_t kind = (size + kGrain - 1) / kGrain;
    --live_;
    if (kind < kKinds) [[likely]] {
      auto* freed = static_cast<Free*>(block);
      freed->next = free_[kind];
      free_[kind] = freed;
    } else {
      release(block);
    }
  }

  // Any thread: blocks that are out, and bytes that were got from the system for small ones.
  std::size_t live() const noexcept { return static_cast<std::size_t>(live_.get()); }
  std::uint64_t bytes() const noexcept { return bytes_.get(); }

 private:
  static constexpr std::size_t kGrain = 16;
  static constexpr std::size_t kKinds = 129;  // up to 2 KiB
  static constexpr std::size_t kChunk = 65536;

  struct Free {
    Free* next;
  };
  struct Chunk {
    Chunk* next;
    std::size_t padding;
  };

  void* refill(std::size_t kind, std::size_t size) noexcept;
  static void release(void* block) noexcept;

  Tally live_;
  Counter bytes_;
  std::byte* rest_ = nullptr;
  std::size_t left_ = 0;
  Chunk* chunks_ = nullptr;
  std::array<Free*, kKinds> free_{};
};

}  // namespace vigil

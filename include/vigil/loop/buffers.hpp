// Buffers: a loop's pool of 4 KiB receive buffers. An idle connection holds none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vigil/base/counters.hpp"

namespace vigil {

// One pool a loop, used on its thread alone. Last in, first out: one warm buffer serves a whole
// batch. Address space for the limit is reserved at once, memory is touched on demand.
class Buffers {
 public:
  static constexpr std::uint32_t kBlock =
      4096;  // aligned, so that a buffer is found from any byte in it
  static constexpr std::uint32_t kHeader = 16;  // in front of the bytes: the link of the free list
  static constexpr std::uint32_t kSize = kBlock - kHeader;

  explicit Buffers(std::size_t limit_bytes) noexcept;
  ~Buffers();
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  // The first of kSize bytes, or null if the limit is reached or the system gave no memory.
  [[gnu::always_inline]] std::byte* take() noexcept {
    if (free_ != nullptr) [[likely]] {
      Header* block = free_;
      free_ = block->next;
      return reinterpret_cast<std::byte*>(block) + kHeader;
    }
    return grow();
  }

  // Gives back the buffer that holds `byte`.
  [[gnu::always_inline]] void give(const std::byte* byte) noexcept {
    Header* block = block_of(byte);
    block->next = free_;
    free_ = block;
  }

  // The first of the kSize bytes of the buffer that holds `byte`.
  static std::byte* first_of(const std::byte* byte) noexcept {
    return reinterpret_cast<std::byte*>(block_of(byte)) + kHeader;
  }

  bool available() const noexcept { return free_ != nullptr || made() < limit_; }
  std::size_t held()
      const noexcept;  // given out and not back: counted by walking, for the ledger and tests
  // Any thread: how many there are.
  std::size_t made() const noexcept { return static_cast<std::size_t>(made_.get()); }
  std::size_t limit() const noexcept { return limit_; }  // how many there can be

 private:
  struct Header {
    Header* next;
  };
  static Header* block_of(const std::byte* byte) noexcept {
    return reinterpret_cast<Header*>(reinterpret_cast<std::uintptr_t>(byte) &
                                     ~std::uintptr_t{kBlock - 1});
  }
  std::byte* grow() noexcept;

  Header* free_ = nullptr;
  std::byte* base_ = nullptr;
  Counter made_;
  std::size_t limit_ = 0;
};

}  // namespace vigil

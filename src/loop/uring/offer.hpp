// Offer: receive buffers of the loop's pool that the kernel may fill before anybody asks
// (IORING_REGISTER_PBUF_RING). A connection holds none until bytes came for it.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>

#include "vigil/base/result.hpp"
#include "vigil/loop/buffers.hpp"

namespace vigil::uring {

class Ring;

// Used on the loop's thread alone.
class Offer {
 public:
  explicit Offer(Buffers& pool) noexcept : pool_(pool) {}
  ~Offer();  // what is still offered goes with the pool, whose loop ends
  Offer(const Offer&) = delete;
  Offer& operator=(const Offer&) = delete;

  // Registers the buffers' ring as group kGroup. Errors: those of io_uring_register(2), ENOMEM.
  Result<> open(Ring& ring) noexcept;

  // The buffer that the kernel filled under this number, with `fresh` offered in its place.
  [[gnu::always_inline]] std::byte* exchange(std::uint32_t number, std::byte* fresh) noexcept {
    std::byte* filled = at(number);
    put(fresh);
    return filled;
  }
  // The same, and nothing takes its place until fill().
  std::byte* take(std::uint32_t number) noexcept {
    --offered_;
    return at(number);
  }

  // Whether fill() might offer more.
  bool lacks() const noexcept { return offered_ < wanted_; }
  // Offers as many as are wanted. `aside`: buffers that hold bytes nobody asked for yet. Together
  // they take half of the pool at most, so that who asks always finds one in the other half.
  void fill(std::size_t aside) noexcept;
  // The kernel is about to need some, or ran out of them: wants twice as many.
  void grow() noexcept;

  std::size_t offered() const noexcept { return offered_; }

  static constexpr std::uint16_t kGroup = 0;

 private:
  // A buffer's number is its place in the ring, which tells the address back when the kernel has
  // filled it. Twice as many places as buffers: a place is not used again while its buffer is under
  // way, though ends may come in another order than buffers were taken.
  static constexpr std::uint32_t kMost = 2048;
  static constexpr std::uint32_t kRoom = 2 * kMost;
  static constexpr std::uint32_t kMask = kRoom - 1;
  static constexpr std::uint32_t kFirst = 64;

  std::byte* at(std::uint32_t number) const noexcept {
    return reinterpret_cast<std::byte*>(entries_[number].addr);
  }
  [[gnu::always_inline]] void put(std::byte* fresh) noexcept {
    // The tail lies where the kernel reads it, and nobody else writes it: loaded twice, it becomes
    // one instruction to step it.
    __u16& tail = entries_->resv;
    entries_[__atomic_load_n(&tail, __ATOMIC_RELAXED) & kMask].addr =
        reinterpret_cast<std::uint64_t>(fresh);
    const auto next = static_cast<__u16>(__atomic_load_n(&tail, __ATOMIC_RELAXED) + 1);
    __atomic_store_n(&tail, next, __ATOMIC_RELEASE);
  }

  io_uring_buf* entries_ = nullptr;
  std::size_t offered_ = 0;
  std::size_t wanted_ = 0;
  Buffers& pool_;
};

}  // namespace vigil::uring

// DescriptorTable: descriptors at addresses that never move, found by index, reused last in first
// out. Where each was made stands behind them all, out of the way of what is busy.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>

#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {

class DescriptorTable {
 public:
  DescriptorTable() noexcept {
    void* base = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    base_ = base == MAP_FAILED ? nullptr : static_cast<Descriptor*>(base);
  }
  ~DescriptorTable() {
    if (base_ != nullptr) {
      ::munmap(base_, kBytes);
    }
  }
  DescriptorTable(const DescriptorTable&) = delete;
  DescriptorTable& operator=(const DescriptorTable&) = delete;

  // A fresh descriptor of a new generation, or null if the table is full.
  Descriptor* take(std::source_location where = std::source_location::current()) noexcept {
    std::uint32_t index = free_;
    if (index != kNone) {
      free_ = base_[index].next_free;
    } else if (base_ != nullptr && made_ < kRoom) {
      index = static_cast<std::uint32_t>(made_++);
    } else {
      return nullptr;
    }
    Descriptor& fresh = base_[index];
    const std::uint32_t generation = fresh.generation;  // give() has begun it; a new page is zero
    fresh = Descriptor{};
    fresh.generation = generation;
    fresh.index = index;
    const Loop* loop = Loop::current();
    fresh.home = loop != nullptr ? loop->home() : 0;
    places()[index] = where;
    count(live() + 1);
    return &fresh;
  }

  // Ends the descriptor's generation: events that are still under way for it will be dropped.
  void give(Descriptor& ended) noexcept {
    ++ended.generation;
    ended.handle = kNoHandle;
    ended.next_free = free_;
    free_ = ended.index;
    count(live() - 1);
  }

  Descriptor& operator[](std::uint32_t index) noexcept { return base_[index]; }
  const Descriptor& operator[](std::uint32_t index) const noexcept { return base_[index]; }
  std::size_t made() const noexcept { return made_; }  // indices below it were used
  // Any thread.
  std::size_t live() const noexcept { return live_.load(std::memory_order_relaxed); }

  // Where `of`, which is in some table, was made.
  static std::source_location place_of(const Descriptor& of) noexcept {
    const Descriptor* base = &of - of.index;
    return reinterpret_cast<const std::source_location*>(base + kRoom)[of.index];
  }

 private:
  static constexpr std::size_t kRoom = std::size_t{1}
                                       << 20;  // address space only; touched on demand
  static constexpr std::size_t kBytes = kRoom * (sizeof(Descriptor) + sizeof(std::source_location));
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::source_location* places() noexcept {
    return reinterpret_cast<std::source_location*>(base_ + kRoom);
  }
  // One writes, others may look.
  void count(std::size_t live) noexcept { live_.store(live, std::memory_order_relaxed); }

  Descriptor* base_ = nullptr;
  std::size_t made_ = 0;
  std::atomic<std::size_t> live_{0};
  std::uint32_t free_ = kNone;
};

}  // namespace vigil

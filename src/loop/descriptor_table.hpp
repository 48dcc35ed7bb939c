// DescriptorTable: descriptors at addresses that never move, found by index, reused last in first
// out. Where each was made is a number in it: programs make handles at few places, which stand
// behind them all.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

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
    fresh.place = number_of(where);
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

  // Where `of`, which is in some table, was made. Line 0: as one of more than kPlaces places.
  static std::source_location place_of(const Descriptor& of) noexcept {
    const Descriptor* base = &of - of.index;
    return reinterpret_cast<const std::source_location*>(base + kRoom)[of.place];
  }

  // So many places are told apart, so that looking for one among them stays short.
  static constexpr std::uint16_t kPlaces = 4095;

 private:
  static constexpr std::size_t kRoom = std::size_t{1}
                                       << 20;  // address space only; touched on demand
  static constexpr std::size_t kBytes =
      kRoom * sizeof(Descriptor) + (kPlaces + std::size_t{1}) * sizeof(std::source_location);
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // One is a pointer to what the compiler knows of the place. 0, which is nowhere: they are full.
  std::uint16_t number_of(const std::source_location& where) noexcept {
    static_assert(std::has_unique_object_representations_v<std::source_location>);
    auto* places = reinterpret_cast<std::source_location*>(base_ + kRoom);
    const auto is = [&](std::uint16_t number) {
      return std::memcmp(&places[number], &where, sizeof where) == 0;
    };
    if (is(last_place_)) [[likely]] {
      return last_place_;
    }
    std::uint16_t number = 1;
    while (number <= places_ && !is(number)) {
      ++number;
    }
    if (number > kPlaces) {
      return 0;
    }
    if (number > places_) {
      places[number] = where;
      places_ = number;
    }
    return last_place_ = number;
  }
  // One writes, others may look.
  void count(std::size_t live) noexcept { live_.store(live, std::memory_order_relaxed); }

  Descriptor* base_ = nullptr;
  std::size_t made_ = 0;
  std::atomic<std::size_t> live_{0};
  std::uint32_t free_ = kNone;
  std::uint16_t places_ = 0;      // numbers that are given out, from 1
  std::uint16_t last_place_ = 0;  // most are made where the one before was
};

}  // namespace vigil

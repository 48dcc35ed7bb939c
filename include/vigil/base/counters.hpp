// Counters that one thread writes and any may read: what a program does, for those who look at it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "vigil/base/instruments.hpp"
#include "vigil/base/time.hpp"

namespace vigil {

// A number with one writer. A reader on another thread sees a value of a moment ago, and nothing
// else of what the writer did. Costs the writer no more than a plain one.
class Counter {
 public:
  constexpr Counter() noexcept = default;
  constexpr explicit Counter(std::uint64_t value) noexcept : value_(value) {}
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  // The writer's thread.
  [[gnu::always_inline]] void operator+=(std::uint64_t more) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  [[gnu::always_inline]] void operator-=(std::uint64_t less) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - less, std::memory_order_relaxed);
  }
  [[gnu::always_inline]] void operator++() noexcept { *this += 1; }
  [[gnu::always_inline]] void operator--() noexcept { *this -= 1; }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }

  // Any thread.
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A Counter that nothing but figures reads: without instruments it stays 0.
class Tally {
 public:
  // The writer's thread.
  [[gnu::always_inline]] void operator+=(std::uint64_t more) noexcept {
    if constexpr (kInstruments) {
      counter_ += more;
    }
  }
  [[gnu::always_inline]] void operator++() noexcept { *this += 1; }
  [[gnu::always_inline]] void operator--() noexcept {
    if constexpr (kInstruments) {
      --counter_;
    }
  }

  // Any thread.
  std::uint64_t get() const noexcept { return counter_.get(); }

 private:
  Counter counter_;
};

// How long things took, by powers of two: a copy.
struct Durations {
  // Of [0], up to 1 us; of [n], up to 2^n us and longer than those before; of the last, all others.
  static constexpr std::size_t kBuckets = 25;
  // The longest that belongs into a bucket; kForever for the last.
  static constexpr Nanos bound(std::size_t bucket) noexcept {
    return bucket + 1 == kBuckets ? kForever : Nanos(std::int64_t{1000} << bucket);
  }

  std::array<std::uint64_t, kBuckets> counts{};
  Nanos total{};

  std::uint64_t count() const noexcept {
    std::uint64_t all = 0;
    for (const std::uint64_t each : counts) {
      all += each;
    }
    return all;
  }
};

// The same while they are being counted: one writer, any readers.
class DurationCounter {
 public:
  // The writer's thread. What is below zero counts as zero.
  void add(Nanos took) noexcept {
    const auto ns = static_cast<std::uint64_t>(took < Nanos::zero() ? 0 : took.count());
    const auto bucket = ns <= 1000 ? 0 : static_cast<std::size_t>(std::bit_width((ns - 1) / 1000));
    ++counts_[bucket < Durations::kBuckets ? bucket : Durations::kBuckets - 1];
    total_ += ns;
  }
  // Any thread.
  Durations get() const noexcept {
    Durations copy;
    for (std::size_t i = 0; i != Durations::kBuckets; ++i) {
      copy.counts[i] = counts_[i].get();
    }
    copy.total = Nanos(static_cast<std::int64_t>(total_.get()));
    return copy;
  }

 private:
  std::array<Tally, Durations::kBuckets> counts_{};
  Tally total_;
};

}  // namespace vigil

// Where the kernel writes what it tells of a file, until that is put into the words of FileStatus.
#pragma once

#include <sys/stat.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>

namespace vigil::uring {

// Room for so many operations under way at once; made when the first one comes.
class StatusRoom {
 public:
  static constexpr std::size_t kPlaces = 64;

  // A place; nothing if all are taken, or there is no memory.
  std::optional<std::uint32_t> take() noexcept {
    if (!places_) {
      places_.reset(new (std::nothrow) std::array<struct statx, kPlaces>);
    }
    if (!places_ || taken_ == ~std::uint64_t{0}) {
      return std::nullopt;
    }
    const auto place = static_cast<std::uint32_t>(std::countr_one(taken_));
    taken_ |= std::uint64_t{1} << place;
    return place;
  }
  void give(std::uint32_t place) noexcept { taken_ &= ~(std::uint64_t{1} << place); }
  struct statx& operator[](std::uint32_t place) noexcept { return (*places_)[place]; }

 private:
  std::unique_ptr<std::array<struct statx, kPlaces>> places_;
  std::uint64_t taken_ = 0;  // a bit for each
};

}  // namespace vigil::uring

// Parts: the buffers of one call, gone through from the first byte to the last.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace vigil::sim {

class Parts {
 public:
  explicit Parts(std::span<const iovec> parts) noexcept : parts_(parts) {
    for (const iovec& part : parts) {
      size_ += part.iov_len;
    }
  }

  std::size_t size() const noexcept { return size_; }  // what is left

  // Copies `count` bytes, at most size(), out of the buffers, or into them.
  void take(std::byte* to, std::size_t count) noexcept {
    walk(count, [&](std::byte* part, std::size_t step) {
      std::memcpy(to, part, step);
      to += step;
    });
  }
  void put(const std::byte* from, std::size_t count) noexcept {
    walk(count, [&](std::byte* part, std::size_t step) {
      std::memcpy(part, from, step);
      from += step;
    });
  }

 private:
  template <class F>
  void walk(std::size_t count, F copy) noexcept {
    size_ -= count;
    while (count != 0) {
      const iovec& part = parts_.front();
      const std::size_t step = std::min(count, part.iov_len - offset_);
      if (step != 0) {
        copy(static_cast<std::byte*>(part.iov_base) + offset_, step);
      }
      count -= step;
      offset_ += step;
      if (offset_ == part.iov_len) {
        parts_ = parts_.subspan(1);
        offset_ = 0;
      }
    }
  }

  std::span<const iovec> parts_;
  std::size_t offset_ = 0;
  std::size_t size_ = 0;
};

}  // namespace vigil::sim

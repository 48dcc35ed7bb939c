// Names for requests: sent as X-Request-Id, written to the log, shown on error pages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vigil/base/counters.hpp"

namespace vigil::site {

// 32 hexadecimal digits: 16 of this process, from entropy, and 16 of the request, which never
// repeat within it.
class RequestId {
 public:
  using Half = std::array<char, 16>;
  static constexpr std::size_t kSize = 32;
  RequestId(const Half& process, std::uint64_t number) noexcept;
  std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

 private:
  std::array<char, kSize> text_;
};

// One per loop; not thread-safe but where it is said.
class RequestIds {
 public:
  // Both words from the Host's entropy, and different for each loop.
  RequestIds(std::uint64_t process, std::uint64_t start) noexcept;
  // A request's number; neither it nor its tag is ever 0.
  std::uint64_t take() noexcept;
  RequestId name(std::uint64_t number) const noexcept { return {process_, number}; }

  // What marks the task of a request (this_task::set_tag).
  static std::uint32_t tag_of(std::uint64_t number) noexcept {
    return static_cast<std::uint32_t>(number);
  }
  // Any thread: the number of the last request with this tag, by how far the numbers have come. A
  // request that is followed by 2^32 others before it ends is taken for one of those.
  std::uint64_t number_of(std::uint32_t tag) const noexcept;

 private:
  RequestId::Half process_;
  Counter last_;
};

}  // namespace vigil::site

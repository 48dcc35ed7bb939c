// Names for requests: sent as X-Request-Id, written to the log, shown on error pages.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vigil::site {

// 32 hexadecimal digits: 16 of this process, from entropy, and 16 of the request, which never
// repeat within it.
class RequestId {
 public:
  using Half = std::array<char, 16>;
  RequestId(const Half& process, std::uint64_t number) noexcept;
  std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 32> text_;
};

// One per loop; not thread-safe.
class RequestIds {
 public:
  // Both words from the Host's entropy, and different for each loop.
  RequestIds(std::uint64_t process, std::uint64_t start) noexcept;
  // A request's number; never 0.
  std::uint64_t take() noexcept;
  RequestId name(std::uint64_t number) const noexcept { return {process_, number}; }

 private:
  RequestId::Half process_;
  std::uint64_t next_;
};

}  // namespace vigil::site

// Names for requests.
#include "site/request_id.hpp"

#include <cstddef>
#include <cstring>

namespace vigil::site {
namespace {

// The two digits of each byte.
constexpr auto kPairs = [] {
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte) {
    pairs[byte] = {"0123456789abcdef"[byte >> 4U], "0123456789abcdef"[byte & 15U]};
  }
  return pairs;
}();

void write_hex(char* to, std::uint64_t value) noexcept {
  for (unsigned at = 0; at < 8; ++at) {
    std::memcpy(to + 2 * std::size_t{at}, kPairs[value >> (56 - 8 * at) & 255U].data(), 2);
  }
}

}  // namespace

RequestId::RequestId(const Half& process, std::uint64_t number) noexcept {
  std::memcpy(text_.data(), process.data(), process.size());
  // A bijection: no name twice, and neighbours do not look alike in a log.
  std::uint64_t x = number;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  write_hex(text_.data() + 16, x ^ (x >> 31U));
}

RequestIds::RequestIds(std::uint64_t process, std::uint64_t start) noexcept : next_(start) {
  write_hex(process_.data(), process);
}

std::uint64_t RequestIds::take() noexcept {
  next_ += 0x9e3779b97f4a7c15ULL;  // odd: it comes by every number before one comes again
  return next_ != 0 ? next_ : take();
}

}  // namespace vigil::site

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

constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;  // odd: by every number before one again
// What undoes a step of the low half: Newton's iteration doubles the bits that are right.
constexpr std::uint32_t kUnstep = [] {
  const auto step = static_cast<std::uint32_t>(kStep);
  std::uint32_t inverse = step;  // right in three bits, as for any odd number
  for (int i = 0; i != 4; ++i) {
    inverse *= 2U - step * inverse;
  }
  return inverse;
}();
static_assert(static_cast<std::uint32_t>(kStep) * kUnstep == 1);

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

RequestIds::RequestIds(std::uint64_t process, std::uint64_t start) noexcept : last_(start) {
  write_hex(process_.data(), process);
}

std::uint64_t RequestIds::take() noexcept {
  last_ += kStep;
  const std::uint64_t number = last_.get();
  return tag_of(number) != 0 ? number : take();
}

// The low halves of numbers go around as whole ones do: they tell how many steps ago it was.
std::uint64_t RequestIds::number_of(std::uint32_t tag) const noexcept {
  const std::uint64_t last = last_.get();
  const std::uint32_t steps = (tag_of(last) - tag) * kUnstep;
  return last - steps * kStep;
}

}  // namespace vigil::site

// Registering, filling and growing what is offered.
#include "loop/uring/offer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "loop/uring/ring.hpp"

namespace vigil::uring {
namespace {

static_assert(offsetof(io_uring_buf_ring, tail) == offsetof(io_uring_buf, resv));

constexpr std::size_t bytes_of(std::size_t entries) noexcept {
  return entries * sizeof(io_uring_buf);
}

}  // namespace

Offer::~Offer() {
  if (entries_ != nullptr) {
    ::munmap(entries_, bytes_of(kRoom));
  }
}

Result<> Offer::open(Ring& ring) noexcept {
  void* room =
      ::mmap(nullptr, bytes_of(kRoom), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    return error(errno);
  }
  entries_ = static_cast<io_uring_buf*>(room);
  for (std::uint32_t place = 0; place < kRoom; ++place) {
    entries_[place].len = Buffers::kSize;
    entries_[place].bid = static_cast<std::uint16_t>(place);
  }
  io_uring_buf_reg where{};
  where.ring_addr = reinterpret_cast<std::uint64_t>(room);
  where.ring_entries = kRoom;
  where.bgid = kGroup;
  const int done = ::io_uring_register_buf_ring(&ring.native(), &where, 0);
  return done < 0 ? Result<>(failed(done)) : Result<>();
}

void Offer::fill(std::size_t aside) noexcept {
  const std::size_t half = pool_.limit() / 2;
  const std::size_t most = std::min(wanted_, half > aside ? half - aside : 0);
  while (offered_ < most) {
    std::byte* fresh = pool_.take();
    if (fresh == nullptr) {
      return;
    }
    ++offered_;
    put(fresh);
  }
}

void Offer::grow() noexcept { wanted_ = std::clamp<std::size_t>(2 * wanted_, kFirst, kMost); }

}  // namespace vigil::uring

// Where segments come from and go back to.
#include "net/segment.hpp"

#include <cstdlib>
#include <new>

#include "vigil/base/check.hpp"

namespace vigil::sim {

static_assert(sizeof(Segment) + Segment::kLargest <= BlockPool::kSizes.back());
static_assert(sizeof(Datagram) + Datagram::kLargest <= BlockPool::kSizes.back());

BlockPool::~BlockPool() {
  for (Free* block : free_) {
    while (block != nullptr) {
      Free* next = block->next;
      std::free(block);
      block = next;
    }
  }
}

// malloc, not new: a test that lets allocations of the program fail does not mean the network's.
void* BlockPool::take(std::size_t bytes, std::uint8_t& kind) {
  kind = 0;
  while (kind < kSizes.size() && kSizes[kind] < bytes) {
    ++kind;
  }
  if (Free* block = kind < kSizes.size() ? free_[kind] : nullptr; block != nullptr) {
    free_[kind] = block->next;
    return block;
  }
  void* block = std::malloc(size(kind, bytes));
  check(block != nullptr, "no memory for the bytes under way in the simulated network");
  return block;
}

void BlockPool::give(void* block, std::uint8_t kind) noexcept {
  if (kind == kSizes.size()) {
    std::free(block);
    return;
  }
  free_[kind] = ::new (block) Free{free_[kind]};
}

Segment* Segment::make(BlockPool& pool, Kind kind, std::size_t size) {
  std::uint8_t block = 0;
  void* memory = pool.take(sizeof(Segment) + size, block);
  auto* segment = ::new (memory) Segment;
  segment->kind = kind;
  segment->block = block;
  segment->room = static_cast<std::uint32_t>(BlockPool::kSizes[block] - sizeof(Segment));
  return segment;
}

Datagram* Datagram::make(BlockPool& pool, std::size_t size) {
  std::uint8_t block = 0;
  void* memory = pool.take(sizeof(Datagram) + size, block);
  auto* datagram = ::new (memory) Datagram;
  datagram->block = block;
  datagram->size = static_cast<std::uint32_t>(size);
  return datagram;
}

}  // namespace vigil::sim

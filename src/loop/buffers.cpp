// Where receive buffers come from.
#include "vigil/loop/buffers.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace vigil {

Buffers::Buffers(std::size_t limit_bytes) noexcept
    : limit_(std::max<std::size_t>(limit_bytes / kBlock, 1)) {
  void* base = ::mmap(nullptr, limit_ * kBlock, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    limit_ = 0;
  } else {
    base_ = static_cast<std::byte*>(base);
  }
}

Buffers::~Buffers() {
  if (base_ != nullptr) {
    ::munmap(base_, limit_ * kBlock);
  }
}

std::byte* Buffers::grow() noexcept {
  if (made() == limit_) {
    return nullptr;
  }
  std::byte* block = base_ + kBlock * made();
  ++made_;
  return block + kHeader;
}

std::size_t Buffers::held() const noexcept {
  std::size_t free = 0;
  for (const Header* block = free_; block != nullptr; block = block->next) {
    ++free;
  }
  return made() - free;
}

}  // namespace vigil

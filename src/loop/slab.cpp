// Where frames come from when no ended one fits.
#include "vigil/loop/slab.hpp"

#include <new>

namespace vigil {

Slab::~Slab() {
  while (chunks_ != nullptr) {
    Chunk* next = chunks_->next;
    release(chunks_);
    chunks_ = next;
  }
}

void Slab::release(void* block) noexcept { ::operator delete(block); }

void* Slab::refill(std::size_t kind, std::size_t size) noexcept {
  void* block = nullptr;
  if (kind >= kKinds) {
    block = ::operator new(size, std::nothrow);
  } else {
    const std::size_t bytes = kind * kGrain;
    if (left_ < bytes) {
      auto* chunk = static_cast<Chunk*>(::operator new(kChunk, std::nothrow));
      if (chunk == nullptr) {
        --live_;
        return nullptr;
      }
      chunk->next = chunks_;
      chunks_ = chunk;
      bytes_ += kChunk;
      rest_ = reinterpret_cast<std::byte*>(chunk) + sizeof(Chunk);
      left_ = kChunk - sizeof(Chunk);
    }
    block = rest_;
    rest_ += bytes;
    left_ -= bytes;
  }
  if (block == nullptr) {
    --live_;
  }
  return block;
}

}  // namespace vigil

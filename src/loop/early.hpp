// Bytes of a stream that came before anybody asked for them here: received on another loop, before
// the stream was moved. A list through the headers of their buffers.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "vigil/base/bytes.hpp"
#include "vigil/loop/buffers.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil {

// What a receive buffer's header holds while its bytes are early.
struct Early {
  Early* next;
  std::uint32_t from;
  std::uint32_t to;

  std::byte* bytes() noexcept {
    return reinterpret_cast<std::byte*>(this) + Buffers::kHeader + from;
  }
};
static_assert(sizeof(Early) == Buffers::kHeader);

// The first of what is early goes to `op`, a receive or a read; there is some.
inline void hand_out_early(Buffers& buffers, Descriptor& descriptor, Op& op) noexcept {
  auto* piece = static_cast<Early*>(descriptor.early_first);
  const std::uint32_t size = piece->to - piece->from;
  if (op.code == Opcode::read && op.size < size) {
    std::memcpy(op.data, piece->bytes(), op.size);
    piece->from += op.size;
    op.result = static_cast<std::int32_t>(op.size);
    return;
  }
  descriptor.early_first = piece->next;
  --descriptor.early;
  op.result = static_cast<std::int32_t>(size);
  if (op.code == Opcode::read) {
    std::memcpy(op.data, piece->bytes(), size);
    buffers.give(piece->bytes());
  } else {
    op.data = piece->bytes();
  }
}

inline void drop_early(Buffers& buffers, Descriptor& descriptor) noexcept {
  for (; descriptor.early != 0; --descriptor.early) {
    auto* piece = static_cast<Early*>(descriptor.early_first);
    descriptor.early_first = piece->next;
    buffers.give(piece->bytes());
  }
}

// How many bytes of a stream are early.
inline std::uint64_t early_bytes(const Descriptor& descriptor) noexcept {
  std::uint64_t bytes = 0;
  auto* piece = static_cast<const Early*>(descriptor.early != 0 ? descriptor.early_first : nullptr);
  for (std::uint32_t i = 0; i != descriptor.early; ++i, piece = piece->next) {
    bytes += piece->to - piece->from;
  }
  return bytes;
}

// What is counted in a descriptor ends at twice as many; a ring adds a few.
inline constexpr std::uint16_t kMostEarly = 1u << 15;

// Puts copies of `bytes` behind what is early. 0 or -ENOBUFS: then the rest is not there.
inline std::int32_t keep_early(Buffers& buffers, Descriptor& descriptor, ByteView bytes) noexcept {
  while (!bytes.empty()) {
    std::byte* data = descriptor.early < kMostEarly ? buffers.take() : nullptr;
    if (data == nullptr) {
      return -ENOBUFS;
    }
    const auto size =
        static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), Buffers::kSize));
    std::memcpy(data, bytes.data(), size);
    auto* piece = ::new (data - Buffers::kHeader) Early{nullptr, 0, size};
    if (descriptor.early++ == 0) {
      descriptor.early_first = piece;
    } else {
      static_cast<Early*>(descriptor.early_last)->next = piece;
    }
    descriptor.early_last = piece;
    bytes = bytes.subspan(size);
  }
  return 0;
}

}  // namespace vigil

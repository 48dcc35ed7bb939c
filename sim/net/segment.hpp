// Segments of streams and datagrams: headers with their bytes behind them, from a pool that a world
// shares, so that a connection in use allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernel/clock.hpp"
#include "net/endpoint.hpp"

namespace vigil::sim {

// Blocks of four sizes; what was given back is used again, but for larger ones.
class BlockPool {
 public:
  static constexpr std::array<std::size_t, 4> kSizes = {256, 2304, 16640, 65792};

  BlockPool() noexcept = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // At least `bytes`; `kind` is for give().
  void* take(std::size_t bytes, std::uint8_t& kind);
  void give(void* block, std::uint8_t kind) noexcept;
  static std::size_t size(std::uint8_t kind, std::size_t asked) noexcept {
    return kind < kSizes.size() ? kSizes[kind] : asked;
  }

 private:
  struct Free {
    Free* next;
  };
  std::array<Free*, kSizes.size()> free_{};
};

struct Segment {
  enum class Kind : std::uint8_t {
    data,
    end,       // FIN
    open,      // SYN
    open_ack,  // SYN and ACK
    opened,    // the ACK that ends the handshake
    reset,     // RST
    probe,     // keep-alive
    probe_ack
  };
  static constexpr std::size_t kLargest = 65536;

  Segment* next = nullptr;
  Instant arrives{};
  std::uint32_t begin = 0;  // of the bytes not yet read
  std::uint32_t end = 0;
  std::uint32_t room = 0;  // where `end` may go
  Kind kind = Kind::data;
  std::uint8_t block = 0;
  bool lost = false;    // sent while the link was down
  bool urgent = false;  // its one byte is out of band

  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  std::uint32_t size() const noexcept { return end - begin; }

  static Segment* make(BlockPool& pool, Kind kind, std::size_t size);
  static void give(BlockPool& pool, Segment* segment) noexcept {
    pool.give(segment, segment->block);
  }
};

struct SegmentList {
  Segment* first = nullptr;
  Segment* last = nullptr;

  bool empty() const noexcept { return first == nullptr; }
  void push(Segment* segment) noexcept {
    segment->next = nullptr;
    (first == nullptr ? first : last->next) = segment;
    last = segment;
  }
  void push_front(Segment* segment) noexcept {
    segment->next = first;
    first = segment;
    if (last == nullptr) {
      last = segment;
    }
  }
  Segment* pop() noexcept {
    Segment* segment = first;
    first = segment->next;
    if (first == nullptr) {
      last = nullptr;
    }
    return segment;
  }
  void clear(BlockPool& pool) noexcept {
    while (!empty()) {
      Segment::give(pool, pop());
    }
  }
};

// A datagram on its way, or in a socket's queue.
struct Datagram : Alarm {
  static constexpr std::size_t kLargest = 65527;  // of UDP over IPv6

  Datagram* next = nullptr;
  Datagram* previous = nullptr;  // of those on their way
  class Wires* wires = nullptr;
  Endpoint from;
  Endpoint to;
  HostId source = 0;
  HostId target = 0;
  std::uint32_t size = 0;
  std::uint8_t block = 0;
  bool unreachable = false;  // it is the answer that nobody was there

  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }

  static Datagram* make(BlockPool& pool, std::size_t size);
  static void give(BlockPool& pool, Datagram* datagram) noexcept {
    pool.give(datagram, datagram->block);
  }
};

}  // namespace vigil::sim

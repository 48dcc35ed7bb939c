// What Acceptors has for each shard, and what all groups of sockets begin with.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "vigil/runtime/accept.hpp"

namespace vigil {

namespace detail {

// A group takes in whoever asks, another program of the same user too: so somebody asks alone
// first, and is gone before the group comes. Errors: address_in_use, and others of bind(2).
Result<> nobody_has(const Address& at, const ListenOptions& options) noexcept;

}  // namespace detail

// What a shard has of it. The handle is its own once it took it.
struct Acceptors::Place {
  detail::ListenerShare share;
  NativeHandle handle = kNoHandle;
  std::unique_ptr<ShardChannel<NativeHandle>> handed;
  Loop* loop = nullptr;
  // What the shard had before: its load is what came since.
  std::atomic<std::size_t> before{0};
  std::atomic<std::uint64_t> empty_before{0};
  std::uint64_t given = 0;  // by shard 0, which alone looks at it

  std::size_t live() const noexcept {
    const std::size_t now = loop->engine().attached();
    const std::size_t then = before.load(std::memory_order_relaxed);
    return now > then ? now - then : 0;
  }
};

}  // namespace vigil

// What Acceptors has for each shard.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "vigil/runtime/accept.hpp"

namespace vigil {

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

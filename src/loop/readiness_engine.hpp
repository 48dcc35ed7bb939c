// The readiness engine's parts: readiness adapted to completion, once, over any Selector. An
// operation is tried when its descriptor may be ready, parks on it otherwise, and is performed when
// the event comes, one at a time: its task runs before the next is performed, so that one warm
// buffer serves a whole batch.
//
//   readiness_engine.cpp       a batch of events, the hot path
//   readiness_operations.cpp   operations: started, parked, taken back, performed
//   readiness_descriptors.cpp  descriptors: attached, watched on demand, foreign, let go
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "loop/descriptor_table.hpp"
#include "loop/early.hpp"
#include "loop/engines.hpp"
#include "poll/selector.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {

class ReadinessEngine final : public Engine {
 public:
  ReadinessEngine(std::unique_ptr<Selector> selector, EngineParts parts) noexcept
      : selector_(std::move(selector)),
        syscalls_(parts.syscalls),
        buffers_(parts.buffers),
        level_(!selector_->traits().edge),
        traits_{.name = selector_->traits().name, .pollable = selector_->traits().pollable} {}

  const EngineTraits& traits() const noexcept override { return traits_; }
  Instant now() const noexcept override { return syscalls_.now(); }
  void wake() noexcept override { selector_->notify(); }
  NativeHandle handle() const noexcept override { return selector_->handle(); }
  Result<> drive(Loop& loop, Nanos at_most) noexcept override;

  Result<Descriptor*> attach(NativeHandle handle, Attach how,
                             std::source_location where) noexcept override;
  void detach(Descriptor& descriptor) noexcept override {
    if ((descriptor.ready & kForeign) != 0) {
      detach_foreign(descriptor);
    } else {
      syscalls_.close(leave(descriptor));
    }
  }
  NativeHandle release(Descriptor& descriptor) noexcept override {
    if ((descriptor.ready & kForeign) != 0) {
      const NativeHandle handle = descriptor.handle;
      detach_foreign(descriptor);
      return handle;
    }
    descriptor.ready |= kShared;  // stays open elsewhere, so the selector must let go of it
    return leave(descriptor);
  }
  bool submit(Op& op) noexcept override;
  void cancel(Op& op) noexcept override;
  std::int32_t put_early(Descriptor& descriptor, ByteView bytes) noexcept override {
    descriptor.ready |= kReadable;
    return keep_early(buffers_, descriptor, bytes);
  }
  bool ready() const noexcept override { return !starved_.empty() && buffers_.available(); }
  EngineLedger ledger() const noexcept override;
  std::uint64_t events() const noexcept override { return events_.get(); }
  std::uint64_t empty_accepts() const noexcept override { return empty_accepts_.get(); }
  std::size_t attached() const noexcept override { return table_.live(); }
  void abandon() noexcept override;

  void wait(Nanos at_most) noexcept;
  Op* next(Loop& loop) noexcept;

 private:
  static constexpr std::uint32_t kNoForeign = ~std::uint32_t{0};

  void detach_foreign(Descriptor& descriptor) noexcept {
    if (descriptor.context != 0) {
      --descriptor.context;  // another task still waits for this handle
      return;
    }
    forget_foreign(descriptor);
    leave(descriptor);
  }
  NativeHandle leave(Descriptor& descriptor) noexcept;
  Result<> change(Change::Action action, const Descriptor& descriptor, Trigger trigger,
                  std::uint32_t interest) noexcept;
  void watch_on_demand(Descriptor& descriptor, Op& op) noexcept;
  void settle_on_demand(Descriptor& descriptor) noexcept;
  Descriptor* find_foreign(NativeHandle handle) noexcept;
  void remember_foreign(Descriptor& descriptor) noexcept;
  void forget_foreign(const Descriptor& descriptor) noexcept;
  void end_vanished(Descriptor& descriptor) noexcept;
  void tell_interest() noexcept;

  static bool fall_asleep(Descriptor& descriptor, Op& sleepers) noexcept;
  bool read_now(Descriptor& descriptor, Op& op) noexcept;
  bool receive_now(Descriptor& descriptor, Op& op) noexcept;
  bool receive_into(std::byte* buffer, Descriptor& descriptor, Op& op) noexcept;
  bool write_now(Descriptor& descriptor, Op& op) noexcept;
  bool send_now(Descriptor& descriptor, Op& op) noexcept;

  Op* next_slow(Loop& loop) noexcept;
  Op* next_event() noexcept;
  Op* end_receive(Descriptor& descriptor, std::int32_t result) noexcept;
  Op* end_read(Descriptor& descriptor) noexcept;
  Op* end_write(Descriptor& descriptor) noexcept;
  Op* feed_starved() noexcept;

  std::unique_ptr<Selector> selector_;
  Syscalls& syscalls_;
  Buffers& buffers_;
  DescriptorTable table_;
  Event* cursor_ = nullptr;
  // Where next() leaves its quick way: the end of the batch; at once while receives wait for a
  // buffer (starved_ is not empty), so that no event takes one ahead of them.
  Event* quick_end_ = nullptr;
  Event* end_ = nullptr;
  WaitList starved_;  // receives that found no buffer, in order
  Tally events_;
  Tally empty_accepts_;
  std::uint32_t feed_ = 0;              // how many of them this batch may still serve
  std::uint32_t foreign_ = kNoForeign;  // the descriptors of foreign handles, by next_free
  const bool level_;
  EngineTraits traits_;
  std::array<Event, 256> room_;
};

}  // namespace vigil

// The engine on io_uring. Bytes of streams and connections of listeners come by multishot: armed
// once, and the kernel goes on by itself, with buffers of the loop's pool that it is offered. Sends
// are given to the kernel. Everything else waits for readiness on the ring, and is then performed
// by Syscalls, so that the kernel borrows no memory for it. One system call a turn submits what the
// turn wants and waits.
//
//   engine.cpp       a batch of completions, the hot path; waiting
//   streams.cpp      receiving, ahead and by need
//   sending.cpp      sending
//   sockets.cpp      accepting; what waits for readiness
//   descriptors.cpp  attached, closed, released; how a loop ends
//   files.cpp        file operations
//   ring.cpp, offer.cpp  the ring, and the buffers that it is offered
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "loop/descriptor_table.hpp"
#include "loop/early.hpp"
#include "loop/engines.hpp"
#include "loop/uring/offer.hpp"
#include "loop/uring/ring.hpp"
#include "loop/uring/status_room.hpp"
#include "loop/uring/tags.hpp"
#include "poll/notifier.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {

class UringEngine final : public Engine {
 public:
  explicit UringEngine(EngineParts parts) noexcept
      : syscalls_(parts.syscalls), buffers_(parts.buffers), offer_(parts.buffers) {}
  ~UringEngine() override;

  // Makes the ring. Errors: those of io_uring_setup(2) and of eventfd(2).
  Result<> open(uring::Sizes sizes) noexcept;

  const EngineTraits& traits() const noexcept override;
  Instant now() const noexcept override { return syscalls_.now(); }
  void wake() noexcept override { notifier_.post(); }
  NativeHandle handle() const noexcept override { return ring_.watched(); }
  Result<> drive(Loop& loop, Nanos at_most) noexcept override;

  Result<Descriptor*> attach(NativeHandle handle, Attach how,
                             std::source_location where) noexcept override;
  void detach(Descriptor& descriptor) noexcept override;
  NativeHandle release(Descriptor& descriptor) noexcept override;
  bool submit(Op& op) noexcept override;
  std::int32_t receive_at_hand(Descriptor& descriptor, std::byte*& data) noexcept override;
  std::int32_t take_accepted(Descriptor& descriptor) noexcept override;
  std::int32_t take_early(Descriptor& descriptor, std::byte*& data) noexcept override;
  std::int32_t put_early(Descriptor& descriptor, ByteView bytes) noexcept override;
  void cancel(Op& op) noexcept override;
  bool ready() const noexcept override {
    return ring_.ours() && (ring_.pending() != 0 || can_feed());
  }
  EngineLedger ledger() const noexcept override;
  std::uint64_t events() const noexcept override { return events_.get(); }
  std::size_t attached() const noexcept override { return table_.live(); }
  void abandon() noexcept override;

  void wait(Nanos at_most) noexcept;
  Op* next(Loop& loop) noexcept;

 private:
  // Pieces that a stream or listener may have early before its multishot is stopped; those that one
  // turn of the kernel brought at once are beside them.
  static constexpr std::uint32_t kEarlyBuffers = 4;
  static constexpr std::uint32_t kEarlyConnections = 16;
  static constexpr std::uint32_t kNoForeign = ~std::uint32_t{0};

  // engine.cpp
  bool can_feed() const noexcept { return !starved_.empty() && buffers_.available(); }
  Op* next_slow(Loop& loop) noexcept;
  Op* finish(const io_uring_cqe& end) noexcept;
  Op* take_one() noexcept;
  bool submit_other(Op& op) noexcept;
  Result<> refuse(Nanos at_most) noexcept;
  void watch_wakes() noexcept;
  void leave_quickly() noexcept {
    quick_end_ = starved_.empty() ? ring_.stretch(batch_end_) : ring_.cursor;
  }

  // streams.cpp
  bool start_receive(Descriptor& descriptor, Op& op) noexcept;
  bool fall_asleep(Descriptor& descriptor, Op& sleepers) noexcept;
  void arm_receive(Descriptor& descriptor) noexcept;
  Op* finish_receive(const io_uring_cqe& end) noexcept;
  Op* arrived(Descriptor& descriptor, std::byte* data, std::uint32_t size) noexcept;
  Op* end_reader(Descriptor& descriptor, std::int32_t result) noexcept;
  void keep(Descriptor& descriptor, std::byte* data, std::uint32_t from, std::uint32_t to) noexcept;
  void hand_out(Descriptor& descriptor, Op& op) noexcept;
  void hint(Descriptor& descriptor) noexcept;
  void drop_early(Descriptor& descriptor) noexcept;
  Op* without_buffer(Descriptor& descriptor) noexcept;
  void starve(Descriptor& descriptor, Op& op) noexcept;
  void leave_starved(Descriptor& descriptor, Op& op) noexcept;
  bool receive_into(std::byte* buffer, Descriptor& descriptor, Op& op) noexcept;
  Op* feed_starved() noexcept;

  // sending.cpp
  static void put_send(io_uring_sqe& entry, NativeHandle handle, const Op& op,
                       std::uint32_t flags) noexcept;
  void push_send(const Op& op) noexcept;
  Op* finish_send(Op& op, std::int32_t result) noexcept;
  uring::Tag send_tag(const Op& op) const noexcept;
  Op* finish_lent(Op& op, const io_uring_cqe& end) noexcept;
  void take_back(Op& op) noexcept;

  // sockets.cpp
  bool start_accept(Descriptor& descriptor, Op& op) noexcept;
  NativeHandle take_first(Descriptor& listener) noexcept;
  void arm_accept(Descriptor& descriptor) noexcept;
  Op* finish_accept(const io_uring_cqe& end) noexcept;
  void connected(Descriptor& listener, std::int32_t handle) noexcept;
  void tell_peer(const Op& op, std::int32_t handle) noexcept;
  bool start_polled(Descriptor& descriptor, Op& op) noexcept;
  bool perform(Descriptor& descriptor, Op& op) noexcept;
  void push_poll(Op& op) noexcept;
  Op* finish_polled(Op& op, std::int32_t result) noexcept;
  Op* end_polled(Op& op, std::int32_t result) noexcept;

  // descriptors.cpp
  Result<> watchable(NativeHandle handle) noexcept;
  void forget_foreign(const Descriptor& descriptor) noexcept;
  void end_vanished(NativeHandle handle) noexcept;
  void stop(Descriptor& descriptor) noexcept;
  void settle(Descriptor& descriptor) noexcept;
  void close_by_ring(Descriptor& descriptor) noexcept;
  void push_cancel(std::uint64_t user_data, std::uint32_t flags) noexcept;
  void check_free(const Descriptor& descriptor) const noexcept;
  bool holds_operations() const noexcept;

  // files.cpp
  bool submit_file(Op& op) noexcept;
  void push_file(Op& op) noexcept;
  void put_status(io_uring_sqe& entry, const Op& op) noexcept;
  void keep_status(const Op& op, std::int32_t result) noexcept;
  Op* finish_file(Op& op, std::int32_t result) noexcept;
  Op* end_file(Op& op, std::int32_t result) noexcept;
  Op* leave_to_lane(Op& op) noexcept;

  uring::Ring ring_;
  // Where next() leaves its quick way: where the batch ends, or goes on at the queue's begin; at
  // once while receives wait for a buffer (starved_ is not empty), so that no other takes one ahead
  // of them.
  const io_uring_cqe* quick_end_ = nullptr;
  unsigned batch_end_ = 0;
  Tally events_;
  Syscalls& syscalls_;
  Buffers& buffers_;
  DescriptorTable table_;
  uring::Offer offer_;
  WaitList starved_;        // receives that found no buffer, in order
  std::uint32_t feed_ = 0;  // how many of them this batch may still serve
  std::size_t early_ = 0;   // buffers that hold bytes nobody asked for yet
  Notifier notifier_;
  NativeHandle epoll_ = kNoHandle;      // asked what can be watched; nothing is ever in it
  std::size_t files_ = 0;               // operations on files that the kernel holds
  uring::StatusRoom statuses_;          // of which these look at one
  std::uint32_t foreign_ = kNoForeign;  // the descriptors of foreign handles, by next_free
  bool refused_ = false;                // a forked child was told to make a loop of its own
  bool receives_ahead_ = false;         // multishot receives, from a ring of buffers
  bool accepts_ahead_ = false;
  bool lends_ = false;   // sends without a copy
  bool closes_ = false;  // else close(2) does, once the multishot has ended
};

[[gnu::always_inline]] inline void UringEngine::put_send(io_uring_sqe& entry, NativeHandle handle,
                                                         const Op& op,
                                                         std::uint32_t flags) noexcept {
  // All of the entry is written: zeroes only where nothing follows.
  constexpr std::size_t kAddress = offsetof(io_uring_sqe, addr);
  constexpr std::size_t kRest = offsetof(io_uring_sqe, user_data) + sizeof entry.user_data;
  static_assert(offsetof(io_uring_sqe, user_data) == kAddress + 16);
  auto* bytes = reinterpret_cast<std::byte*>(&entry);
  std::memset(bytes, 0, kAddress);
  std::memset(bytes + kRest, 0, sizeof entry - kRest);
  entry.opcode = IORING_OP_SEND;
  entry.fd = handle;
  entry.addr = reinterpret_cast<std::uint64_t>(op.data);
  entry.len = op.size;
  entry.msg_flags = flags;
  entry.user_data = uring::name_of(op, uring::Tag::send);
}

// Errors: the kernel's reason why there is no ring.
Result<std::unique_ptr<Engine>> make_uring_engine(EngineParts parts);
// The same, with queues of these sizes.
Result<std::unique_ptr<Engine>> make_uring_engine(EngineParts parts, uring::Sizes sizes);

}  // namespace vigil

// CompletionEngine: an engine as over a completion queue. Operations stay with the kernel, which
// tells each one's end later, in an order of its own, and may win against a cancel.
//
//   completion.cpp             the queue of ends, and the descriptors
//   completion_operations.cpp  operations: given to the kernel, tried, taken back
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "faces/seat.hpp"
#include "loop/descriptor_table.hpp"
#include "loop/early.hpp"
#include "loop/engines.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::sim {

class CompletionEngine final : public Engine {
 public:
  CompletionEngine(Seat& seat, EngineParts parts) noexcept;
  ~CompletionEngine() override;

  const EngineTraits& traits() const noexcept override;
  Instant now() const noexcept override { return seat_.kernel().clock().now(); }
  Result<Descriptor*> attach(NativeHandle handle, Attach how,
                             std::source_location where) noexcept override;
  void detach(Descriptor& descriptor) noexcept override;
  NativeHandle release(Descriptor& descriptor) noexcept override;
  bool submit(Op& op) noexcept override;
  std::int32_t put_early(Descriptor& descriptor, ByteView bytes) noexcept override {
    return keep_early(buffers_, descriptor, bytes);
  }
  void cancel(Op& op) noexcept override;
  Result<> drive(Loop& loop, Nanos at_most) noexcept override;
  bool ready() const noexcept override;
  void wake() noexcept override;
  NativeHandle handle() const noexcept override { return kNoHandle; }
  EngineLedger ledger() const noexcept override;
  std::uint64_t events() const noexcept override { return events_.get(); }
  std::size_t attached() const noexcept override { return table_.live(); }
  void abandon() noexcept override;

  void wait(Nanos at_most) noexcept;
  Op* next(Loop& loop) noexcept;

 private:
  // One direction of a descriptor: the operation that the kernel has, if any.
  struct Side : Alarm {
    CompletionEngine* engine = nullptr;
    Op* op = nullptr;
    bool ended = false;    // its end waits in the queue: nothing changes it any more
    bool starved = false;  // a receive that waits for a buffer
  };
  // What the kernel has of a descriptor, beside it.
  struct Held : Waiter {
    CompletionEngine* engine = nullptr;
    std::uint32_t index = 0;
    Side reader;
    Side writer;
    bool shared = false;   // of several that wait for connections, one is woken
    bool stirred = false;  // in stirred_
    bool rousing = false;  // the word that wakes who hibernates is in the queue
    Instant last_end{};    // ends of one descriptor come in order
  };
  // An end in the queue. Without an operation: the answer to a cancel, which nobody waits for; or
  // what wakes a stream that hibernates.
  struct End {
    Op* op;
    Slot slot;
    Instant due;
    bool rouses = false;
  };
  struct Delay : Alarm {
    Seat* seat = nullptr;
  };

  static bool stir(Waiter& waiter, std::uint32_t bits) noexcept;
  static void cancel_late(Alarm& alarm) noexcept;
  Held* hold(Descriptor& descriptor, File* file, Attach how) noexcept;
  NativeHandle leave(Descriptor& descriptor) noexcept;
  Held& held(const Op& op) noexcept { return *held_[op.on->index]; }
  Side& side(const Op& op) noexcept {
    return waits_for_writing(op.code) ? held(op).writer : held(op).reader;
  }

  static Op*& parked(const Op& op) noexcept;
  void settle() noexcept;
  void attempt(Side& side) noexcept;
  bool fall_asleep(Op& sleepers) noexcept;
  void rouse(Held& held) noexcept;
  bool readable(const Descriptor& descriptor) const noexcept;
  bool perform(Side& side) noexcept;
  bool receive(Side& side) noexcept;
  void end(Side& side, std::int32_t result) noexcept;
  void enqueue(End end) noexcept;
  void forget(Side& side) noexcept;
  bool due() const noexcept;

  Seat& seat_;
  Syscalls& syscalls_;
  Buffers& buffers_;
  DescriptorTable table_;
  std::vector<std::unique_ptr<Held>> held_;  // by descriptor
  std::vector<std::uint32_t> stirred_;       // something came for them
  WaitList starved_;
  // The queue: by time, with room for the ends of all descriptors, so that none waits for memory.
  std::vector<End> ends_;
  std::size_t told_ = 0;  // the first of them were told in this drive
  Counter events_;
  std::size_t batch_ = 0;    // up to here they are due in it
  std::size_t answers_ = 0;  // of those that wait, without an operation
  Delay delay_;
  bool notified_ = false;
  bool first_in_line_ = false;  // the receive that is tried waited longest for a buffer
};

}  // namespace vigil::sim

// Seam 3: operations in, completions out. An engine hides whether the kernel reports readiness or
// completion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string_view>

#include "vigil/base/bytes.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/op.hpp"

namespace vigil {

class Loop;

struct EngineTraits {
  std::string_view name;
  bool pollable;  // handle() works: the loop can live inside a foreign one
};

// What an engine holds, counted by walking its tables: no descriptors and no operations when
// nothing is left behind.
struct EngineLedger {
  std::size_t descriptors;
  std::size_t operations;
  std::size_t offered = 0;  // buffers that the kernel may fill: the engine's, and nobody holds one
};

// Used on the loop's thread alone, but for wake(). An operation that submit() took ends exactly
// once: next() of the engine hands it to the loop, or it is deferred there by cancel(). Engines
// never call user code.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual const EngineTraits& traits() const noexcept = 0;
  virtual Instant now() const noexcept = 0;

  // Takes `handle` over (but for Attach::foreign) and returns its descriptor, stable until
  // detach(). On an error the handle stays the caller's. Errors: EPERM (cannot be watched), EEXIST,
  // EBADF, EMFILE, ENOMEM, ENOSPC. `where` is told to who uses it on another loop.
  virtual Result<Descriptor*> attach(
      NativeHandle handle, Attach how,
      std::source_location where = std::source_location::current()) noexcept = 0;

  // Ends the descriptor and closes its handle once the kernel holds nothing of it; no operation may
  // be in flight.
  virtual void detach(Descriptor& descriptor) noexcept = 0;

  // As detach(), but hands the open handle back instead of closing it.
  virtual NativeHandle release(Descriptor& descriptor) noexcept = 0;

  // True: in flight. False: finished, `result` is set.
  virtual bool submit(Op& op) noexcept = 0;

  // What a stream that nobody reads has at hand, without waiting: the count of its bytes, in a
  // buffer of the loop's pool that is the caller's; 0 at the end; -EAGAIN if nothing is there,
  // -ENOBUFS if no buffer is.
  virtual std::int32_t receive_at_hand(Descriptor& descriptor, std::byte*& data) noexcept;

  // What came for a stream that nobody reads and that nobody took, piece by piece, without asking
  // the kernel; nothing comes any more until it is asked again: the count of a piece's bytes, in a
  // buffer of the loop's pool that is the caller's; 0: that was all; -errno, which the kernel tells
  // once.
  virtual std::int32_t take_early(Descriptor& descriptor, std::byte*& data) noexcept;
  // Bytes that came on another loop, which the next who reads is given before those of the kernel.
  // 0 or -ENOBUFS.
  virtual std::int32_t put_early(Descriptor& descriptor, ByteView bytes) noexcept = 0;

  // A connection that was accepted ahead of who asks: its handle, the caller's; or -EAGAIN. No more
  // are accepted so until the next accept. Nobody waits for one of this listener meanwhile.
  virtual std::int32_t take_accepted(Descriptor& descriptor) noexcept;

  // Asks an operation in flight to end early, with -ECANCELED; it still ends once, through the
  // loop, and a result that exists already stands. Resumes nobody.
  virtual void cancel(Op& op) noexcept = 0;

  // Waits, takes one batch, and resumes its operations through Loop::drain. Errors: Errc::forked.
  virtual Result<> drive(Loop& loop, Nanos at_most) noexcept = 0;

  // Whether drive() should be called at once, without a word from the kernel: a receive waits for a
  // buffer, and one came back since; what was submitted is handed over by it.
  virtual bool ready() const noexcept = 0;

  virtual void wake() noexcept = 0;  // ends the current or next wait; any thread; coalesced
  virtual NativeHandle handle() const noexcept = 0;
  virtual EngineLedger ledger() const noexcept = 0;
  // Any thread: how many handles are attached now, a moment ago.
  virtual std::size_t attached() const noexcept = 0;
  // Any thread: what the kernel told so far, events or completions.
  virtual std::uint64_t events() const noexcept = 0;
  // Any thread: events of listeners that found no connection to accept, so far.
  virtual std::uint64_t empty_accepts() const noexcept { return 0; }

  // For Loop::abandon(): forgets every operation in flight, without ending it, and gives back the
  // buffers that it lent to them. Descriptors stay until detach().
  virtual void abandon() noexcept = 0;
};

}  // namespace vigil

// Sleepers: streams that hibernate. Such a stream has no task, no frame and no buffer: it is its
// descriptor alone, 64 bytes. Whoever owns the Sleepers is told when bytes, the end or an error
// come.
//
// All that sleep share one operation, which stands in their descriptors as the reader. An engine
// that finds it there wakes the stream instead of reading, and hands that operation to the loop,
// which starts what `begin` does for the stream at once: nothing is queued, and nobody recurses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vigil/base/counters.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/node.hpp"
#include "vigil/loop/timer.hpp"

namespace vigil {

// Used on its loop's thread. What sleeps in it is its own: its destructor closes them.
class Sleepers final : public Node {
 public:
  // Called by the loop, as it resumes a task.
  class Owner {
   public:
    // A stream woke, and is the owner's now. Something is there for who receives, or will be soon.
    virtual void begin(Descriptor& woken) noexcept = 0;
    // One slept for the whole limit, and was closed.
    virtual void expired() noexcept = 0;
    // One was closed before it began, for whatever reason: also each that expired.
    virtual void closed() noexcept {}

   protected:
    ~Owner() = default;
  };

  // `limit`: who sleeps so long is closed, never early; zero: nobody is. `asleep` counts those that
  // sleep, beside others' perhaps.
  Sleepers(Owner& owner, Counter& asleep, Nanos limit) noexcept;
  ~Sleepers();
  Sleepers(const Sleepers&) = delete;
  Sleepers& operator=(const Sleepers&) = delete;

  // Takes over a stream that nobody waits on. False: something is there for it already, and it
  // stays the caller's: who receives now does not wait. `idle_since`: when it fell idle, by the
  // loop's clock; it should not lie before that of those that sleep.
  bool sleep(Descriptor& stream, Instant idle_since) noexcept;

  // Closes those that have slept since before `idle_since`, the oldest first. Who has bytes that
  // were only not looked at yet is woken instead. Looks at `most` at most; whether that was all.
  bool close_idle(Instant idle_since, std::size_t most) noexcept;

  // Closes all of them, whatever came for them.
  void clear() noexcept;

  // From now on, for those that sleep, too.
  void set_limit(Nanos limit) noexcept;

  // How many sleep, or woke and have not begun yet: an engine may have to tell of that later.
  std::size_t size() const noexcept { return size_; }
  // Whether the one with this handle sleeps here. It looks at all.
  bool holds(NativeHandle handle) const noexcept;

  // ---- For engines ----

  // Something came: the stream sleeps no more. The result is to be handed to the loop as an
  // operation that ended; outside of a batch, of which next() is the way, defer() is called.
  Op& wake(Descriptor& stream) noexcept;
  void defer() noexcept;

  // The Sleepers that an operation is, or null.
  static Sleepers* of(Op& op) noexcept {
    return op.complete == &Sleepers::run ? static_cast<Sleepers*>(&op) : nullptr;
  }
  // Of a descriptor that is asleep.
  static Sleepers& of(const Descriptor& asleep) noexcept {
    return *static_cast<Sleepers*>(asleep.reader);
  }

 private:
  struct Limit : Timer {
    Sleepers* of = nullptr;
  };
  // Goes through the loop's queue, and may be there when the Sleepers is no more: its own owner
  // then.
  struct Word;

  static void run(Op& op);
  static void run_word(Op& op);
  static void expire(Timer& timer) noexcept;
  void begin_all() noexcept;
  void append(Descriptor& stream, Instant idle_since) noexcept;
  void leave(Descriptor& stream) noexcept;
  void uncount() noexcept;
  void close(Descriptor& stream) noexcept;
  Descriptor& next_woken() noexcept;
  void close_or_wake(Descriptor& stream) noexcept;
  void watch() noexcept;

  Owner& owner_;
  Counter& asleep_;
  Descriptor* oldest_ = nullptr;
  Descriptor* newest_ = nullptr;
  Descriptor* woken_ = nullptr;  // linked by `writer`
  Word* word_ = nullptr;
  std::size_t size_ = 0;
  Nanos limit_;
  Limit timer_;
};

}  // namespace vigil

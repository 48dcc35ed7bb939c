// Poller: waits for many sources at once, on epoll, poll or select alike. Usable alone: readiness
// only, no policy, no callbacks, no threads. docs/semantics.md states in numbered clauses what
// every backend keeps and what may differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <span>
#include <string_view>
#include <vector>

#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/poll/event.hpp"
#include "vigil/poll/poller_error.hpp"
#include "vigil/poll/source.hpp"

namespace vigil {

// A source that was added. It is never given out twice: a token of a removed source is recognised,
// not mistaken.
using Token = Slot;

// Whether a Poller looks for mistakes of edge-triggered programs: a descriptor that blocks, and one
// whose edge was told but that still holds bytes when the program waits (it would stall). Costs
// system calls at each wait.
enum class Audit : std::uint8_t {
  from_environment,
  off,
  on
};  // from_environment: on if VIGIL_AUDIT is set, not to 0

struct PollerOptions {
  // A name of Poller::backends(); empty takes the first that works here.
  std::string_view backend{};
  Audit audit = Audit::from_environment;
  // Called with each finding, a whole sentence that names where the source was added. Empty: to
  // standard error. It runs inside wait() and add(), on their thread, and must not call the Poller.
  std::function<void(std::string_view sentence)> audit_sink{};
};

// One line of a batch for Poller::apply().
struct PollerChange {
  enum class Action : std::uint8_t { add, modify, remove };
  Action action = Action::add;
  Source source{};          // add, modify
  Token token{};            // modify, remove: whose; add: filled in
  std::error_code error{};  // filled in: this change's own outcome
};

// Every member is for one thread at a time, but notify() and post(). Nothing throws, but that
// backends() may run out of memory. A moved-from Poller may only be destroyed or assigned to. After
// fork(2) a Poller belongs to the parent: the child may only destroy it, and every call in the
// child fails with PollerErrc::forked.
class Poller {
 public:
  // Fails with PollerErrc::unknown_backend, or with what the system says (too_many_files_open,
  // not_enough_memory).
  [[nodiscard]] static Result<Poller> create(PollerOptions options = {});

  // The names of the backends, in order of preference.
  static std::vector<std::string_view> backends();

  Poller(Poller&& other) noexcept;
  Poller& operator=(Poller&& other) noexcept;
  // Descriptors that were added stay open; what the Poller opened itself (timers, ...) is closed,
  // and signals that it blocked are unblocked.
  ~Poller();

  // Watches `source` from now on. What is ready already is told by the next wait. Errors: see
  // PollerErrc; also no_such_process and no_such_file_or_directory for a process and a path that do
  // not exist.
  Result<Token> add(const Source& source,
                    std::source_location where = std::source_location::current()) noexcept;

  // Changes trigger, interest, times and cookie of a source, and arms it: what is ready is told
  // again. The kind and what is watched stay. A timer starts anew.
  Result<> modify(Token token, const Source& source,
                  std::source_location where = std::source_location::current()) noexcept;

  // Arms a one-shot source again, as it was.
  Result<> rearm(Token token) noexcept;

  // Ends a source. Remove a descriptor BEFORE closing it: a duplicate of it (dup(2), fork(2)) would
  // keep it reporting. Events of it that an earlier wait delivered are still in your room: ask
  // is_current() if one handler may remove another's source. The source is gone even if an error
  // tells that the descriptor was closed already.
  Result<> remove(Token token) noexcept;

  // remove(), then closes the descriptor: the right order in one call.
  Result<> close(Token token) noexcept;

  // Carries out all of `changes` in order. A change that fails is skipped, its `error` set; returns
  // the first error.
  Result<> apply(std::span<PollerChange> changes,
                 std::source_location where = std::source_location::current()) noexcept;

  // Waits until a source reports, and returns the filled front of `room`: at most one event a
  // source, 256 a call. `at_most` is rounded up to what the system can (zero: does not block;
  // kForever: no limit). An empty result means that the time is up, or notify() was called, or a
  // signal handler ran, or that what came was of no concern any more: look at the clock before you
  // say that time is up. Keep the result in a variable while you iterate over it.
  // Errors: invalid_argument for an empty room.
  [[nodiscard]] Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept;

  // Says that `directions` (kReadable, kWritable, kPriority) of an edge-triggered descriptor were
  // used until they would block: a call failed with EAGAIN, or a stream gave or took less than it
  // was offered. Costs nothing where edges are native. Elsewhere a direction is told once and then
  // waits for this word; without it, it is told no more.
  void would_block(Token token, std::uint32_t directions) noexcept {
    if (needs_word_) [[unlikely]] {
      told_to_block(token, directions);
    }
  }

  // Whether the source of an event is still there. Only needed within a batch, after removing
  // others' sources.
  [[nodiscard]] bool is_current(Token token) const noexcept;

  // Ends the current or the next wait. Any thread. Several before that wait returns count as one.
  void notify() noexcept;

  // Posts to a user source. Any thread, as long as the Poller lives. Fails with
  // PollerErrc::unknown_source.
  Result<> post(Token token) noexcept;

  std::string_view backend() const noexcept;
  // Whether the backend tells edges by itself, so that would_block() has nothing to do.
  bool native_edge() const noexcept;
  // Readable when events wait, so that a Poller can be watched by another one or live in a foreign
  // loop; kNoHandle if the backend has no such thing (poll, select).
  NativeHandle handle() const noexcept;
  // The number of sources.
  std::size_t size() const noexcept;
  // Events that came for sources that were gone, and were dropped. If it grows steadily, a
  // descriptor was closed without remove() while a duplicate of it is open.
  std::uint64_t stale_events() const noexcept;

 private:
  class Core;
  explicit Poller(std::unique_ptr<Core> core) noexcept;
  void told_to_block(Token token, std::uint32_t directions) noexcept;

  std::unique_ptr<Core> core_;
  bool needs_word_ = false;
};

}  // namespace vigil

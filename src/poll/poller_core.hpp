// The inside of a Poller: the table of sources over one Selector, the kinds that the selector
// lacks, and the triggers that it emulates. poller.cpp adds and changes sources, poller_wait.cpp
// delivers their events.
#pragma once

#include <memory>
#include <new>
#include <unordered_map>
#include <vector>

#include "poll/audit.hpp"
#include "poll/fork_mark.hpp"
#include "poll/lower.hpp"
#include "poll/post_box.hpp"
#include "poll/selector.hpp"
#include "poll/source_table.hpp"
#include "vigil/poll/poller.hpp"

namespace vigil {

[[gnu::cold]] inline std::unexpected<std::error_code> refuse(PollerErrc code) noexcept {
  return std::unexpected(make_error_code(code));
}

template <class F>
Result<> allocating(F body) noexcept {
  try {
    body();
  } catch (const std::bad_alloc&) {
    return error(std::errc::not_enough_memory);
  }
  return {};
}

inline bool one_shot(Trigger trigger) noexcept {
  return trigger == Trigger::oneshot || trigger == Trigger::edge_oneshot;
}

inline bool edge(Trigger trigger) noexcept {
  return trigger == Trigger::edge || trigger == Trigger::edge_oneshot;
}

// The end of a stream is read like its bytes: where edges are emulated, it is armed and told with
// them.
inline std::uint32_t with_its_end(std::uint32_t directions) noexcept {
  return (directions & kReadable) != 0 ? directions | kPeerClosed : directions;
}

class Poller::Core {
 public:
  Core(std::unique_ptr<Selector> selector, std::unique_ptr<Auditor> audit) noexcept;
  ~Core();

  Result<Token> add(const Source& source, std::source_location where) noexcept;
  Result<> modify(Token token, const Source& source, std::source_location where) noexcept;
  Result<> rearm(Token token) noexcept;
  Result<> remove(Token token) noexcept;
  Result<> close(Token token) noexcept;
  Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept;
  void would_block(Token token, std::uint32_t directions) noexcept;
  bool is_current(Token token) noexcept { return table_.find(token) != nullptr; }
  void notify() noexcept;
  Result<> post(Token token) noexcept;

  const Selector& selector() const noexcept { return *selector_; }
  const SelectorTraits& traits() const noexcept { return traits_; }
  std::size_t size() const noexcept { return table_.size() - (queue_slot_.generation != 0); }
  std::uint64_t stale_events() const noexcept { return stale_; }

 private:
  static constexpr std::uint32_t kAbsent = ~std::uint32_t{0};

  // What the kinds that are no descriptors keep beside their entry.
  struct Own {
    Source source;              // without its path
    bool unblocks = false;      // signal: was not blocked before
    bool spent = false;         // process: has ended
    bool disarmed = false;      // vnode: one-shot, told
    int watch = -1;             // vnode: in the queue; -1: ended by itself
    std::uint32_t changes = 0;  // vnode: to be told
  };

  Result<Token> add_descriptor(const Source& source, std::source_location where) noexcept;
  Result<Token> add_own(const Source& source) noexcept;
  Result<NativeHandle> open_own(Slot slot, Own& own, std::string_view path) noexcept;
  Result<> open_queue() noexcept;
  Result<> watch_path(Slot slot, Own& own, std::string_view path) noexcept;
  void close_own(Slot slot, const SourceEntry& entry) noexcept;
  void unwatch_path(Slot slot, const Own& own) noexcept;
  Result<> modify_descriptor(Slot slot, SourceEntry& entry, const Source& source,
                             std::source_location where) noexcept;
  Result<> modify_own(Slot slot, SourceEntry& entry, const Source& source) noexcept;
  void arm_own(Slot slot, SourceEntry& entry, bool armed) noexcept;
  void retire(Slot slot) noexcept;
  // A handle was given out by the system: a source that still stands under its number was closed
  // without remove().
  void number_given_out(NativeHandle handle) noexcept;

  // Hands a change, or an entry's state, to the selector; errors are those of a Poller.
  Result<> hand_over(const Change& change) noexcept;
  Result<> tell_selector(Change::Action action, Slot slot, const SourceEntry& entry) noexcept;
  void set_armed(Slot slot, SourceEntry& entry, std::uint32_t directions) noexcept;
  bool emulated(Trigger trigger) const noexcept;
  void classify(SourceEntry& entry) noexcept;

  Result<std::span<Event>> wait_attended(std::span<Event> room, Nanos at_most) noexcept;
  std::size_t sift(std::span<Event> room, std::span<Event> got, Event* first) noexcept;
  bool keep_descriptor(Event& event, SourceEntry& entry) noexcept;
  bool take_own(Event& event, SourceEntry& entry) noexcept;
  void take_vnode_changes() noexcept;
  void note_change(Slot slot, Own& own, std::uint32_t changes) noexcept;
  std::size_t emit(std::span<Event> room) noexcept;
  void attend_to_rest() noexcept;

  std::unique_ptr<Selector> selector_;
  const SelectorTraits& traits_;
  SourceTable table_;
  std::unique_ptr<Auditor> audit_;
  ForkMark mark_;
  bool attended_;  // a wait has more to do than to ask the selector: audit, or events that found no
                   // room
  std::uint64_t stale_ = 0;
  std::vector<std::uint32_t>
      by_handle_;  // the slot index of each descriptor that was added, or kAbsent
  std::unordered_map<std::uint32_t, Own> owns_;  // by slot index
  PostBox posts_;
  lower::VnodeQueue queue_;
  Slot queue_slot_{};  // under which the selector watches the queue; generation 0: not yet
  std::unordered_multimap<int, Slot> watches_;
  std::vector<Slot> changed_;  // vnode sources with changes to be told, oldest first
};

}  // namespace vigil

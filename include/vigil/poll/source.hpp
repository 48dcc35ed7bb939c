// Source: what a Poller can watch. One description for every kind, made by the function named for
// the kind.
#pragma once

#include <cstdint>
#include <string_view>

#include "vigil/base/handle.hpp"
#include "vigil/base/time.hpp"
#include "vigil/poll/event.hpp"

namespace vigil {

// What happened to a file or directory: what a vnode source asks for, and the `data` of its events.
// inotify(7).
enum VnodeChange : std::uint32_t {
  kContentChanged = 0x01,  // written to, or truncated
  kAttributesChanged =
      0x02,  // mode, owner, times, number of links (so also: a name of it was removed)
  kDeleted =
      0x04,       // its last name is gone and nobody has it open, or its file system was unmounted
  kMoved = 0x08,  // renamed or moved
  kEntryAdded = 0x10,    // directory: an entry was created in it or moved into it
  kEntryRemoved = 0x20,  // directory: an entry was deleted or moved away
  kWriteClosed = 0x40,   // a writer closed it: the content is whole
  kChangesMissed =
      0x80,  // the system's queue overflowed: look again. Always reported, never asked for
  kAnyChange = 0x7f
};

// Whether a process source collects the child that ended, as waitpid(2) does. A child that is left
// stays a zombie until its parent waits for it.
enum class Reap : bool { no, yes };

// A description only: it owns nothing, and a Poller copies what it needs. Set `cookie` (and
// `trigger`, `exclusive` where they apply) by hand or with the functions at the end.
struct Source {
  Kind kind = Kind::descriptor;

  // How often it reports. The kinds other than descriptor report each occurrence once: for them
  // `level` and `edge` are the same, and `oneshot` disarms after the first occurrence.
  Trigger trigger = Trigger::level;

  // descriptor: of several Pollers (threads, processes) that wait for the same descriptor, wakes
  // one or a few rather than all. Saves work only: every waiter must expect to find nothing. A
  // backend without it wakes all. Level or edge only, no kPeerClosed, and no modify()
  // (epoll_ctl(2), EPOLLEXCLUSIVE).
  bool exclusive = false;

  Reap reap = Reap::yes;  // process
  NativeHandle handle =
      kNoHandle;  // descriptor: borrowed; it stays open, and its number its own, until remove()
  std::uint32_t interest = 0;  // descriptor: Ready bits, 0 pauses; vnode: VnodeChange bits
  int number = 0;              // signal: which; process: the pid
  bool absolute = false;       // timer: `first` counts from the start of the monotonic clock
  Nanos first{0};              // timer: until it fires first; kForever: never
  Nanos period{0};             // timer: between the following ones; zero: fires once
  std::string_view path{};     // vnode: read during add() only
  std::uint64_t cookie = 0;    // given back in each event; yours

  // A socket, pipe, terminal or any other file that can be waited for. The descriptor is borrowed.
  static constexpr Source descriptor(NativeHandle handle, std::uint32_t interest,
                                     Trigger trigger = Trigger::level) noexcept {
    Source source;
    source.handle = handle;
    source.interest = interest;
    source.trigger = trigger;
    return source;
  }

  // Fires `first` from now, and then every `period` unless that is zero. Never early, at any
  // length. Expirations that nobody waited for are added up in `data`.
  static constexpr Source timer(Nanos first, Nanos period = Nanos::zero()) noexcept {
    Source source;
    source.kind = Kind::timer;
    source.first = first;
    source.period = period;
    return source;
  }

  // The same at a point of the monotonic clock; at once if that has passed.
  static constexpr Source timer_at(Instant first, Nanos period = Nanos::zero()) noexcept {
    Source source = timer(first.time_since_epoch(), period);
    source.absolute = true;
    return source;
  }

  // A signal of this process, as an event in place of a handler. While it is added the signal is
  // blocked in the calling thread; block it in the other threads too (start them later, and they
  // inherit it), or the kernel may pick one of them and act as by default. Standard signals that
  // arrive together count once (signal(7)).
  static constexpr Source signal(int number) noexcept {
    Source source;
    source.kind = Kind::signal;
    source.number = number;
    return source;
  }

  // The end of a process. `data` is its exit status as waitpid(2) gives it, or -1 if it is not a
  // child of this process (or somebody else waited for it). One event; then the source is spent,
  // and waits for remove().
  static constexpr Source process(int pid, Reap reap = Reap::yes) noexcept {
    Source source;
    source.kind = Kind::process;
    source.number = pid;
    source.reap = reap;
    return source;
  }

  // Changes of a file or directory, by path. Changes between two waits are one event, their bits
  // together in `data`.
  static constexpr Source vnode(std::string_view path,
                                std::uint32_t changes = kAnyChange) noexcept {
    Source source;
    source.kind = Kind::vnode;
    source.path = path;
    source.interest = changes;
    return source;
  }

  // Posted by the program, from any thread (Poller::post). Posts between two waits are one event;
  // `data` counts them.
  static constexpr Source user() noexcept {
    Source source;
    source.kind = Kind::user;
    return source;
  }

  [[nodiscard]] constexpr Source with_cookie(std::uint64_t yours) const noexcept {
    Source source = *this;
    source.cookie = yours;
    return source;
  }
  [[nodiscard]] constexpr Source with_trigger(Trigger how) const noexcept {
    Source source = *this;
    source.trigger = how;
    return source;
  }
  [[nodiscard]] constexpr Source shared_exclusively() const noexcept {
    Source source = *this;
    source.exclusive = true;
    return source;
  }
};

}  // namespace vigil

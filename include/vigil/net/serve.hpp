// serve: accepts streams and runs a task for each, until it is told to drain.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/net/shortage.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil {

// Tells servers to end: no connection is let in any more, those that are there have until the
// limit. Those that the system had let in already, and nobody had accepted yet, are among them:
// accepting goes on until none has come for 50 ms. One may serve several listeners. Used on its
// loop's thread.
class Drain {
 public:
  // What is told when draining begins; it leaves by itself.
  class Watcher {
   public:
    Watcher(Drain& drain, void (*begin)(Watcher&) noexcept) noexcept;
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

   private:
    friend class Drain;
    Watcher* next_;
    Watcher** place_;
    void (*begin_)(Watcher&) noexcept;
  };

  // `limit`: how long connections may go on after begin(); then they are cancelled.
  explicit Drain(Nanos limit) noexcept : limit_(limit) {}
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

  void begin() noexcept;  // idempotent
  // The same where another process or loop accepts from the listeners' sockets from now on: these
  // stay as they are, who comes waits for it, and here nobody else is accepted.
  void begin_elsewhere() noexcept;
  bool begun() const noexcept { return begun_; }
  bool goes_on_elsewhere() const noexcept { return elsewhere_; }
  // When begin() was called, and when the connections' time is over; kNever before it.
  Instant began() const noexcept { return began_; }
  Instant deadline() const noexcept { return deadline_; }

 private:
  Nanos limit_;
  Instant began_ = kNever;
  Instant deadline_ = kNever;
  bool begun_ = false;
  bool elsewhere_ = false;
  Watcher* watchers_ = nullptr;
};

// What a server did so far.
struct ServeFigures {
  std::uint64_t accepted = 0;
  std::uint64_t shed = 0;       // refused, because `max_connections` were there
  std::uint64_t exhausted = 0;  // times that accepting had to wait for descriptors or memory
  std::uint64_t refused = 0;    // connections, for want of descriptors (Shortage)
  std::uint64_t failures = 0;   // connections whose task ended with an exception, which was logged
  std::uint64_t cut_off = 0;    // connections that had not ended at the drain's limit
  std::uint64_t timed_out = 0;  // serve_turns: closed, because they hibernated for `idle_timeout`
  std::size_t live = 0;         // now; of serve_turns: those that have a turn
  std::size_t asleep = 0;       // of serve_turns: those that hibernate now
};

struct ServeOptions {
  std::size_t max_connections = 0;  // more are closed at once; 0: as many as descriptors allow
  Drain* drain = nullptr;           // null: serves until its scope is cancelled
  ServeFigures* figures = nullptr;  // filled as it goes
  // While draining, a handler that waits in receive() or read() is told the end, as if its peer had
  // ended: for protocols in which a connection that waits is idle. (http::Server knows better.)
  bool end_idle = false;
  // serve_turns: a connection that hibernates so long is closed. Never early; zero: no limit.
  Nanos idle_timeout{};
  Shortage shortage = {};
};

namespace detail {

class TurnServer;

inline constexpr Nanos kAcceptPause = std::chrono::milliseconds(100);

// The last that accepting does when draining begins: no connection is let in any more, and those
// that were already (and may have sent a request) are accepted until none has come for a moment.
class LastCall : public Drain::Watcher {
 public:
  LastCall(Drain& drain, TcpListener& listener, Scope& accepting) noexcept
      : Watcher(drain, [](Watcher& w) noexcept { static_cast<LastCall&>(w).begin(); }),
        drain_(drain),
        listener_(listener),
        accepting_(accepting) {
    if (drain.begun()) {
      begin();
    }
  }
  // One more came; or waits, and is asked for again after `pause`.
  void came(Nanos pause = {}) noexcept {
    if (last_ != kNever && listener_.has_socket()) {
      const Instant quiet = after(Loop::current()->engine().now(), pause + kQuiet);
      accepting_.set_deadline(std::min(last_, quiet));
    }
  }

 private:
  static constexpr Nanos kQuiet = std::chrono::milliseconds(50);
  static constexpr Nanos kLongest = std::chrono::seconds(2);

  // Where another shard accepts, that one ends it.
  void begin() noexcept {
    if (drain_.goes_on_elsewhere() && listener_.has_socket()) {
      accepting_.set_deadline(Loop::current()->engine().now());
      return;
    }
    static_cast<void>(listener_.refuse());
    last_ = after(Loop::current()->engine().now(), kLongest);
    accepting_.set_deadline(last_);
    came();
  }

  const Drain& drain_;
  TcpListener& listener_;
  Scope& accepting_;
  Instant last_ = kNever;
};

// Whether an accept that failed so can succeed later: the connection waits in the backlog
// meanwhile.
bool passes(const std::error_code& failure) noexcept;

// Waits until the connections have ended, those too that hibernate among `turns`, if there are any;
// or the drain's limit cancels them.
Task<> drain_connections(Scope& connections, const ServeOptions& options, ServeFigures& figures,
                         TurnServer* turns);

// The same as below for connections that hibernate between their turns (net/serve_turns.hpp).
void attend(Scope& connections, TcpStream accepted, const ServeOptions& options,
            ServeFigures& figures, TurnServer* turns);

template <class F, class... A>
void attend(Scope& connections, TcpStream accepted, const ServeOptions& options,
            ServeFigures& figures, F handler, A... args) {
  ++figures.accepted;
  const bool full = options.max_connections != 0 && connections.live() >= options.max_connections;
  // Or there is no memory for its frame.
  if (full || !connections.spawn_isolated(handler, std::move(accepted), std::move(args)...)) {
    ++figures.shed;
  }
  figures.live = connections.live();
}

template <class F, class... A>
Task<Result<>> accept_all(Scope& connections, TcpListener& listener, LastCall* last,
                          ServeOptions& options, ServeFigures& figures, F handler, A... args) {
  Reserve reserve(listener, options.shortage, figures);
  for (;;) {
    auto accepted = co_await listener.accept();
    if (last != nullptr) {
      last->came(accepted ? Nanos::zero() : kAcceptPause);
    }
    figures.live = connections.live();
    figures.failures = connections.failures();
    if (!accepted) {
      if (!passes(accepted.error())) {
        co_return std::unexpected(accepted.error());
      }
      reserve.ran_out(accepted.error());
      co_await sleep_for(kAcceptPause);
      reserve.refill();
      continue;
    }
    attend(connections, std::move(*accepted), options, figures, handler, args...);
  }
}

template <class F, class... A>
Task<Result<>> accept_until_drain(Scope& accepting, Scope& connections, TcpListener& listener,
                                  ServeOptions& options, ServeFigures& figures, F handler,
                                  A... args) {
  if (options.drain != nullptr) {
    LastCall last(*options.drain, listener, accepting);
    co_return co_await accept_all(connections, listener, &last, options, figures, handler, args...);
  }
  LastCall* const none = nullptr;
  co_return co_await accept_all(connections, listener, none, options, figures, handler, args...);
}

template <class F, class... A>
Task<Result<>> serve_in(Scope& connections, TcpListener& listener, ServeOptions& options,
                        ServeFigures& figures, F handler, A... args) {
  auto accepting = scoped(
      [](Scope& scope, Scope* outer, TcpListener* from, ServeOptions* how, ServeFigures* count,
         F each, A... with) -> Task<Result<>> {
        return accept_until_drain(scope, *outer, *from, *how, *count, each, with...);
      },
      &connections, &listener, &options, &figures, handler, args...);
  Result<> result = co_await std::move(accepting);
  if (options.drain != nullptr && options.drain->begun()) {
    while (options.drain->goes_on_elsewhere()) {
      auto ahead = listener.take_accepted();
      if (!ahead) {
        break;
      }
      attend(connections, std::move(*ahead), options, figures, handler, args...);
    }
    listener.close();  // who comes now is refused, and does not wait in a backlog for nobody
    TurnServer* turns = nullptr;
    if constexpr (std::is_same_v<F, TurnServer*>) {
      turns = handler;
    }
    auto draining = drain_connections(connections, options, figures, turns);
    co_await std::move(draining);
    result = Result<>{};
  } else if (!result && result.error() == std::errc::broken_pipe && !listener.has_socket()) {
    result = Result<>{};  // who accepts for this shard has been told to end before it was
  } else if (!result) {
    connections.cancel();
  }
  co_return std::move(result);
}

}  // namespace detail

// Runs `handler(stream, args...)`, a Task<>, for each connection that `listener` accepts; returns
// when all have ended after a drain, or with the error that stopped it (operation_canceled if its
// scope was cancelled). Out of descriptors or memory it waits a moment and goes on, see Shortage.
// An exception that leaves a handler is logged and counted, and closes that connection alone. The
// listener must outlive it.
template <TaskBody F, class... A>
Task<Result<>> serve(TcpListener& listener, ServeOptions options, F handler, A... args) {
  ServeFigures own;
  ServeFigures& figures = options.figures != nullptr ? *options.figures : own;
  auto whole = scoped(
      [](Scope& scope, TcpListener* from, ServeOptions* how, ServeFigures* count, F each, A... with)
          -> Task<Result<>> { return detail::serve_in(scope, *from, *how, *count, each, with...); },
      &listener, &options, &figures, handler, args...);
  co_return co_await std::move(whole);
}

}  // namespace vigil

// serve_turns: a server whose connections hibernate. Between its turns a connection is 64 bytes in
// the loop's table: it has no task, no frame and no buffer.
#pragma once

#include <cstdint>
#include <tuple>
#include <utility>

#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/loop/sleepers.hpp"
#include "vigil/net/serve.hpp"

namespace vigil {

// How a turn ends.
enum class After : std::uint8_t {
  close,     // the connection is over
  hibernate  // it rests until something comes for it, and then has its next turn
};

namespace detail {

// What a server of turns has for its connections. They sleep here; who wakes is begun in the scope
// of the connections, which `connections` tells while it is served.
class TurnServer : public Sleepers::Owner {
 public:
  TurnServer(Counter& asleep, Nanos idle_timeout) noexcept
      : sleepers(*this, asleep, idle_timeout) {}
  virtual ~TurnServer() = default;
  TurnServer(const TurnServer&) = delete;
  TurnServer& operator=(const TurnServer&) = delete;

  // A connection was accepted, and nothing came for it yet.
  virtual void arrive(TcpStream accepted) noexcept = 0;
  // The drain has begun, and nobody is accepted any more: ends who hibernates and need not be
  // waited for. Called again until nobody is left.
  virtual void end_idle() noexcept = 0;

  // Falls asleep. False: something is there for it already, and it is the caller's still. Once all
  // has ended, it is closed instead.
  bool sleep(TcpStream& stream, Instant since) noexcept;
  // Closes who hibernates, and who would from now on.
  void end() noexcept;

  Scope* connections = nullptr;
  Sleepers sleepers;

 private:
  bool ended_ = false;
};

// Accepts from `listener` into `turns`, until the drain or an error; see serve().
Task<Result<>> serve_into(TcpListener& listener, ServeOptions& options, ServeFigures& figures,
                          TurnServer& turns);

// Of serve_turns: all but the turn itself.
class PlainTurns : public TurnServer {
 public:
  PlainTurns(const ServeOptions& options, ServeFigures& figures) noexcept
      : TurnServer(asleep_, options.idle_timeout), figures_(figures) {}

  void arrive(TcpStream accepted) noexcept override;
  void end_idle() noexcept override;
  void expired() noexcept override;
  // Whether it sleeps: else its next turn is due.
  bool rest(TcpStream& stream) noexcept;

 protected:
  void count() noexcept {
    figures_.live = connections->live();
    figures_.asleep = sleepers.size();
  }
  // There was no memory for its task.
  void give_up(TcpStream stream) noexcept;

 private:
  Counter asleep_;
  ServeFigures& figures_;
};

template <class F, class... A>
class Turns final : public PlainTurns {
 public:
  Turns(const ServeOptions& options, ServeFigures& figures, F turn, A... args)
      : PlainTurns(options, figures), turn_(turn), args_(std::move(args)...) {}

  void begin(Descriptor& woken) noexcept override {
    if (!connections->spawn_isolated(&Turns::take_turns, &woken, this)) {
      give_up(TcpStream(&woken));
    }
    count();
  }

 private:
  // One frame for the turns of a connection that follow each other without a rest. Others go first
  // in between.
  static Task<> take_turns(Descriptor* woken, Turns* self) {
    TcpStream stream(woken);
    for (;;) {
      auto turn = std::apply([&](const A&... with) { return self->turn_(stream, A(with)...); },
                             self->args_);
      const After next = co_await std::move(turn);
      if (next == After::close || !stream.is_open() || self->rest(stream)) {
        co_return;
      }
      co_await yield();
      if (self->connections->cancelled()) {
        co_return;
      }
    }
  }

  F turn_;
  std::tuple<A...> args_;
};

}  // namespace detail

// As serve(), for protocols in which a connection rests between its turns: runs
// `turn(stream, args...)`, a Task<After>, whenever something came for one: bytes, the end or an
// error, which the turn is told by its first receive(). It answers what came, and says what is
// next. After::hibernate frees its frame; what must be kept for the connection fits into
// TcpStream::context(). A connection that was accepted hibernates until its first bytes.
//
// The stream stays the server's: a turn that wants to keep the connection beyond its end moves it
// out (TcpStream is movable), and what it returns does not matter then. A turn that leaves bytes
// unread is followed by the next one at once.
//
// Once the drain has begun, a connection that hibernates is closed, unless it has bytes that wait
// for a turn; turns have until the limit. `figures` count connections that hibernate apart. The
// arguments are copied for each turn.
template <TaskBody F, class... A>
Task<Result<>> serve_turns(TcpListener& listener, ServeOptions options, F turn, A... args) {
  ServeFigures own;
  ServeFigures& figures = options.figures != nullptr ? *options.figures : own;
  detail::Turns<F, A...> turns(options, figures, turn, std::move(args)...);
  auto whole = detail::serve_into(listener, options, figures, turns);
  co_return co_await std::move(whole);
}

}  // namespace vigil

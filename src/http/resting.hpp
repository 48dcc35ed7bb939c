// Connections that rest: they hibernate, without a task, a Session or a Work.
#pragma once

#include <algorithm>

#include "http/session.hpp"
#include "vigil/net/serve_turns.hpp"

namespace vigil::http {

// Those that one serve() accepted.
class Resting final : public vigil::detail::TurnServer {
 public:
  // `limit`: of those that come here, null if there is none.
  Resting(Session::ServerState& state, ConnectionLimit* limit) noexcept
      : TurnServer(state.figures.asleep, limit_of(state.options)),
        next(state.resting),
        state_(state),
        limit_(limit) {
    state.resting = this;
  }
  ~Resting() override;

  static Nanos limit_of(const ServerOptions& options) noexcept {
    return std::max(options.limits.idle_time, Nanos(1));
  }

  // A connection that has been idle for some time falls asleep, and its place among those that were
  // let in goes with it. False: its next request is here.
  bool take(Session& session) noexcept;

  void arrive(TcpStream accepted) noexcept override;
  void begin(Descriptor& woken) noexcept override;
  void expired() noexcept override { ++state_.figures.timed_out; }
  void closed() noexcept override {
    ++closed_asleep;
    let_out();
  }
  // The server's last call sees to them, which knows how long each has rested. A drain of this
  // listener alone ends none of them.
  void end_idle() noexcept override {}

  // A connection comes: whether there is room for it. It is let out once, when its Session ends or
  // when it is closed asleep.
  bool let_in() noexcept;
  void let_out() noexcept;

  Resting* next;
  std::uint64_t closed_asleep = 0;  // that did not wake

 private:
  void turn_away(TcpStream accepted, SessionRun::Lack lack) noexcept;
  bool rest(TcpStream& stream, Instant since) noexcept;

  Session::ServerState& state_;
  ConnectionLimit* limit_;
};

}  // namespace vigil::http

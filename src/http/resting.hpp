// Connections that rest: they hibernate, without a task, a Session or a Work.
#pragma once

#include <algorithm>

#include "http/session.hpp"
#include "vigil/net/serve_turns.hpp"

namespace vigil::http {

// Those that one serve() accepted.
class Resting final : public vigil::detail::TurnServer {
 public:
  explicit Resting(Session::ServerState& state) noexcept
      : TurnServer(state.figures.asleep, limit_of(state.options)),
        next(state.resting),
        state_(state) {
    state.resting = this;
  }
  ~Resting() override;

  static Nanos limit_of(const ServerOptions& options) noexcept {
    return std::max(options.limits.idle_time, Nanos(1));
  }

  // A connection that has been idle for some time falls asleep. False: its next request is here.
  bool take(Session& session) noexcept;

  void arrive(TcpStream accepted) noexcept override;
  void begin(Descriptor& woken) noexcept override;
  void expired() noexcept override { ++state_.figures.timed_out; }
  // The server's last call sees to them, which knows how long each has rested. A drain of this
  // listener alone ends none of them.
  void end_idle() noexcept override {}

  Resting* next;

 private:
  bool rest(TcpStream& stream, Instant since) noexcept;

  Session::ServerState& state_;
};

}  // namespace vigil::http

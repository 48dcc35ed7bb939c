// How a connection comes to rest, and what begins when it wakes.
#include "http/resting.hpp"

#include <utility>

namespace vigil::http {

Resting::~Resting() {
  Resting** link = &state_.resting;
  while (*link != this) {
    link = &(*link)->next;
  }
  *link = next;
}

void Resting::arrive(TcpStream accepted) noexcept {
  const std::size_t most = state_.options.limits.connections;
  if (most != 0 && state_.figures.connections.get() + state_.figures.asleep.get() >= most) {
    static_cast<void>(
        connections->spawn_isolated(&SessionRun::turn_away, std::move(accepted), &state_));
  } else if (!rest(accepted, Loop::current()->now())) {
    begin(*accepted.take_descriptor());
  }
}

// Where there is no memory for its task it is closed.
void Resting::begin(Descriptor& woken) noexcept {
  static_cast<void>(
      connections->spawn_isolated(&SessionRun::connection, TcpStream(&woken), &state_, this));
}

bool Resting::take(Session& session) noexcept {
  session.expired = false;
  return rest(session.stream, state_.when_of(session.since));
}

bool Resting::rest(TcpStream& stream, Instant since) noexcept {
  if (state_.draining()) {
    state_.arm_last_call();
  }
  return sleep(stream, since);
}

}  // namespace vigil::http

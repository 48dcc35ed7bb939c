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
  if (!state_.memory.admits()) {
    turn_away(std::move(accepted), SessionRun::Lack::memory);
  } else if (!let_in()) {
    turn_away(std::move(accepted), SessionRun::Lack::connections);
  } else if (!rest(accepted, Loop::current()->now())) {
    begin(*accepted.take_descriptor());
  }
}

void Resting::turn_away(TcpStream accepted, SessionRun::Lack lack) noexcept {
  static_cast<void>(
      connections->spawn_isolated(&SessionRun::turn_away, std::move(accepted), &state_, lack));
}

// Where there is no memory for its task it is closed.
void Resting::begin(Descriptor& woken) noexcept {
  if (!connections->spawn_isolated(&SessionRun::connection, TcpStream(&woken), &state_, this)) {
    let_out();
  }
}

bool Resting::let_in() noexcept {
  if (!state_.let_in()) {
    return false;
  }
  if (limit_ != nullptr && !limit_->enter()) {
    state_.let_out();
    return false;
  }
  return true;
}

void Resting::let_out() noexcept {
  state_.let_out();
  if (limit_ != nullptr) {
    limit_->leave();
  }
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

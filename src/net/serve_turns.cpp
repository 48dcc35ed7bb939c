// Serving connections that hibernate: letting them in, draining.
#include "vigil/net/serve_turns.hpp"

#include <utility>

namespace vigil::detail {
namespace {

constexpr std::size_t kEndedAtOnce = 256;

}  // namespace

void attend(Scope& connections, TcpStream accepted, const ServeOptions& options,
            ServeFigures& figures, TurnServer* turns) {
  ++figures.accepted;
  const std::size_t there = connections.live() + turns->sleepers.size();
  if (options.max_connections != 0 && there >= options.max_connections) {
    ++figures.shed;
  } else {
    turns->arrive(std::move(accepted));
  }
  figures.live = connections.live();
  figures.asleep = turns->sleepers.size();
}

namespace {

// Nobody wakes when the connections' scope is about to be over.
class UntilHere {
 public:
  explicit UntilHere(TurnServer& turns) noexcept : turns_(turns) {}
  ~UntilHere() { turns_.end(); }
  UntilHere(const UntilHere&) = delete;
  UntilHere& operator=(const UntilHere&) = delete;

 private:
  TurnServer& turns_;
};

Task<Result<>> accept_turns(Scope& scope, TcpListener* from, ServeOptions* how, ServeFigures* count,
                            TurnServer* into) {
  into->connections = &scope;
  const UntilHere until(*into);
  auto serving = serve_in(scope, *from, *how, *count, into);
  co_return co_await std::move(serving);
}

}  // namespace

Task<Result<>> serve_into(TcpListener& listener, ServeOptions& options, ServeFigures& figures,
                          TurnServer& turns) {
  auto whole = scoped(&accept_turns, &listener, &options, &figures, &turns);
  co_return co_await std::move(whole);
}

bool TurnServer::sleep(TcpStream& stream, Instant since) noexcept {
  if (ended_) {
    stream.close();
    closed();
    return true;
  }
  if (!sleepers.sleep(*stream.descriptor(), since)) {
    return false;
  }
  static_cast<void>(stream.take_descriptor());
  return true;
}

void TurnServer::end() noexcept {
  ended_ = true;
  sleepers.clear();
}

// ---- PlainTurns ----

void PlainTurns::arrive(TcpStream accepted) noexcept {
  if (!rest(accepted)) {
    begin(*accepted.take_descriptor());
  }
}

bool PlainTurns::rest(TcpStream& stream) noexcept {
  const bool sleeps = sleep(stream, Loop::current()->now());
  figures_.asleep = sleepers.size();
  return sleeps;
}

void PlainTurns::end_idle() noexcept {
  static_cast<void>(sleepers.close_idle(kNever, kEndedAtOnce));
}

void PlainTurns::expired() noexcept {
  ++figures_.timed_out;
  figures_.asleep = sleepers.size();
}

void PlainTurns::give_up(TcpStream stream) noexcept {
  stream.close();
  ++figures_.shed;
}

}  // namespace vigil::detail

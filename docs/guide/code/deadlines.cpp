// Deadlines and cancel: who ends when, and what is left behind.
#include <chrono>
#include <cstdio>
#include <string>

#include "vigil/vigil.hpp"

using namespace std::chrono_literals;
using vigil::Result;
using vigil::Scope;
using vigil::Task;

Task<Result<std::string>> ask(vigil::TcpStream* server) {
  if (auto sent = co_await server->send(vigil::as_bytes("question\n")); !sent) {
    co_return std::unexpected(sent.error());
  }
  auto answer = co_await server->receive();
  if (!answer) {
    co_return std::unexpected(answer.error());
  }
  co_return std::string(vigil::as_text(answer->bytes()));
}

Task<> ask_but_not_for_ever(vigil::TcpStream* server) {
  auto asking = vigil::timeout(50ms, ask(server));
  const auto answer = co_await std::move(asking);
  if (answer) {
    std::printf("answer: %s", answer->c_str());
  } else if (answer.error() == std::errc::timed_out) {
    std::printf("no answer in 50 ms\n");
  } else {
    std::printf("failed: %s\n", vigil::reason(answer.error()).c_str());
  }
}

Task<Result<>> slow_step() { co_return co_await vigil::sleep_for(1h); }

Task<Result<>> careful_step() {
  // Its own limit is a minute; the one around it comes first and counts.
  auto step = vigil::timeout(1min, slow_step());
  co_return co_await std::move(step);
}

Task<> inherit_a_deadline() {
  auto whole = vigil::timeout(20ms, careful_step());
  const Result<> result = co_await std::move(whole);
  std::printf("the outer deadline: %s\n",
              !result && result.error() == std::errc::timed_out ? "timed out" : "did not count");
}

Task<> worker(int number, int* ended) {
  const Result<> slept = co_await vigil::sleep_for(1h);
  if (!slept && slept.error() == std::errc::operation_canceled) {
    *ended += number;
  }
}

Task<> run_workers(Scope& scope, int* ended) {
  for (int number = 1; number <= 3; ++number) {
    static_cast<void>(scope.spawn(worker, number, ended));
  }
  static_cast<void>(co_await vigil::sleep_for(5ms));
  scope.cancel();
}

Task<> cancel_a_group() {
  int ended = 0;
  auto whole = vigil::scoped(run_workers, &ended);
  co_await std::move(whole);  // returns when all three have ended
  std::printf("workers that were told to end, and did: %d\n", ended == 6 ? 3 : 0);
}

Task<Result<>> say_goodbye(vigil::TcpStream* peer) {
  co_return co_await peer->send(vigil::as_bytes("goodbye\n"));
}

Task<> polite(vigil::TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) co_return;
  }
  // Cancelled: every wait would end at once, but this one is let through, for a second.
  auto last = vigil::shielded(1s, say_goodbye(&peer));
  static_cast<void>(co_await std::move(last));
}

Task<> mute(vigil::TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) break;
  }
}

// A server that never answers, and one that says goodbye when it is cancelled.
Task<Result<>> show(Scope& servers) {
  auto quiet = vigil::TcpListener::listen(vigil::Address::loopback(0));
  auto courteous = vigil::TcpListener::listen(vigil::Address::loopback(0));
  if (!quiet || !courteous) {
    co_return vigil::error(std::errc::address_not_available);
  }
  auto connecting = vigil::TcpStream::connect(*quiet->local_address());
  auto to_quiet = co_await std::move(connecting);
  auto again = vigil::TcpStream::connect(*courteous->local_address());
  auto to_courteous = co_await std::move(again);
  auto at_quiet = co_await quiet->accept();
  auto at_courteous = co_await courteous->accept();
  if (!to_quiet || !to_courteous || !at_quiet || !at_courteous) {
    co_return vigil::error(std::errc::connection_refused);
  }
  static_cast<void>(servers.spawn(mute, std::move(*at_quiet)));
  static_cast<void>(servers.spawn(polite, std::move(*at_courteous)));

  auto asking = ask_but_not_for_ever(&*to_quiet);
  co_await std::move(asking);
  co_await inherit_a_deadline();
  co_await cancel_a_group();

  servers.cancel();
  auto listening = vigil::shielded(1s, ask(&*to_courteous));
  const auto heard = co_await std::move(listening);
  std::printf("the cancelled server said: %s", heard ? heard->c_str() : "nothing\n");
  co_return Result<>{};
}

Task<Result<>> everything() {
  auto whole = vigil::scoped(show);
  co_return co_await std::move(whole);
}

int main() { return vigil::run(everything); }

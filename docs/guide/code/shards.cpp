// All cores: a server with a loop for each processor, and words between them.
#include <atomic>
#include <chrono>
#include <cstdio>

#include "vigil/vigil.hpp"

using vigil::Result;
using vigil::Task;

Task<> echo(vigil::TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) {
      break;
    }
    if (!co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

int serve_on_all_cores() {
  vigil::ProgramOptions options;
  options.shards = 0;  // one for each processor that this process may use
  options.pin = true;
  options.accept = vigil::AcceptStrategy::reuseport;
  return vigil::serve("127.0.0.1:7000", options, echo);
}

Task<Result<>> serve_here(vigil::ServerShard& here) {
  // What this shard alone uses stands in this frame: a cache, a pool, an http::Server.
  auto serving = vigil::serve(here.listener, {.drain = &here.drain, .end_idle = true}, echo);
  co_return co_await std::move(serving);
}

int serve_with_frames() { return vigil::run_server("127.0.0.1:7000", {.shards = 2}, serve_here); }

Task<vigil::After> answer(vigil::TcpStream& peer) {
  auto bytes = co_await peer.receive();
  if (!bytes || bytes->empty() || !co_await peer.send(bytes->bytes())) {
    co_return vigil::After::close;
  }
  ++peer.context();  // four bytes that stay
  co_return vigil::After::hibernate;
}

int serve_those_who_rest() {
  vigil::ProgramOptions options;
  options.idle_timeout = std::chrono::minutes(10);
  return vigil::serve_turns("127.0.0.1:7000", options, answer);
}

Task<int> count_primes(int from, int to) {
  int found = 0;
  for (int number = from; number < to; ++number) {
    int divisor = 2;
    while (divisor * divisor <= number && number % divisor != 0) {
      ++divisor;
    }
    found += number > 1 && divisor * divisor > number ? 1 : 0;
  }
  co_return found;
}

Task<Result<>> call_each_other(vigil::Shards& shards) {
  auto there = shards.run_on(1, count_primes, 0, 10'000);
  const Result<int> primes = co_await std::move(there);
  if (!primes) {
    co_return std::unexpected(primes.error());
  }
  std::printf("shard 1 found %d primes\n", *primes);

  auto everywhere =
      shards.gather([](vigil::Shards* all) -> Task<unsigned> { co_return all->here(); }, &shards);
  const auto numbers = co_await std::move(everywhere);
  for (const Result<unsigned>& number : numbers) {
    std::printf("shard %u answered\n", number.value());
  }
  co_return Result<>{};
}

Task<int> calls() {
  auto set = vigil::with_shards({.count = 2}, call_each_other);
  const Result<> done = co_await std::move(set);
  co_return done ? 0 : 1;
}

int main(int argc, char**) {
  switch (argc) {
    case 2:
      return serve_on_all_cores();
    case 3:
      return serve_with_frames();
    case 4:
      return serve_those_who_rest();
    default:
      return vigil::run(calls);
  }
}

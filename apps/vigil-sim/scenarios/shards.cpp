// Shards: a server on several loops of one program. What a client sends goes to another shard and
// back before it is its answer; shards are picked by the seed, and so is the way to accept.
#include <algorithm>
#include <vector>

#include "scenarios/rows.hpp"
#include "scenarios/support.hpp"

namespace vigil::scenarios {
namespace {

constexpr const char* kAnywhere = "0.0.0.0:7000";
constexpr unsigned kShards = 3;

using Bytes = std::vector<std::byte>;

// On another shard, which has better things to do first.
Task<Bytes> carried(Bytes bytes, unsigned shard, Shards* shards) {
  Books::must(shards->here() == shard, "a call ran on another shard than it was sent to");
  co_await yield();
  co_return std::move(bytes);
}

Task<> attend(TcpStream peer, Shards* shards) {
  unsigned turn = shards->here();
  for (;;) {
    auto lease = co_await peer.receive();
    if (!lease || lease->empty()) {
      co_return;
    }
    const unsigned there = ++turn % shards->size();
    auto call = shards->run_on(there, &carried, Bytes(lease->bytes().begin(), lease->bytes().end()),
                               there, shards);
    const Result<Bytes> back = co_await std::move(call);
    if (!back) {
      co_return;  // no memory there, or the end of the program
    }
    if (!co_await peer.send(*back)) {
      co_return;
    }
  }
}

Task<Result<>> serve_shard(ServerShard& here) {
  auto serving =
      serve(here.listener, {.drain = &here.drain, .end_idle = true}, &attend, &here.shards);
  co_return co_await std::move(serving);
}

template <AcceptStrategy kStrategy>
Task<int> server() {
  ProgramOptions options = server_options("shards");
  options.shards = kShards;
  options.mailbox = 4;
  options.accept = kStrategy;
  return server_program(kAnywhere, std::move(options), serve_shard);
}

constexpr Scenario kRows[] = {
    {"shards", "an echo by way of another shard, on three of them; each has a socket",
     [](Run& run) { play_echo(run, &server<AcceptStrategy::reuseport>); }},
    {"shards-exclusive", "the same with one socket for all",
     [](Run& run) { play_echo(run, &server<AcceptStrategy::exclusive>); }},
    {"shards-handoff", "the same, and one shard hands the connections out",
     [](Run& run) { play_echo(run, &server<AcceptStrategy::handoff>); }},
};

}  // namespace

std::span<const Scenario> shard_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios

// Echo: what a client sends comes back. Many connections, payloads of all sizes, time to think.
#include <algorithm>
#include <vector>

#include "scenarios/rows.hpp"
#include "scenarios/support.hpp"
#include "world/core.hpp"

namespace vigil::scenarios {
namespace {

constexpr std::uint16_t kPort = 7000;
constexpr const char* kAnywhere = "0.0.0.0:7000";

struct Shape {
  std::uint64_t hosts = 3;        // of clients
  std::uint64_t connections = 4;  // of each
  std::uint64_t requests = 100;   // of each
  std::size_t largest = 9000;     // bytes of a payload
  Nanos pause = std::chrono::seconds(10);
  bool half_close = false;  // a connection a request, whose end is told by shutdown
  bool aborts = false;      // some connections are reset in the middle
};

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) {
      break;
    }
    if (!co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

// Sizes are mostly small, sometimes of several segments, sometimes of several buffers.
std::size_t size_of(sim::Random& random, std::size_t largest) {
  const std::uint64_t kind = random.below(8);
  const std::size_t limit = kind < 5   ? std::min<std::size_t>(largest, 300)
                            : kind < 7 ? std::min<std::size_t>(largest, 5000)
                                       : largest;
  return 1 + random.below(limit);
}

// Sends and receives at the same time: more than the buffers of both ends hold would wait for
// itself otherwise. Nothing: all came back.
Task<Result<std::size_t>> exchange(Scope& scope, TcpStream* stream, const Payload* payload,
                                   const std::vector<std::byte>* bytes, bool half_close,
                                   Result<>* sent) {
  if (auto spawned = scope.spawn(
          [](TcpStream* to, ByteView all, Result<>* outcome, bool half) -> Task<> {
            *outcome = co_await to->send(all);
            if (*outcome && half) {
              *outcome = to->shutdown(Direction::write);
            }
          },
          stream, ByteView(*bytes), sent, half_close);
      !spawned) {
    co_return std::unexpected(spawned.error());
  }
  std::size_t got = 0;
  while (got < bytes->size() || half_close) {
    auto piece = co_await stream->receive();
    if (!piece) {
      scope.cancel();
      co_return std::unexpected(piece.error());
    }
    if (piece->empty()) {
      break;
    }
    Books::must(got + piece->bytes().size() <= bytes->size(), "more came back than was sent");
    if (!payload->matches(piece->bytes(), got)) {
      Books::wrong("an echo differs from what was sent, within " +
                   std::to_string(piece->bytes().size()) + " bytes from " + std::to_string(got));
    }
    got += piece->bytes().size();
  }
  co_return got;
}

// One request on `stream`. False: the connection is of no use any more.
Task<bool> ask(TcpStream* stream, std::uint64_t connection, std::uint64_t request, std::size_t size,
               bool half_close, Books* books) {
  const Payload payload(connection, request);
  std::vector<std::byte> bytes(size);
  payload.fill(bytes);
  Result<> sent{};
  auto both = scoped(exchange, stream, &payload, static_cast<const std::vector<std::byte>*>(&bytes),
                     half_close, &sent);
  auto limited = timeout(std::chrono::seconds(60), std::move(both));
  const Result<std::size_t> got = co_await std::move(limited);
  if (!got) {
    books->failed(got.error(), "an echo");
  } else if (*got < size) {
    books->ended("an echo");
  } else {
    books->answered();
    co_return !half_close;
  }
  co_return false;
}

Task<> client(Address server, Shape shape, std::uint64_t connection, std::uint64_t seed,
              std::uint64_t* done, Books* books) {
  sim::Random random(seed + *done, "echo client");
  unsigned tries = 0;
  while (*done < shape.requests) {
    auto connecting = TcpStream::connect(server);
    auto limited = timeout(std::chrono::seconds(30), std::move(connecting));
    auto stream = co_await std::move(limited);
    if (!stream) {
      books->failed(stream.error(), "a connect");
      auto waiting = back_off(random, tries++);
      if (!co_await std::move(waiting)) {
        co_return;
      }
      continue;
    }
    tries = 0;
    bool good = true;
    while (good && *done < shape.requests) {
      const std::uint64_t request = (*done)++;
      const std::size_t size = size_of(random, shape.largest);
      if (shape.aborts && random.below(10) == 0) {
        const std::vector<std::byte> part(size);
        static_cast<void>(co_await stream->send(part));
        stream->reset();
        books->answered();
        break;
      }
      auto asking = ask(&*stream, connection, request, size, shape.half_close, books);
      good = co_await std::move(asking);
      if (!co_await think(random, shape.pause)) {
        co_return;
      }
    }
  }
}

Task<int> echo_server() { return server_program(kAnywhere, server_options("echo"), echo); }

void play(Run& run, const Shape& shape) { play_crowd(run, shape, kPort, echo_server, client); }

// A server with fewer descriptors than it has clients: those that are in are served, the others
// wait their turn, and the loop sleeps meanwhile.
void few_descriptors(Run& run) {
  run.strict = false;  // who waits too long gives up, by right
  const Shape shape{.connections = 15, .requests = 5, .pause = std::chrono::milliseconds(100)};
  play_crowd(run, shape, kPort, echo_server, client,
             [](sim::Host& host) { sim::WorldCore::state(host).kernel->limits().handles = 24; });
}

constexpr Scenario kRows[] = {
    {"echo", "what 12 connections send comes back, with time to think",
     [](Run& run) { play(run, {}); }},
    {"echo-bytes", "the same, a byte at a time, without a pause",
     [](Run& run) { play(run, {.largest = 1, .pause = std::chrono::milliseconds(1)}); }},
    {"echo-large", "payloads larger than all buffers on the way",
     [](Run& run) { play(run, {.hosts = 1, .requests = 20, .largest = 700'000}); }},
    {"echo-many", "300 connections, each of a few requests",
     [](Run& run) { play(run, {.connections = 100, .requests = 4}); }},
    {"echo-ends", "each request ends with a half-closed connection",
     [](Run& run) { play(run, {.requests = 20, .half_close = true}); }},
    {"echo-aborts", "clients that reset their connection in the middle",
     [](Run& run) { play(run, {.aborts = true}); }},
    {"echo-descriptors", "a server that has fewer descriptors than clients", few_descriptors},
};

}  // namespace

void play_echo(Run& run, Task<int> (*server)()) { play_crowd(run, Shape{}, kPort, server, client); }

std::span<const Scenario> echo_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios

// Datagrams: what comes is whole and was sent, once, or twice if the network made two of it.
#include <array>
#include <cstring>
#include <vector>

#include "scenarios/rows.hpp"
#include "scenarios/support.hpp"

namespace vigil::scenarios {
namespace {

constexpr std::uint16_t kPort = 5353;

struct Shape {
  std::uint64_t hosts = 2;
  std::uint64_t connections = 3;  // sockets of each
  std::uint64_t requests = 200;
  std::size_t largest = 1200;
  Nanos pause = std::chrono::seconds(1);
  bool connected = true;
};

Task<> reflect(Scope& serving, UdpSocket* socket) {
  std::vector<std::byte> room(2000);
  for (;;) {
    const auto got = co_await socket->receive_from(room);
    if (!got) {
      if (serving.cancelled()) {
        co_return;
      }
      // Memory that is not there now, or a refusal by somebody who was answered and had gone.
      if (!co_await sleep_for(std::chrono::milliseconds(10))) {
        co_return;
      }
      continue;
    }
    static_cast<void>(co_await socket->send_to(ByteView(room).first(got->size), got->from));
  }
}

Task<> stop_at_signal(Scope* serving, os::Signals* signals) {
  auto waiting = signals->next();
  if (co_await std::move(waiting)) {
    serving->cancel();
  }
}

Task<int> reflector() {
  auto asking = signals_at_last();
  auto signals = co_await std::move(asking);
  auto socket = UdpSocket::bind(Address::any(kPort));
  if (!signals || !socket) {
    co_return 1;
  }
  const auto body = [](Scope& scope, UdpSocket* on, os::Signals* asked) -> Task<> {
    if (!scope.spawn(stop_at_signal, &scope, asked)) {
      co_return;
    }
    auto serving = reflect(scope, on);
    co_await std::move(serving);
  };
  bool failed = false;
  try {
    auto whole = scoped(body, &*socket, &*signals);
    co_await std::move(whole);
  } catch (const std::bad_alloc&) {
    failed = true;
  }
  co_return failed ? 1 : 0;
}

// One datagram there and back. Nothing within two seconds is loss, which is weather.
Task<Result<std::size_t>> ask(UdpSocket* socket, Address server, bool connected,
                              const std::vector<std::byte>* bytes, std::vector<std::byte>* room,
                              std::uint64_t request) {
  if (connected) {
    if (auto sent = co_await socket->send(*bytes); !sent) {
      co_return std::unexpected(sent.error());
    }
  } else if (auto sent = co_await socket->send_to(*bytes, server); !sent) {
    co_return std::unexpected(sent.error());
  }
  for (;;) {
    const auto got = co_await socket->receive_from(*room);
    if (!got) {
      co_return std::unexpected(got.error());
    }
    Books::must(!got->truncated, "a datagram was cut that fits");
    Books::must(got->from == server, "a datagram says that it came from somebody else");
    std::uint64_t of = 0;
    if (got->size >= sizeof of) {
      std::memcpy(&of, room->data(), sizeof of);
    }
    if (of == request) {
      co_return got->size;
    }
    Books::must(of < request, "a datagram came before it was sent");
  }
}

Task<> client(Address server, Shape shape, std::uint64_t id, std::uint64_t seed,
              std::uint64_t* done, Books* books) {
  sim::Random random(seed + *done, "datagrams");
  std::vector<std::byte> room(2000);
  while (*done < shape.requests) {
    Result<UdpSocket> socket = UdpSocket();
    if (shape.connected) {
      auto connecting = UdpSocket::connect(server);
      socket = co_await std::move(connecting);
    } else {
      socket = UdpSocket::bind(Address::any(0));
    }
    if (!socket) {
      books->failed(socket.error(), "making a socket");
      if (!co_await think(random, shape.pause)) {
        co_return;
      }
      continue;
    }
    while (*done < shape.requests) {
      const std::uint64_t request = ++*done;
      std::vector<std::byte> bytes(8 + random.below(shape.largest));
      const Payload payload(id, request);
      payload.fill(bytes);
      std::memcpy(bytes.data(), &request, sizeof request);
      auto asking = ask(&*socket, server, shape.connected, &bytes, &room, request);
      auto limited = timeout(std::chrono::seconds(2), std::move(asking));
      const auto got = co_await std::move(limited);
      if (got) {
        Books::must(*got == bytes.size() && std::equal(bytes.begin(), bytes.end(), room.begin()),
                    "a datagram came back changed");
        books->answered();
      } else if (got.error() == std::errc::timed_out) {
        books->lost();
      } else {
        books->failed(got.error(), "a datagram");
        break;
      }
      if (!co_await think(random, shape.pause)) {
        co_return;
      }
    }
  }
}

void play(Run& run, const Shape& shape) {
  run.strict = false;  // a datagram may be lost in any weather
  play_crowd(run, shape, kPort, reflector, client);
}

constexpr Scenario kRows[] = {
    {"datagrams", "datagrams there and back, from connected sockets",
     [](Run& run) { play(run, {}); }},
    {"datagrams-free", "the same from sockets that are connected to nobody",
     [](Run& run) { play(run, {.connected = false}); }},
};

}  // namespace

std::span<const Scenario> datagram_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios

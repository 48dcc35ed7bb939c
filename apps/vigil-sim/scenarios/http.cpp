// HTTP: a server whose answers follow from the request, and clients that check every byte of them.
#include <algorithm>
#include <charconv>
#include <vector>

#include "scenarios/rows.hpp"
#include "scenarios/support.hpp"

namespace vigil::scenarios {
namespace {

constexpr std::uint16_t kPort = 8080;
constexpr const char* kAnywhere = "0.0.0.0:8080";

enum class Kind : std::uint8_t { get, chunked, post, large, mixed };

struct Shape {
  std::uint64_t hosts = 2;  // of clients
  std::uint64_t connections = 4;
  std::uint64_t requests = 150;  // of each
  Kind kind = Kind::mixed;
  Nanos pause = std::chrono::milliseconds(266);  // with 8 connections: 30 requests a second
  bool close = false;                            // a connection a request
};

// "/kind/connection/request/size"
struct Asked {
  std::uint64_t kind = 0;
  std::uint64_t connection = 0;
  std::uint64_t request = 0;
  std::uint64_t size = 0;
};

bool read_path(std::string_view path, Asked& asked) {
  for (std::uint64_t* into : {&asked.kind, &asked.connection, &asked.request, &asked.size}) {
    if (!path.starts_with('/')) {
      return false;
    }
    path.remove_prefix(1);
    const auto [end, fault] = std::from_chars(path.data(), path.data() + path.size(), *into);
    if (fault != std::errc{}) {
      return false;
    }
    path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  }
  return path.empty() && asked.size <= 4'000'000;
}

Task<> answer_chunked(http::Exchange& exchange, const Payload& payload, std::uint64_t size) {
  auto beginning = exchange.begin({});
  if (!co_await std::move(beginning)) {
    co_return;
  }
  std::vector<std::byte> piece(std::min<std::uint64_t>(size, 3000));
  for (std::uint64_t at = 0; at < size; at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), size - at));
    payload.fill(piece, at);
    auto writing = exchange.write(piece);
    if (!co_await std::move(writing)) {
      co_return;
    }
  }
  auto ending = exchange.end();
  static_cast<void>(co_await std::move(ending));
}

// What was posted must be what its path says; its size is the answer.
Task<> answer_post(http::Exchange& exchange, const Payload& payload, std::uint64_t size) {
  std::uint64_t got = 0;
  for (;;) {
    auto reading = exchange.read();
    const auto piece = co_await std::move(reading);
    if (!piece) {
      co_return;  // the server answers, or the connection has ended
    }
    if (piece->empty()) {
      break;
    }
    if (!payload.matches(*piece, got)) {
      Books::wrong("a posted body differs from what was sent");
    }
    got += piece->size();
  }
  Books::must(got == size, "a posted body was taken for whole and is not");
  const std::string text = std::to_string(got);
  static_cast<void>(co_await exchange.respond({}, text));
}

Task<> handle(http::Exchange& exchange) {
  Asked asked;
  if (!read_path(exchange.request().path(), asked)) {
    static_cast<void>(co_await exchange.respond({.status = 400}, "what?"));
    co_return;
  }
  const Payload payload(asked.connection, asked.request);
  if (exchange.request().method() == http::Method::post) {
    auto answering = answer_post(exchange, payload, asked.size);
    co_await std::move(answering);
  } else if (asked.kind == static_cast<std::uint64_t>(Kind::chunked)) {
    auto answering = answer_chunked(exchange, payload, asked.size);
    co_await std::move(answering);
  } else {
    std::vector<std::byte> body(asked.size);
    payload.fill(body);
    static_cast<void>(co_await exchange.respond({}, ByteView(body)));
  }
}

Task<Result<>> serve_http(TcpListener& listener, Drain& drain) {
  http::Server server(http::Handler(handle), {.drain = &drain});
  auto serving = server.serve(listener);
  co_return co_await std::move(serving);
}

Task<int> http_server() { return server_program(kAnywhere, server_options("http"), serve_http); }

std::uint64_t size_of(sim::Random& random, Kind kind) {
  switch (kind) {
    case Kind::get:
      return random.between(1, 200);
    case Kind::large:
      return random.between(100'000, 900'000);
    default:
      return random.below(10) == 0 ? random.between(1, 60'000) : random.between(1, 2000);
  }
}

// One request and its whole answer, checked.
Task<Result<>> ask(http::Connection* connection, Kind kind, std::uint64_t id, std::uint64_t request,
                   std::uint64_t size, bool close) {
  const Payload payload(id, request);
  const std::string path = "/" + std::to_string(static_cast<unsigned>(kind)) + "/" +
                           std::to_string(id) + "/" + std::to_string(request) + "/" +
                           std::to_string(size);
  std::vector<std::byte> body;
  http::Request asked{.target = path, .host = "server", .close = close};
  if (kind == Kind::post) {
    asked.method = http::Method::post;
    body.resize(size);
    payload.fill(body);
  }
  auto asking = connection->ask(asked, body);
  const auto head = co_await std::move(asking);
  if (!head) {
    co_return std::unexpected(head.error());
  }
  const unsigned status = (*head)->status();
  if (status == 503 || status == 408 || status == 500) {
    auto rest = connection->read_all();
    static_cast<void>(co_await std::move(rest));
    co_return error(std::errc::timed_out);  // it said that it cannot
  }
  Books::must(status == 200, "a request that is right was answered with an error");
  std::string posted;
  std::uint64_t got = 0;
  for (;;) {
    auto reading = connection->read();
    const auto piece = co_await std::move(reading);
    if (!piece) {
      co_return std::unexpected(piece.error());
    }
    if (piece->empty()) {
      break;
    }
    if (kind == Kind::post) {
      posted += as_text(*piece);
    } else if (!payload.matches(*piece, got)) {
      Books::wrong("an answer differs from what it should be, from byte " + std::to_string(got));
    }
    got += piece->size();
  }
  if (kind == Kind::post) {
    Books::must(posted == std::to_string(size), "a post was answered with the wrong number");
  } else {
    Books::must(got == size, "half an answer looked whole");
  }
  co_return Result<>{};
}

Task<> client(Address server, Shape shape, std::uint64_t id, std::uint64_t seed,
              std::uint64_t* done, Books* books) {
  sim::Random random(seed + *done, "http client");
  http::Client pool;
  unsigned tries = 0;
  while (*done < shape.requests) {
    auto connecting = pool.connect(server);
    auto limited = timeout(std::chrono::seconds(30), std::move(connecting));
    auto connection = co_await std::move(limited);
    if (!connection) {
      books->failed(connection.error(), "a connect");
      auto waiting = back_off(random, tries++);
      if (!co_await std::move(waiting)) {
        co_return;
      }
      continue;
    }
    tries = 0;
    const std::uint64_t request = (*done)++;
    Kind kind = shape.kind;
    if (kind == Kind::mixed) {
      const std::uint64_t draw = random.below(10);
      kind = draw < 7 ? Kind::get : draw < 8 ? Kind::chunked : draw < 9 ? Kind::post : Kind::mixed;
    }
    const std::uint64_t size = size_of(random, kind);
    auto asking = ask(&*connection, kind, id, request, size, shape.close);
    auto in_time = timeout(std::chrono::seconds(60), std::move(asking));
    const Result<> answered = co_await std::move(in_time);
    if (answered) {
      books->answered();
      pool.keep(std::move(*connection));
    } else {
      books->failed(answered.error(), "a request");
    }
    if (!co_await think(random, shape.pause)) {
      co_return;
    }
  }
}

void play(Run& run, const Shape& shape) { play_crowd(run, shape, kPort, http_server, client); }

constexpr Scenario kRows[] = {
    {"http", "three hosts: requests of every kind to an HTTP server, 30 a second",
     [](Run& run) { play(run, {}); }},
    {"http-get", "small answers alone, one behind the other",
     [](Run& run) { play(run, {.kind = Kind::get, .pause = std::chrono::microseconds(1)}); }},
    {"http-chunked", "answers in chunks", [](Run& run) { play(run, {.kind = Kind::chunked}); }},
    {"http-post", "bodies to the server", [](Run& run) { play(run, {.kind = Kind::post}); }},
    {"http-large", "answers larger than all buffers on the way",
     [](Run& run) { play(run, {.requests = 20, .kind = Kind::large}); }},
    {"http-close", "a connection a request", [](Run& run) { play(run, {.close = true}); }},
};

}  // namespace

std::span<const Scenario> http_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios

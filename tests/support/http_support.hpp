// An HTTP server of vigil's on the test's loop, and clients that say exactly what a test wants
// said.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/streams.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/http/body.hpp"
#include "vigil/http/parser.hpp"
#include "vigil/http/server.hpp"

namespace vigil::test {

using namespace std::chrono_literals;

// What a test's server is, and what became of it.
struct Served {
  http::Server* server = nullptr;
  Drain* drain = nullptr;
  Address at;
};

// Serves with `handler` while `client(served, args...)`, a Task<>, runs; then drains.
template <TaskBody F, class... A>
Task<> while_serving(http::Handler handler, http::ServerOptions options, F client, A... args) {
  auto listener = TcpListener::listen(Address::loopback(0));
  CO_ASSERT_OK(listener);
  Drain drain(300ms);
  options.drain = &drain;
  http::Server server(handler, options);
  Served served{&server, &drain, *listener->local_address()};
  auto whole = scoped(
      [](Scope& scope, Served* all, TcpListener* from, F body, A... with) -> Task<> {
        CO_ASSERT_OK(scope.spawn(
            [](http::Server* serving, TcpListener* on) -> Task<> {
              auto task = serving->serve(*on);
              const Result<> ended = co_await std::move(task);
              EXPECT_TRUE(ended) << ended.error().message();
            },
            all->server, from));
        auto task = body(*all, std::move(with)...);
        co_await std::move(task);
        all->drain->begin();
      },
      &served, &*listener, client, std::move(args)...);
  co_await std::move(whole);
  EXPECT_EQ(server.figures().connections, 0u);
  EXPECT_EQ(server.figures().active, 0u);
}

inline Task<TcpStream> dial(Address at) {
  auto connecting = TcpStream::connect(at);
  auto stream = co_await std::move(connecting);
  EXPECT_TRUE(stream);
  co_return stream ? std::move(*stream) : TcpStream();
}

inline Task<> say(TcpStream& stream, std::string text) {
  auto sent = co_await stream.send(as_bytes(text));
  EXPECT_TRUE(sent) << sent.error().message();
}

// All that comes until the end; "<reset>" or "<late>" stands for an end that is none.
inline Task<Result<std::string>> hear(TcpStream& stream) {
  std::string text;
  for (;;) {
    auto bytes = co_await stream.receive();
    if (!bytes) {
      text += bytes.error() == std::errc::operation_canceled ? "<late>" : "<reset>";
      co_return text;
    }
    if (bytes->empty()) {
      co_return text;
    }
    text.append(as_text(bytes->bytes()));
  }
}

inline Task<std::string> hear_all(TcpStream& stream) {
  auto hearing = timeout(8s, hear(stream));
  auto text = co_await std::move(hearing);
  co_return text ? *text : "<late>";
}

// Says `text` on a connection of its own, and hears until the server ends it.
inline Task<std::string> ask_once(Address at, std::string text, bool half_close = false) {
  auto dialing = dial(at);
  TcpStream stream = co_await std::move(dialing);
  auto saying = say(stream, std::move(text));
  co_await std::move(saying);
  if (half_close) {
    EXPECT_TRUE(stream.shutdown(Direction::write));
  }
  auto hearing = hear_all(stream);
  co_return co_await std::move(hearing);
}

struct Reply {
  unsigned status = 0;  // 0: none came
  std::string head;
  std::string body;
  bool keep_alive = false;
  Reply() noexcept {}
};

// One end of a connection that is asked and answered on.
class Peer {
 public:
  explicit Peer(TcpStream to) noexcept : stream(std::move(to)) {}

  TcpStream stream;
  std::string unread;
};

inline Task<Reply> hear_reply(Peer& peer, http::Method asked = http::Method::get) {
  http::ResponseStorage storage;
  http::ResponseParser parser;
  Reply reply;
  for (;;) {
    const auto progress = parser.parse(as_bytes(peer.unread), storage.head, asked);
    if (progress == http::Progress::refused) {
      ADD_FAILURE() << "no answer: " << peer.unread.substr(0, 200);
      co_return reply;
    }
    if (progress == http::Progress::complete) {
      break;
    }
    auto bytes = co_await peer.stream.receive();
    if (!bytes || bytes->empty()) {
      co_return reply;
    }
    peer.unread.append(as_text(bytes->bytes()));
  }
  reply.status = storage.head.status();
  reply.keep_alive = storage.head.keep_alive();
  http::BodyReader body(storage.head.framing());
  const std::size_t size = storage.head.size();
  reply.head = peer.unread.substr(0, size);
  peer.unread.erase(0, size);
  for (;;) {
    const auto piece = body.next(as_bytes(peer.unread));
    reply.body.append(as_text(piece.data));
    peer.unread.erase(0, piece.consumed);
    if (piece.step == http::BodyReader::Step::end) {
      break;
    }
    if (piece.step == http::BodyReader::Step::trailers) {
      while (!peer.unread.starts_with("\r\n")) {
        auto rest = co_await peer.stream.receive();
        if (!rest || rest->empty()) {
          co_return reply;
        }
        peer.unread.append(as_text(rest->bytes()));
      }
      peer.unread.erase(0, 2);
      break;
    }
    if (piece.step == http::BodyReader::Step::need_more) {
      auto bytes = co_await peer.stream.receive();
      if (!bytes || bytes->empty()) {
        reply.body += "<cut>";
        break;
      }
      peer.unread.append(as_text(bytes->bytes()));
    }
  }
  co_return reply;
}

inline Task<Reply> ask(Peer& peer, std::string text, http::Method asked = http::Method::get) {
  auto saying = say(peer.stream, std::move(text));
  co_await std::move(saying);
  auto hearing = hear_reply(peer, asked);
  co_return co_await std::move(hearing);
}

// The system's calls, counted; `send_most` cuts what a send takes.
class CountingSyscalls : public Syscalls {
 public:
  std::int32_t recv(NativeHandle handle, std::byte* to, std::size_t size) noexcept override {
    ++recvs;
    return native_syscalls().recv(handle, to, size);
  }
  std::int32_t send(NativeHandle handle, const std::byte* from,
                    std::size_t size) noexcept override {
    ++sends;
    return native_syscalls().send(handle, from, std::min(size, send_most));
  }
  // Engines of completions do the two by their opcodes.
  std::int32_t perform(Op& op) noexcept override {
    recvs += op.code == Opcode::receive ? 1 : 0;
    sends += op.code == Opcode::send ? 1 : 0;
    held_back += op.code == Opcode::send_more ? 1 : 0;
    return native_syscalls().perform(op);
  }
  void close(NativeHandle handle) noexcept override { native_syscalls().close(handle); }
  Instant now() noexcept override { return native_syscalls().now(); }

  std::size_t recvs = 0;
  std::size_t sends = 0;
  std::size_t held_back = 0;  // sends that wait for more, or for the end, to go out with
  std::size_t send_most = ~std::size_t{0};
};

// A machine whose wall clock is the test's, and whose log is kept.
class TestHost : public Host {
 public:
  Nanos wall_time() noexcept override { return wall; }
  void entropy(std::span<std::byte> fill) noexcept override { native_host().entropy(fill); }
  std::optional<std::string> environment(const char* name) override {
    return native_host().environment(name);
  }
  void log(std::string_view line) noexcept override { logged += std::string(line) + "\n"; }
  Result<std::unique_ptr<Crew>> start(Body& body, Role role, unsigned most) noexcept override {
    return native_host().start(body, role, most);
  }

  Nanos wall = 784111777s;  // Sun, 06 Nov 1994 08:49:37 GMT
  std::string logged;
};

// What the log hook was told.
struct LogBook {
  struct Line {
    unsigned status;
    std::uint64_t sent;
    bool complete;
    std::string target;
  };
  std::vector<Line> lines;

  static void write(void* book, const http::ExchangeEnd& end) noexcept {
    static_cast<LogBook*>(book)->lines.push_back(
        {end.status, end.body_sent, end.complete,
         end.request != nullptr ? std::string(end.request->target()) : "-"});
  }
  http::ServerOptions options() {
    http::ServerOptions made;
    made.log = &LogBook::write;
    made.hook_context = this;
    return made;
  }
};

// Answers with the request's target, and its body behind it.
inline Task<> mirror(http::Exchange& exchange) {
  std::string text(exchange.request().target());
  for (;;) {
    auto reading = exchange.read();
    auto piece = co_await std::move(reading);
    if (!piece) {
      co_return;
    }
    if (piece->empty()) {
      break;
    }
    text.append(as_text(*piece));
  }
  static_cast<void>(co_await exchange.respond({.content_type = "text/plain"}, text));
}

inline std::string get(std::string_view target, std::string_view lines = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace vigil::test

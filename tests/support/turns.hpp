// A server of turns (serve_turns) for tests, and clients that ask it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/streams.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/net/serve_turns.hpp"

namespace vigil::test {

using namespace std::chrono_literals;

// What the server under test is, and what it did.
struct Turning {
  Drain drain{300ms};
  ServeFigures figures;
  Address at;
  unsigned turns = 0;
  unsigned ends = 0;                   // turns that found the end or an error
  std::vector<std::uint32_t> numbers;  // of each turn
  bool was_reset = false;
  std::string heard;
  std::vector<TcpStream> peers;  // that outlive the client
};

// One receive, one answer.
inline Task<After> echo_once(TcpStream& peer, Turning* all) {
  ++all->turns;
  all->numbers.push_back(peer.context()++);
  auto bytes = co_await peer.receive();
  if (!bytes || bytes->empty()) {
    ++all->ends;
    all->was_reset |= !bytes && bytes.error() == std::errc::connection_reset;
    co_return After::close;
  }
  if (!co_await peer.send(bytes->bytes())) {
    co_return After::close;
  }
  co_return After::hibernate;
}

// Serves `turn` while `client(turning, args...)` runs; then drains.
template <TaskBody T, class F, class... A>
Task<> while_turning(ServeOptions options, T turn, F client, A... args) {
  auto listener = TcpListener::listen(Address::loopback(0));
  CO_ASSERT_OK(listener);
  Turning all;
  all.at = *listener->local_address();
  options.drain = &all.drain;
  options.figures = &all.figures;
  auto whole = scoped(
      [](Scope& scope, TcpListener* from, ServeOptions* how, T each, Turning* shared, F body,
         A... with) -> Task<> {
        CO_ASSERT_OK(scope.spawn(
            [](TcpListener* on, ServeOptions* options_of, T every, Turning* to) -> Task<> {
              auto serving = serve_turns(*on, *options_of, every, to);
              const Result<> ended = co_await std::move(serving);
              EXPECT_TRUE(ended) << ended.error().message();
            },
            from, how, each, shared));
        auto task = body(shared, std::move(with)...);
        co_await std::move(task);
        shared->drain.begin();
      },
      &*listener, &options, turn, &all, client, std::move(args)...);
  co_await std::move(whole);
  EXPECT_EQ(all.figures.asleep, 0u);
}

inline Task<TcpStream> dial(const Turning* to) {
  auto connecting = TcpStream::connect(to->at);
  auto stream = co_await std::move(connecting);
  EXPECT_TRUE(stream);
  co_return stream ? std::move(*stream) : TcpStream();
}

inline Task<bool> asks(TcpStream& stream, std::string text) {
  auto sent = co_await stream.send(as_bytes(text));
  if (!sent) {
    co_return false;
  }
  auto hearing = receive_exactly(stream, text.size());
  const std::string got = co_await std::move(hearing);
  co_return got == text;
}

// Until `wanted` connections hibernate.
inline Task<> until_asleep(const Turning* all, std::size_t wanted) {
  while (all->figures.asleep != wanted) {
    co_await sleep_for(1ms);
  }
}

}  // namespace vigil::test

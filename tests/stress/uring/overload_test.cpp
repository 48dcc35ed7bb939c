// More than fits: operations through queues of 8 entries, bytes that nobody asks for, pools that
// are empty. Hazards 24, 25, 27, 38.
#include <sys/socket.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/stress/uring/ring_fixture.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/when.hpp"
#include "vigil/os/pipe.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class Overload : public RingTest {};
INSTANTIATE_ON_RINGS(Overload);

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

Task<> echo_all(TcpListener* listener, unsigned connections, Scope* scope) {
  for (unsigned i = 0; i < connections; ++i) {
    auto peer = co_await listener->accept();
    CO_ASSERT_OK(peer);
    CO_ASSERT_OK(scope->spawn(&echo, std::move(*peer)));
  }
}

Task<> ask(Address at, unsigned connection, unsigned requests, std::uint64_t* answered) {
  auto connecting = TcpStream::connect(at);
  auto stream = co_await std::move(connecting);
  CO_ASSERT_OK(stream);
  for (unsigned request = 0; request < requests; ++request) {
    const std::string sent = payload(connection, request, 16 + (request * 7) % 200);
    CO_ASSERT_OK(co_await stream->send(as_bytes(sent)));
    auto receiving = receive_exactly(*stream, sent.size());
    const std::string got = co_await std::move(receiving);
    CO_ASSERT_TRUE(got == sent);
    ++*answered;
  }
}

// Each echo is four operations: the asker's send and receive, and the echo's.
TEST_P(Overload, AHundredThousandOperationsLoseNone) {
  run([]() -> Task<> {
    constexpr unsigned kConnections = 100;
    constexpr unsigned kRequests = 250;
    auto listener = TcpListener::listen(Address::loopback(0));
    CO_ASSERT_OK(listener);
    std::uint64_t answered = 0;
    auto all_of_it = scoped(
        [](Scope& scope, TcpListener* from, std::uint64_t* count) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&echo_all, from, kConnections, &scope));
          for (unsigned i = 0; i < kConnections; ++i) {
            CO_ASSERT_OK(scope.spawn(&ask, *from->local_address(), i, kRequests, count));
          }
        },
        &*listener, &answered);
    co_await std::move(all_of_it);
    EXPECT_EQ(answered, std::uint64_t{kConnections} * kRequests);
  });
}

// What arrived and nobody read is bounded; the rest stalls its sender, and all of it is read later.
TEST_P(Overload, ASlowReaderStallsItsSender) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    const int small = 1 << 16;
    ::setsockopt(ends.peer.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    CO_ASSERT_OK(ends.stream.set(SocketOption::Name::receive_buffer, small));
    constexpr std::size_t kAll = std::size_t{24} << 20;
    const std::string much = payload(9, 9, kAll);
    std::atomic<std::size_t> sent = 0;
    co_await arm(&ends);  // from here on bytes come ahead
    std::jthread flood([&] {
      while (sent < much.size()) {
        const ssize_t step = ::send(ends.peer.get(), much.data() + sent,
                                    std::min<std::size_t>(much.size() - sent, 30000), MSG_NOSIGNAL);
        if (step <= 0) {
          break;
        }
        sent += static_cast<std::size_t>(step);
      }
    });
    std::size_t before = 1;
    while (before != sent) {
      before = sent;
      co_await sleep_for(20ms);
    }
    EXPECT_LT(sent, kAll / 4) << "nobody read, and the sender was not stalled";
    EXPECT_LE(Loop::current()->ledger().buffers, 300u);
    auto receiving = receive_exactly(ends.stream, kAll);
    const std::string got = co_await std::move(receiving);
    EXPECT_TRUE(got == much);
  });
}

// Streams that hold early bytes may not take the pool from one that reads.
TEST_P(Overload, BytesThatNobodyReadsLeaveBuffersToWhoDoes) {
  run_with({.lease_bytes = 32 * Buffers::kBlock}, []() -> Task<> {
    std::vector<Ends> silent;
    for (unsigned i = 0; i < 40; ++i) {
      auto making = make_ends();
      Ends ends = co_await std::move(making);
      co_await arm(&ends);
      silent.push_back(std::move(ends));
    }
    const std::string much(60000, 'f');
    for (Ends& ends : silent) {
      CO_ASSERT_TRUE(ends.peer.write(much));
    }
    co_await sleep_for(20ms);
    auto making = make_ends();
    Ends reader = co_await std::move(making);
    const std::string text = payload(1, 1, 200'000);
    std::jthread writer([&] { EXPECT_TRUE(reader.peer.write(text)); });
    auto limited = timeout(10s, [](TcpStream* from, std::size_t size) -> Task<Result<std::string>> {
      auto receiving = receive_exactly(*from, size);
      co_return co_await std::move(receiving);
    }(&reader.stream, text.size()));
    auto got = co_await std::move(limited);
    CO_ASSERT_OK(got);
    EXPECT_TRUE(*got == text);
    for (Ends& ends : silent) {
      auto receiving = receive_exactly(ends.stream, much.size());
      const std::string kept = co_await std::move(receiving);
      EXPECT_TRUE(kept == much);
    }
  });
}

// The readiness of a pipe is a mask of bits, and one of them is 4: it is not the count of a send.
TEST_P(Overload, AShortSendThroughAFullPipeArrives) {
  run([]() -> Task<> {
    auto pipe = os::Pipe::open();
    CO_ASSERT_OK(pipe);
    const std::string chunk(65536, 'f');  // fills the pipe
    CO_ASSERT_OK(co_await pipe->writer.send(as_bytes(chunk)));
    auto both = scoped(
        [](Scope& scope, os::Pipe* ends, std::size_t filled) -> Task<> {
          auto four = [](os::PipeStream* to) -> Task<> {
            CO_ASSERT_OK(co_await to->send(as_bytes("four")));
            to->close();
          };
          CO_ASSERT_OK(scope.spawn(four, &ends->writer));
          co_await sleep_for(1ms);
          std::string got;
          while (true) {
            auto bytes = co_await ends->reader.receive();
            CO_ASSERT_OK(bytes);
            if (bytes->empty()) {
              break;
            }
            got.append(as_text(bytes->bytes()));
          }
          EXPECT_EQ(got.size(), filled + 4);
          EXPECT_TRUE(got.ends_with("four"));
        },
        &*pipe, chunk.size());
    co_await std::move(both);
  });
}

}  // namespace
}  // namespace vigil::test

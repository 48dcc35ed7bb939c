// Real loops, engines and streams on a simulated machine.
#include "tests/sim/faces_fixture.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/net/resolve.hpp"
#include "vigil/net/serve.hpp"
#include "vigil/net/tcp.hpp"
#include "vigil/net/udp.hpp"
#include "vigil/os/pipe.hpp"

namespace vigil::sim {
namespace {

using namespace std::chrono_literals;

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

struct Talk {
  int connections = 3;
  int requests = 20;
  int answered = 0;
};

Task<> serve_until_quiet(Address at, int connections) {
  auto listener = TcpListener::listen(at);
  EXPECT_TRUE(listener) << listener.error().message();
  auto serving = scoped(
      [](Scope& scope, TcpListener* from, int count) -> Task<> {
        for (int i = 0; i < count; ++i) {
          auto accepted = co_await from->accept();
          EXPECT_TRUE(accepted) << accepted.error().message();
          if (accepted) {
            EXPECT_TRUE(scope.spawn(&echo, std::move(*accepted)));
          }
        }
      },
      &*listener, connections);
  co_await std::move(serving);
}

Task<> talk(Address at, int which, Talk* talk) {
  auto connected = co_await TcpStream::connect(at);
  EXPECT_TRUE(connected) << connected.error().message();
  if (!connected) {
    co_return;
  }
  for (int i = 0; i < talk->requests; ++i) {
    const std::string asked = "connection " + std::to_string(which) + " request " +
                              std::to_string(i) +
                              std::string(static_cast<std::size_t>(i) * 997 % 9000, '.');
    if (!co_await connected->send(as_bytes(asked))) {
      co_return;
    }
    std::string got;
    while (got.size() < asked.size()) {
      auto bytes = co_await connected->receive();
      if (!bytes || bytes->empty()) {
        co_return;
      }
      got += as_text(bytes->bytes());
    }
    EXPECT_EQ(got, asked);
    ++talk->answered;
  }
}

Task<> talk_all(Address at, Talk* with) {
  co_await sleep_for(1ms);
  auto all = scoped(
      [](Scope& scope, Address peer, Talk* each) -> Task<> {
        for (int i = 0; i < each->connections; ++i) {
          EXPECT_TRUE(scope.spawn(&talk, peer, i, each));
        }
        co_return;
      },
      at, with);
  co_await std::move(all);
}

class FacesEcho : public FacesTest {};
INSTANTIATE_ON_EVERY_FACE(FacesEcho);

TEST_P(FacesEcho, ServesWithinOneMachine) {
  const auto at = Address::parse("127.0.0.1:7000");
  ASSERT_TRUE(at);
  Talk counted;
  start(GetParam(), &serve_until_quiet, *at, counted.connections);
  start(GetParam(), &talk_all, *at, &counted);
  run_to_end();
  EXPECT_EQ(counted.answered, counted.connections * counted.requests);
}

// Receives that wait for a buffer: one is given up, another goes on when a buffer comes back. On a
// selector without edges the bytes that nobody had a buffer for ended every wait: the loop spun.
TEST_P(FacesEcho, ReceivesWaitForBuffers) {
  const auto at = Address::parse("127.0.0.1:7000");
  int received = 0;
  start_with([](LoopOptions& options) { options.lease_bytes = Buffers::kBlock; }, GetParam(),
             [](Address address, int* count) -> Task<> {
               auto listener = TcpListener::listen(address);
               auto one = co_await listener->accept();
               auto other = co_await listener->accept();
               {
                 auto held = co_await one->receive();  // the only buffer
                 EXPECT_TRUE(held);
                 const auto receive = [](TcpStream* from) -> Task<Result<Lease>> {
                   co_return co_await from->receive();
                 };
                 auto limited = timeout(20ms, receive(&*other));
                 auto waited = co_await std::move(limited);
                 EXPECT_FALSE(waited);
                 EXPECT_EQ(waited.error(), std::errc::timed_out);
                 ++*count;
               }
               auto bytes = co_await other->receive();
               EXPECT_TRUE(bytes);
               EXPECT_EQ(as_text(bytes->bytes()), "bytes");
               ++*count;
             },
             *at, &received);
  start(
      GetParam(),
      [](Address address) -> Task<> {
        auto one = co_await TcpStream::connect(address);
        auto other = co_await TcpStream::connect(address);
        const std::string text = "bytes";
        EXPECT_TRUE(co_await one->send(as_bytes(text)));
        EXPECT_TRUE(co_await other->send(as_bytes(text)));
        static_cast<void>(co_await sleep_for(1s));
      },
      *at);
  run_to_end();
  EXPECT_EQ(received, 2);
}

TEST_P(FacesEcho, SleepsWithoutTurning) {
  const Instant before = clock.now();
  Program& program = start(GetParam(), []() -> Task<> { EXPECT_TRUE(co_await sleep_for(1h)); });
  run_to_end();
  EXPECT_GE(clock.now() - before, 1h);
  EXPECT_LE(clock.now() - before, 1h + 2ms);
  EXPECT_LT(program.turns, 20u);
}

TEST_P(FacesEcho, LanesAreSteps) {
  start(GetParam(), []() -> Task<> {
    auto calling = offload([](int value) { return value + 1; }, 41);
    auto answer = co_await std::move(calling);
    EXPECT_TRUE(answer);
    EXPECT_EQ(answer.value_or(0), 42);
  });
  run_to_end();
}

TEST_P(FacesEcho, NamesOfHostsResolve) {
  start(GetParam(), []() -> Task<> {
    auto asking = resolve("machine", 80);
    auto found = co_await std::move(asking);
    EXPECT_TRUE(found) << found.error().message();
    if (found) {
      EXPECT_EQ(found->size(), 2u);
      EXPECT_EQ(found->front().text(), "10.0.0.1:80");
    }
    auto unknown = resolve("nobody", 80);
    auto missing = co_await std::move(unknown);
    EXPECT_FALSE(missing);
    EXPECT_EQ(missing.error(), make_error_code(ResolveError::not_found));
  });
  run_to_end();
}

}  // namespace
}  // namespace vigil::sim

// In how many sends the HTTP server's answers go out, on every engine.
#include <gtest/gtest.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

using http::Handler;

using Talk = Task<> (*)(Served, CountingSyscalls*);

class HttpServerSendsTest : public EngineTest {
 protected:
  // Serves `mirror` to `talk`, with each call of the loop counted.
  void while_counting(Talk talk) {
    CountingSyscalls calls;
    LoopOptions options;
    options.syscalls = &calls;
    run_with(
        options,
        [](CountingSyscalls* counted, Talk with) -> Task<> {
          return while_serving(Handler(&mirror), {}, with, counted);
        },
        &calls, talk);
  }
};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerSendsTest);

// How many sends the two ends of a connection made. On a ring no call is seen, but the kernel
// counts the segments with bytes, and a send that is small and not held back is one (tcp(7),
// TCP_INFO).
bool on_a_ring() { return Loop::current()->engine().traits().name == "uring"; }

tcp_info counted_by_kernel(TcpStream& client) {
  tcp_info info{};
  socklen_t size = sizeof info;
  EXPECT_EQ(::getsockopt(client.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  return info;
}

std::size_t sends_so_far(const CountingSyscalls& calls, TcpStream& client) {
  if (!on_a_ring()) {
    return calls.sends;
  }
  const tcp_info info = counted_by_kernel(client);
  return info.tcpi_data_segs_in + info.tcpi_data_segs_out;
}

TEST_P(HttpServerSendsTest, AnswersABatchInOrderWithOneSend) {
  while_counting([](Served served, CountingSyscalls* count) -> Task<> {
    auto dialing = dial(served.at);
    Peer peer(co_await std::move(dialing));
    std::string batch;
    for (int i = 0; i < 16; ++i) {
      batch += get("/" + std::to_string(i));
    }
    const std::size_t before = sends_so_far(*count, peer.stream);
    auto saying = say(peer.stream, batch);
    co_await std::move(saying);
    for (int i = 0; i < 16; ++i) {
      auto hearing = hear_reply(peer);
      const Reply reply = co_await std::move(hearing);
      EXPECT_EQ(reply.body, "/" + std::to_string(i));
    }
    EXPECT_EQ(sends_so_far(*count, peer.stream) - before, 2u)
        << "one of the client's, one of the server's";
  });
}

// What the client's end got since its request was acknowledged.
TEST_P(HttpServerSendsTest, TellsTheEndInTheSegmentOfTheLastAnswer) {
  while_counting([](Served served, CountingSyscalls* count) -> Task<> {
    auto dialing = dial(served.at);
    Peer peer(co_await std::move(dialing));
    auto saying = say(peer.stream, get("/last", "Connection: close\r\n"));
    co_await std::move(saying);
    std::size_t before = 0;
    if (on_a_ring()) {
      tcp_info info = counted_by_kernel(peer.stream);
      while (info.tcpi_unacked != 0) {
        info = counted_by_kernel(peer.stream);
      }
      before = info.tcpi_segs_in;
    }
    auto hearing = hear_all(peer.stream);
    const std::string answer = co_await std::move(hearing);
    EXPECT_TRUE(answer.ends_with("\r\n\r\n/last")) << answer;
    if (on_a_ring()) {
      EXPECT_EQ(counted_by_kernel(peer.stream).tcpi_segs_in - before, 1u);
    } else {
      EXPECT_EQ(count->held_back, 1u);
    }
  });
}

}  // namespace
}  // namespace vigil::test

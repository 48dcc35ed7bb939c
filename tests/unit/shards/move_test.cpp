// A connection moves to another shard, with the bytes that came before it left.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/peer.hpp"
#include "tests/support/shards_fixture.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::test {
namespace {

std::string text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Echoes until `size` bytes came, and gives the connection back.
Task<Result<Released>> echo_some(Released connection, std::size_t size) {
  auto stream = TcpStream::adopt(std::move(connection));
  if (!stream) {
    co_return std::unexpected(stream.error());
  }
  while (size != 0) {
    const auto bytes = co_await stream->receive();
    if (!bytes || bytes->empty()) {
      co_return error(std::errc::connection_reset);
    }
    EXPECT_LE(bytes->bytes().size(), size);
    size -= bytes->bytes().size();
    if (const Result<> sent = co_await stream->send(bytes->bytes()); !sent) {
      co_return std::unexpected(sent.error());
    }
  }
  co_return stream->release();
}

Task<> go_around(Shards& shards, Address at, TcpListener* listener) {
  auto connecting = TcpStream::connect(at);
  auto client = co_await std::move(connecting);
  CO_ASSERT_OK(client);
  auto server = co_await listener->accept();
  CO_ASSERT_OK(server);
  // A ring arms a receive that stays with the second: what comes then, it receives ahead.
  for (int round = 0; round != 2; ++round) {
    const std::string word = "round " + std::to_string(round);
    CO_ASSERT_OK(co_await client->send(as_bytes(word)));
    const auto got = co_await server->receive();
    CO_ASSERT_OK(got);
    EXPECT_EQ(text_of(got->bytes()), word);
  }
  std::string sent;
  std::string came;
  Result<Released> connection = error(std::errc::io_error);
  for (unsigned round = 0; round != 20; ++round) {
    const std::string word = "move " + std::to_string(round) + std::string(round * 700, 'x');
    sent += word;
    CO_ASSERT_OK(co_await client->send(as_bytes(word)));
    co_await sleep_for(std::chrono::milliseconds(1));  // it may be ahead, or in the kernel yet
    connection = round == 0 ? server->release() : std::move(connection);
    CO_ASSERT_OK(connection);
    auto call = shards.run_on(1 + round % 2, &echo_some, std::move(*connection), word.size());
    connection = co_await std::move(call);
    CO_ASSERT_OK(connection);
    while (came.size() < sent.size()) {
      const auto got = co_await client->receive();
      CO_ASSERT_OK(got);
      came += text_of(got->bytes());
    }
  }
  EXPECT_EQ(came, sent);
}

TEST(Moving, KeepsEveryByteOnTheWayAroundTheShards) {
  run_shards({.count = 3}, [](Shards& shards) -> Task<> {
    auto listener = TcpListener::listen(Address::parse("127.0.0.1:0").value());
    CO_ASSERT_OK(listener);
    auto moving = go_around(shards, listener->local_address().value(), &*listener);
    co_await std::move(moving);
  });
}

TEST(Moving, GivesWhatCameEarlyBeforeWhatTheKernelHas) {
  run_shards({.count = 1}, [](Shards&) -> Task<> {
    auto listener = TcpListener::listen(Address::parse("127.0.0.1:0").value());
    CO_ASSERT_OK(listener);
    auto connecting = TcpStream::connect(listener->local_address().value());
    auto client = co_await std::move(connecting);
    CO_ASSERT_OK(client);
    auto server = co_await listener->accept();
    CO_ASSERT_OK(server);
    CO_ASSERT_OK(co_await client->send(as_bytes("kernel")));
    auto released = server->release();
    CO_ASSERT_OK(released);
    // As if another loop had received so much: more than two buffers hold.
    const std::string early(10'000, 'e');
    auto moved = TcpStream::adopt(
        Released(released->take(), {as_bytes(early).begin(), as_bytes(early).end()}));
    CO_ASSERT_OK(moved);
    std::array<std::byte, 3> some;
    EXPECT_EQ((co_await moved->read(some)).value(), 3u);
    std::string all;
    while (all.size() < early.size() - 3 + 6) {
      const auto got = co_await moved->receive();
      CO_ASSERT_OK(got);
      all += text_of(got->bytes());
    }
    EXPECT_EQ(all, early.substr(3) + "kernel");
    // What nobody reads goes with it.
    auto again = moved->release();
    CO_ASSERT_OK(again);
    auto last = TcpStream::adopt(Released(again->take(), std::vector<std::byte>(5000)));
    EXPECT_TRUE(last);
  });
}

}  // namespace
}  // namespace vigil::test

// A handle that is used on another shard than its own stops the program, in every build.
#include <gtest/gtest.h>

#include "tests/support/shards_fixture.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::test {
namespace {

// Uses a listener of shard 0 on shard 1, as `use` does.
template <TaskBody F>
void use_elsewhere(F use) {
  run_shards(
      {.count = 2},
      [](Shards& shards, F each) -> Task<> {
        auto listener = TcpListener::listen(Address::parse("127.0.0.1:0").value());
        CO_ASSERT_OK(listener);
        auto connecting = TcpStream::connect(listener->local_address().value());
        auto stream = co_await std::move(connecting);
        CO_ASSERT_OK(stream);
        auto call = shards.run_on(1, each, &*listener, &*stream);
        static_cast<void>(co_await std::move(call));
      },
      use);
}

constexpr const char* kSentence =
    "a handle of shard 0, made at .*home_test.cpp:[0-9]+, was used on shard 1";

TEST(HandlesDeathTest, AreReceivedFromOnTheirOwnShard) {
  EXPECT_DEATH(use_elsewhere([](TcpListener*, TcpStream* stream) -> Task<> {
                 static_cast<void>(co_await stream->receive());
               }),
               kSentence);
}

TEST(HandlesDeathTest, AreSentToOnTheirOwnShard) {
  EXPECT_DEATH(use_elsewhere([](TcpListener*, TcpStream* stream) -> Task<> {
                 const std::byte one{};
                 static_cast<void>(co_await stream->send(ByteView(&one, 1)));
               }),
               kSentence);
}

TEST(HandlesDeathTest, AreAcceptedFromOnTheirOwnShard) {
  EXPECT_DEATH(use_elsewhere([](TcpListener* listener, TcpStream*) -> Task<> {
                 static_cast<void>(co_await listener->accept());
               }),
               kSentence);
}

TEST(HandlesDeathTest, AreNamedThoughNobodyToldWhereTheyWereMade) {
  EXPECT_DEATH(
      run_shards({.count = 2},
                 [](Shards& shards) -> Task<> {
                   auto listener = TcpListener::listen(Address::parse("127.0.0.1:0").value());
                   CO_ASSERT_OK(listener);
                   auto connecting = TcpStream::connect(listener->local_address().value());
                   auto stream = co_await std::move(connecting);
                   CO_ASSERT_OK(stream);
                   auto released = stream->release();
                   CO_ASSERT_OK(released);
                   auto adopted = TcpStream::adopt(std::move(*released), std::source_location());
                   CO_ASSERT_OK(adopted);
                   auto call = shards.run_on(
                       1,
                       [](TcpStream* of) -> Task<> {
                         of->close();
                         co_return;
                       },
                       &*adopted);
                   static_cast<void>(co_await std::move(call));
                 }),
      "a handle of shard 0, made at a place that is not known, was used on shard 1");
}

TEST(HandlesDeathTest, AreClosedAndAskedOnTheirOwnShard) {
  EXPECT_DEATH(use_elsewhere([](TcpListener*, TcpStream* stream) -> Task<> {
                 stream->close();
                 co_return;
               }),
               kSentence);
  EXPECT_DEATH(use_elsewhere([](TcpListener*, TcpStream* stream) -> Task<> {
                 static_cast<void>(stream->peer_address());
                 co_return;
               }),
               kSentence);
}

}  // namespace
}  // namespace vigil::test

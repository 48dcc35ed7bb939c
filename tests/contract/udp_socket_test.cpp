// Datagrams: whole, told when cut, and from whom.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "vigil/net/udp.hpp"

namespace vigil {
namespace {

using namespace std::chrono_literals;

class UdpSockets : public test::EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(UdpSockets);

Task<> echo_datagrams(UdpSocket* socket, int count) {
  std::vector<std::byte> room(70'000);
  for (int i = 0; i < count; ++i) {
    auto got = co_await socket->receive_from(room);
    CO_ASSERT_OK(got);
    EXPECT_FALSE(got->truncated);
    CO_ASSERT_OK(co_await socket->send_to(ByteView(room).first(got->size), got->from));
  }
}

TEST_P(UdpSockets, EachDatagramComesBackWholeToItsSender) {
  run([]() -> Task<> {
    auto server = UdpSocket::bind(Address::loopback(0));
    CO_ASSERT_OK(server);
    auto all = scoped(
        [](Scope& scope, UdpSocket* echo) -> Task<> {
          auto at = echo->local_address();
          CO_ASSERT_OK(at);
          EXPECT_NE(at->port(), 0);
          CO_ASSERT_OK(scope.spawn(&echo_datagrams, echo, 60));
          for (int client = 0; client < 3; ++client) {
            auto socket = UdpSocket::bind(Address::loopback(0));
            CO_ASSERT_OK(socket);
            for (int i = 0; i < 20; ++i) {
              std::string sent =
                  "client " + std::to_string(client) + " request " + std::to_string(i);
              sent.append(static_cast<std::size_t>(i) * 3000, static_cast<char>('a' + i));
              sent = i == 0 ? "" : sent;  // an empty datagram is one too
              CO_ASSERT_OK(co_await socket->send_to(as_bytes(sent), *at));
              std::vector<std::byte> room(70'000);
              auto got = co_await socket->receive_from(room);
              CO_ASSERT_OK(got);
              EXPECT_EQ(as_text(ByteView(room).first(got->size)), sent);
              EXPECT_EQ(got->from, *at);
            }
          }
        },
        &*server);
    co_await std::move(all);
  });
}

TEST_P(UdpSockets, ACutDatagramIsTold) {
  run([]() -> Task<> {
    auto socket = UdpSocket::bind(Address::loopback(0));
    CO_ASSERT_OK(socket);
    auto at = socket->local_address();
    CO_ASSERT_OK(at);
    CO_ASSERT_OK(co_await socket->send_to(as_bytes("longer than four"), *at));
    CO_ASSERT_OK(co_await socket->send_to(as_bytes("four"), *at));
    std::array<std::byte, 4> room;
    auto cut = co_await socket->receive_from(room);
    CO_ASSERT_OK(cut);
    EXPECT_TRUE(cut->truncated);
    EXPECT_EQ(as_text(ByteView(room)), "long");
    auto whole = co_await socket->receive_from(room);
    CO_ASSERT_OK(whole);
    EXPECT_FALSE(whole->truncated);
    EXPECT_EQ(as_text(ByteView(room)), "four");
  });
}

TEST_P(UdpSockets, ARefusalIsAnErrorOfAConnectedSocket) {
  run([]() -> Task<> {
    auto gone = UdpSocket::bind(Address::loopback(0));
    CO_ASSERT_OK(gone);
    auto at = gone->local_address();
    CO_ASSERT_OK(at);
    gone->close();
    auto socket = co_await UdpSocket::connect(*at);
    CO_ASSERT_OK(socket);
    auto peer = socket->peer_address();
    CO_ASSERT_OK(peer);
    EXPECT_EQ(*peer, *at);
    CO_ASSERT_OK(co_await socket->send(as_bytes("anybody?")));
    std::array<std::byte, 4> room;
    auto refused = co_await socket->receive_from(room);
    EXPECT_EQ(refused.error(), std::errc::connection_refused);
  });
}

TEST_P(UdpSockets, ATooLongDatagramIsRefusedWhole) {
  run([]() -> Task<> {
    auto socket = UdpSocket::bind(Address::loopback(0));
    CO_ASSERT_OK(socket);
    auto at = socket->local_address();
    CO_ASSERT_OK(at);
    const std::vector<std::byte> huge(65'508);
    auto sent = co_await socket->send_to(huge, *at);
    EXPECT_EQ(sent.error(), std::errc::message_size);
    auto nowhere = co_await socket->send(as_bytes("x"));
    EXPECT_EQ(nowhere.error(), std::errc::destination_address_required);
  });
}

TEST_P(UdpSockets, APortInUseIsAnErrorUnlessShared) {
  run([]() -> Task<> {
    auto first = UdpSocket::bind(Address::loopback(0), {.reuse_port = true});
    CO_ASSERT_OK(first);
    auto at = first->local_address();
    CO_ASSERT_OK(at);
    auto second = UdpSocket::bind(*at);
    EXPECT_EQ(second.error(), std::errc::address_in_use);
    auto third = UdpSocket::bind(*at, {.reuse_port = true});
    CO_ASSERT_OK(third);
    co_return;
  });
}

TEST_P(UdpSockets, CancelTakesNoDatagram) {
  run([]() -> Task<> {
    auto socket = UdpSocket::bind(Address::loopback(0));
    CO_ASSERT_OK(socket);
    auto at = socket->local_address();
    CO_ASSERT_OK(at);
    const auto receive = [](UdpSocket* from) -> Task<Result<>> {
      std::array<std::byte, 16> room;
      auto got = co_await from->receive_from(room);
      if (!got) {
        co_return std::unexpected(got.error());
      }
      EXPECT_EQ(as_text(ByteView(room).first(got->size)), "kept");
      co_return Result<>{};
    };
    auto waiting = receive(&*socket);
    auto limited = timeout(1ms, std::move(waiting));
    auto nothing = co_await std::move(limited);
    EXPECT_EQ(nothing.error(), std::errc::timed_out);
    CO_ASSERT_OK(co_await socket->send_to(as_bytes("kept"), *at));
    auto again = receive(&*socket);
    CO_ASSERT_OK(co_await std::move(again));
  });
}

}  // namespace
}  // namespace vigil

// Messages between two ends: whole, in order, with their end, and with open handles.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/support/streams.hpp"
#include "vigil/coro/when.hpp"
#include "vigil/net/messages.hpp"

namespace vigil {
namespace {

using namespace std::chrono_literals;

class MessageSockets : public test::EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(MessageSockets);

struct TwoEnds {
  MessageSocket one;
  MessageSocket other;
};

TwoEnds two_ends() {
  auto pair = MessageSocket::pair();
  EXPECT_TRUE(pair) << pair.error().message();
  auto other = MessageSocket::adopt(pair->theirs);
  EXPECT_TRUE(other) << other.error().message();
  return {.one = std::move(pair->ours), .other = std::move(*other)};
}

std::string text_of(std::span<const std::byte> room, const Result<ReceivedMessage>& came) {
  return came ? std::string(as_text(ByteView(room).first(came->size))) : came.error().message();
}

// Whether `stream` hears `text` next.
Task<bool> hears(TcpStream* stream, std::string_view text) {
  auto bytes = co_await stream->receive();
  co_return bytes&& as_text(bytes->bytes()) == text;
}

TEST_P(MessageSockets, CarryEachMessageWholeAndInOrder) {
  run([]() -> Task<> {
    TwoEnds ends = two_ends();
    const std::string large(20'000, 'l');
    const std::vector<std::string> all{"first", large, "third"};
    for (const std::string& each : all) {
      CO_ASSERT_OK(co_await ends.one.send(as_bytes(each)));
    }
    std::vector<std::byte> room(30'000);
    for (const std::string& expected : all) {
      auto came = co_await ends.other.receive(room);
      CO_ASSERT_OK(came);
      EXPECT_EQ(text_of(room, came), expected);
      EXPECT_FALSE(came->truncated || came->ended() || came->handles_lost);
    }
    CO_ASSERT_OK(co_await ends.other.send(as_bytes("back")));
    EXPECT_EQ(text_of(room, co_await ends.one.receive(room)), "back");
  });
}

TEST_P(MessageSockets, TellThatAMessageWasCut) {
  run([]() -> Task<> {
    TwoEnds ends = two_ends();
    CO_ASSERT_OK(co_await ends.one.send(as_bytes("longer than four")));
    CO_ASSERT_OK(co_await ends.one.send(as_bytes("next")));
    std::array<std::byte, 4> room;
    auto cut = co_await ends.other.receive(room);
    CO_ASSERT_OK(cut);
    EXPECT_TRUE(cut->truncated);
    EXPECT_EQ(text_of(room, cut), "long");
    EXPECT_EQ(text_of(room, co_await ends.other.receive(room)), "next");
  });
}

TEST_P(MessageSockets, WaitForAMessageAndForTheEnd) {
  run([]() -> Task<> {
    TwoEnds ends = two_ends();
    auto all = scoped(
        [](Scope& scope, TwoEnds* both) -> Task<> {
          CO_ASSERT_OK(scope.spawn(
              [](TwoEnds* of) -> Task<> {
                co_await sleep_for(5ms);
                EXPECT_TRUE(co_await of->one.send(as_bytes("late")));
                co_await sleep_for(5ms);
                of->one.close();
              },
              both));
          std::array<std::byte, 16> room;
          EXPECT_EQ(text_of(room, co_await both->other.receive(room)), "late");
          auto end = co_await both->other.receive(room);
          CO_ASSERT_OK(end);
          EXPECT_TRUE(end->ended());
          EXPECT_EQ((co_await both->other.send(as_bytes("x"))).error(), std::errc::broken_pipe);
        },
        &ends);
    co_await std::move(all);
  });
}

TEST_P(MessageSockets, WaitWhileTheOtherSideDoesNotRead) {
  run([]() -> Task<> {
    TwoEnds ends = two_ends();
    auto all = scoped(
        [](Scope& scope, TwoEnds* both) -> Task<> {
          constexpr int kMessages = 400;
          CO_ASSERT_OK(scope.spawn(
              [](TwoEnds* of) -> Task<> {
                for (int i = 0; i < kMessages; ++i) {
                  const std::string text = std::to_string(i) + std::string(4000, '.');
                  EXPECT_TRUE(co_await of->one.send(as_bytes(text)));
                }
              },
              both));
          co_await sleep_for(20ms);
          std::vector<std::byte> room(5000);
          for (int i = 0; i < kMessages; ++i) {
            auto came = co_await both->other.receive(room);
            EXPECT_EQ(text_of(room, came), std::to_string(i) + std::string(4000, '.'));
          }
        },
        &ends);
    co_await std::move(all);
  });
}

TEST_P(MessageSockets, TakeNoMessageWhenTheyAreCancelled) {
  run([]() -> Task<> {
    TwoEnds ends = two_ends();
    std::array<std::byte, 16> room;
    auto waiting = timeout(
        5ms, [](MessageSocket* on, std::span<std::byte> into) -> Task<Result<ReceivedMessage>> {
          co_return co_await on->receive(into);
        }(&ends.other, room));
    auto cut_short = co_await std::move(waiting);
    EXPECT_FALSE(cut_short);
    CO_ASSERT_OK(co_await ends.one.send(as_bytes("whole")));
    EXPECT_EQ(text_of(room, co_await ends.other.receive(room)), "whole");
  });
}

// A connection goes to the other end and is used there, while here it is closed.
TEST_P(MessageSockets, HandOpenHandlesOver) {
  run([]() -> Task<> {
    TwoEnds ends = two_ends();
    auto making = test::make_both();
    test::Both both = co_await std::move(making);
    auto making_more = test::make_both();
    test::Both more = co_await std::move(making_more);
    {
      const std::array handles{both.first.native_handle(), more.first.native_handle()};
      CO_ASSERT_OK(co_await ends.one.send(as_bytes("two"), handles));
    }
    both.first.close();
    more.first.close();
    std::array<std::byte, 16> room;
    std::array<NativeHandle, 8> came;
    came.fill(kNoHandle);
    auto message = co_await ends.other.receive(room, came);
    CO_ASSERT_OK(message);
    EXPECT_EQ(text_of(room, message), "two");
    EXPECT_EQ(message->handles, 2u);
    EXPECT_FALSE(message->handles_lost || message->ended());
    auto first = TcpStream::adopt(came[0]);
    auto second = TcpStream::adopt(came[1]);
    CO_ASSERT_OK(first);
    CO_ASSERT_OK(second);
    CO_ASSERT_OK(co_await second->send(as_bytes("of the second")));
    CO_ASSERT_OK(co_await first->send(as_bytes("of the first")));
    auto hearing = hears(&both.second, "of the first");
    EXPECT_TRUE(co_await std::move(hearing));
    auto hearing_more = hears(&more.second, "of the second");
    EXPECT_TRUE(co_await std::move(hearing_more));
  });
}

// Those for which there is no room are closed: nobody has them. The padding behind an odd number
// has room for one more, which the system would give and nobody would close.
TEST_P(MessageSockets, CloseTheHandlesForWhichThereIsNoRoom) {
  for (std::size_t number = 0; number < 3; ++number) {
    run(
        [](std::size_t rooms) -> Task<> {
          TwoEnds ends = two_ends();
          std::vector<test::Both> streams;
          std::vector<NativeHandle> handles;
          for (int i = 0; i < 3; ++i) {
            auto making = test::make_both();
            streams.push_back(co_await std::move(making));
            handles.push_back(streams.back().first.native_handle());
          }
          CO_ASSERT_OK(co_await ends.one.send(as_bytes("three"), handles));
          std::array<std::byte, 16> room;
          std::vector<NativeHandle> came(rooms, kNoHandle);
          auto message = co_await ends.other.receive(room, came);
          CO_ASSERT_OK(message);
          EXPECT_EQ(message->handles, rooms);
          EXPECT_TRUE(message->handles_lost);
          for (const NativeHandle handle : came) {
            Loop::current()->syscalls().close(handle);
          }
          for (test::Both& each : streams) {
            each.first.close();
            auto bytes = co_await each.second.receive();
            EXPECT_TRUE(bytes && bytes->empty()) << "somebody has it still";
          }
        },
        number);
  }
}

// Handles of messages that nobody took are closed with the socket.
TEST_P(MessageSockets, CloseWhatNobodyTook) {
  run([]() -> Task<> {
    TwoEnds ends = two_ends();
    auto making = test::make_both();
    test::Both both = co_await std::move(making);
    const std::array handles{both.first.native_handle()};
    CO_ASSERT_OK(co_await ends.one.send(as_bytes("x"), handles));
    both.first.close();
    ends.other.close();
    ends.one.close();
    auto bytes = co_await both.second.receive();
    EXPECT_TRUE(bytes && bytes->empty());
  });
}

TEST_P(MessageSockets, RefuseWhatCannotGo) {
  run([]() -> Task<> {
    TwoEnds ends = two_ends();
    const std::array wrong{NativeHandle{987'654}};
    EXPECT_EQ((co_await ends.one.send(as_bytes("x"), wrong)).error(),
              std::errc::bad_file_descriptor);
    const std::vector<NativeHandle> many(254, 0);
    EXPECT_EQ((co_await ends.one.send(as_bytes("x"), many)).error(), std::errc::invalid_argument);
    const std::vector<std::byte> huge(50'000'000);
    EXPECT_EQ((co_await ends.one.send(huge)).error(), std::errc::message_size);
    CO_ASSERT_OK(co_await ends.one.send(as_bytes("y")));
    std::array<std::byte, 4> room;
    EXPECT_EQ(text_of(room, co_await ends.other.receive(room)), "y");
  });
}

TEST_P(MessageSockets, AreNotMadeOfOtherSockets) {
  run([]() -> Task<> {
    auto making = test::make_both();
    test::Both both = co_await std::move(making);
    EXPECT_EQ(MessageSocket::adopt(both.first.native_handle()).error(), std::errc::not_a_socket);
    EXPECT_EQ(MessageSocket::adopt(987'654).error(), std::errc::bad_file_descriptor);
  });
}

}  // namespace
}  // namespace vigil

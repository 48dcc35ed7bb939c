// Streams (semantics N1), on every engine.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/streams.hpp"
#include "vigil/coro/scoped.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class StreamTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(StreamTest);

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

Task<> echo_all(Scope& scope, TcpListener* listener, int connections) {
  for (int i = 0; i < connections; ++i) {
    auto peer = co_await listener->accept();
    CO_ASSERT_OK(peer);
    CO_ASSERT_OK(scope.spawn(&echo, std::move(*peer)));
  }
}

Task<> ask(Address at, unsigned connection, unsigned requests) {
  auto connecting = TcpStream::connect(at);
  auto stream = co_await std::move(connecting);
  CO_ASSERT_OK(stream);
  for (unsigned request = 0; request < requests; ++request) {
    const std::string sent =
        payload(connection, request, 1 + (connection * 977 + request * 3571) % 20000);
    auto asked = co_await stream->send(as_bytes(sent));
    CO_ASSERT_OK(asked);
    auto answer = receive_exactly(*stream, sent.size());
    const std::string got = co_await std::move(answer);
    CO_ASSERT_TRUE(got == sent);
  }
}

// N1.1
TEST_P(StreamTest, GivesEachConnectionItsOwnBytesInOrder) {
  run([]() -> Task<> {
    constexpr int kConnections = 50;
    auto listener = TcpListener::listen(Address::loopback(0));
    CO_ASSERT_OK(listener);
    auto all_of_it = scoped(
        [](Scope& scope, TcpListener* from) -> Task<> {
          for (unsigned i = 0; i < kConnections; ++i) {
            CO_ASSERT_OK(scope.spawn(&ask, *from->local_address(), i, 20u));
          }
          auto serving = scoped(&echo_all, from, kConnections);
          co_await std::move(serving);
        },
        &*listener);
    co_await std::move(all_of_it);
  });
}

// N1.2: also when the end is known before the bytes are read, and when it comes in their batch.
TEST_P(StreamTest, AnswersDataFollowedAtOnceByTheEndThenCloses) {
  run([]() -> Task<> {
    for (const bool parked : {false, true}) {
      for (const std::size_t size :
           {std::size_t{1}, std::size_t{Buffers::kSize}, std::size_t{50000}}) {
        auto making = make_ends();
        Ends ends = co_await std::move(making);
        const std::string sent = payload(parked, static_cast<unsigned>(size), size);
        if (!parked) {
          CO_ASSERT_TRUE(ends.peer.write(sent));
          ::shutdown(ends.peer.get(), SHUT_WR);
          co_await sleep_for(2ms);  // an event told of both before anybody asked
        }
        std::string got;
        if (parked) {
          std::jthread peer([&] {
            std::this_thread::sleep_for(2ms);
            EXPECT_TRUE(ends.peer.write(sent));
            ::shutdown(ends.peer.get(), SHUT_WR);
          });
          auto receiving = receive_exactly(ends.stream, size);
          got = co_await std::move(receiving);
        } else {
          auto receiving = receive_exactly(ends.stream, size);
          got = co_await std::move(receiving);
        }
        CO_ASSERT_TRUE(got == sent);
        auto end = co_await ends.stream.receive();
        CO_ASSERT_OK(end);
        EXPECT_TRUE(end->empty());
        auto again = co_await ends.stream.receive();  // the end stays
        CO_ASSERT_OK(again);
        EXPECT_TRUE(again->empty());
        auto answered = co_await ends.stream.send(as_bytes("answer"));
        CO_ASSERT_OK(answered);
        ends.stream.close();
        EXPECT_EQ(ends.peer.read(), "answer");
        EXPECT_EQ(ends.peer.read(), "");
      }
    }
  });
}

// N1.3
TEST_P(StreamTest, ReadsOnAfterItEndedItsOwnSide) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    auto sent = co_await ends.stream.send(as_bytes("last words"));
    CO_ASSERT_OK(sent);
    CO_ASSERT_OK(ends.stream.shutdown(Direction::write));
    EXPECT_EQ(ends.peer.read(), "last words");
    EXPECT_EQ(ends.peer.read(), "");
    CO_ASSERT_TRUE(ends.peer.write("heard"));
    auto heard = co_await ends.stream.receive();
    CO_ASSERT_OK(heard);
    EXPECT_EQ(as_text(heard->bytes()), "heard");
    auto late = co_await ends.stream.send(as_bytes("more"));
    EXPECT_EQ(late.error(), std::errc::broken_pipe);
  });
}

Task<> expect_reset(TcpStream* stream) {
  auto got = co_await stream->receive();
  CO_ASSERT_TRUE(!got);
  EXPECT_EQ(got.error(), std::errc::connection_reset) << got.error().message();
}

// N1.4: told once as the reset that it is, never as an orderly end.
TEST_P(StreamTest, TellsAResetToTheReaderThatWaits) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    std::jthread peer([&] {
      std::this_thread::sleep_for(5ms);
      ends.peer.reset();
    });
    co_await expect_reset(&ends.stream);
  });
}

TEST_P(StreamTest, TellsAResetThatCameBeforeTheReader) {
  run([]() -> Task<> {
    for (const bool noticed : {false, true}) {
      auto making = make_ends();
      Ends ends = co_await std::move(making);
      ends.peer.reset();
      if (noticed) {
        co_await sleep_for(5ms);
      }
      co_await expect_reset(&ends.stream);
    }
  });
}

TEST_P(StreamTest, TellsAResetToTheSender) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    ends.peer.reset();
    auto sent = co_await ends.stream.send(as_bytes("into the void"));
    CO_ASSERT_TRUE(!sent);
    EXPECT_TRUE(sent.error() == std::errc::connection_reset ||
                sent.error() == std::errc::broken_pipe);
    auto again = co_await ends.stream.send(as_bytes("more"));
    EXPECT_EQ(again.error(), std::errc::broken_pipe);
  });
}

TEST_P(StreamTest, TellsAResetToTheSenderThatWaitsForRoom) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    std::jthread peer([&] {
      std::this_thread::sleep_for(20ms);
      ends.peer.reset();
    });
    const std::string much(std::size_t{32} << 20, 'x');
    auto sent = co_await ends.stream.send(as_bytes(much));
    CO_ASSERT_TRUE(!sent);
    EXPECT_TRUE(sent.error() == std::errc::connection_reset ||
                sent.error() == std::errc::broken_pipe);
  });
}

// N1.5
TEST_P(StreamTest, SendsAllToASlowReader) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    const std::string sent = payload(7, 8, std::size_t{6} << 20);
    std::string got;
    std::jthread peer([&] {
      for (int i = 0; got.size() < sent.size(); ++i) {
        if (i % 16 == 0) {
          std::this_thread::sleep_for(1ms);
        }
        const std::string part = ends.peer.read(30011);
        if (part.empty()) {
          break;
        }
        got += part;
      }
    });
    auto done = co_await ends.stream.send(as_bytes(sent));
    CO_ASSERT_OK(done);
    peer.join();
    EXPECT_TRUE(got == sent);
  });
}

TEST_P(StreamTest, SendsSeveralSpansInOrderThroughAFullSocket) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    std::vector<std::string> texts;
    std::string sent;
    for (unsigned i = 0; i < 300; ++i) {
      texts.push_back(payload(i, i, i % 7 == 0 ? 0 : 20000 + i));
      sent += texts.back();
    }
    std::vector<ByteView> parts;
    for (const std::string& text : texts) {
      parts.push_back(as_bytes(text));
    }
    std::string got;
    std::jthread peer([&] {
      for (std::string part; got.size() < sent.size() && !(part = ends.peer.read()).empty();) {
        got += part;
      }
    });
    auto done = co_await ends.stream.send(std::span<ByteView>(parts));
    CO_ASSERT_OK(done);
    peer.join();
    EXPECT_TRUE(got == sent);
  });
}

TEST_P(StreamTest, ReadsIntoTheCallersRoom) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    CO_ASSERT_TRUE(ends.peer.write("abcdef"));
    std::array<std::byte, 4> room;
    auto first = co_await ends.stream.read(room);
    CO_ASSERT_OK(first);
    EXPECT_EQ(as_text(ByteView(room).first(*first)), "abcd");
    auto rest = co_await ends.stream.receive();
    CO_ASSERT_OK(rest);
    EXPECT_EQ(as_text(rest->bytes()), "ef");
    ends.peer.close();
    auto end = co_await ends.stream.read(room);
    CO_ASSERT_OK(end);
    EXPECT_EQ(*end, 0u);
  });
}

Task<> count_everything(TcpStream* from, std::size_t* count) {
  while (auto bytes = co_await from->receive()) {
    if (bytes->empty()) {
      break;
    }
    *count += bytes->bytes().size();
  }
}

// N1.1: both directions of a stream at once, more than the sockets hold.
TEST_P(StreamTest, ReadsWhileItWrites) {
  run([]() -> Task<> {
    auto making = make_both();
    Both both = co_await std::move(making);
    const std::string much(std::size_t{8} << 20, 'x');
    std::size_t got[2] = {0, 0};
    auto everything = scoped(
        [](Scope& scope, Both* both_ends, const std::string* text, std::size_t* counts) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&count_everything, &both_ends->first, &counts[0]));
          CO_ASSERT_OK(scope.spawn(&count_everything, &both_ends->second, &counts[1]));
          auto send = [](TcpStream* to, const std::string* what) -> Task<> {
            auto sent = co_await to->send(as_bytes(*what));
            EXPECT_TRUE(sent);
            EXPECT_TRUE(to->shutdown(Direction::write));
          };
          CO_ASSERT_OK(scope.spawn(send, &both_ends->first, text));
          CO_ASSERT_OK(scope.spawn(send, &both_ends->second, text));
        },
        &both, &much, &got[0]);
    co_await std::move(everything);
    EXPECT_EQ(got[0], much.size());
    EXPECT_EQ(got[1], much.size());
  });
}

// N1.6
Task<> read_twice(bool first_by_read, bool second_by_read) {
  auto making = make_ends();
  Ends ends = co_await std::move(making);
  auto reading = [](Scope& scope, TcpStream* stream, bool first, bool second) -> Task<> {
    auto one = [](TcpStream* from, bool by_read) -> Task<> {
      std::array<std::byte, 4> room;
      if (by_read) {
        static_cast<void>(co_await from->read(room));
      } else {
        static_cast<void>(co_await from->receive());
      }
    };
    static_cast<void>(scope.spawn(one, stream, first));
    static_cast<void>(scope.spawn(one, stream, second));
    co_return;
  };
  auto all_of_it = scoped(reading, &ends.stream, first_by_read, second_by_read);
  co_await std::move(all_of_it);
}

TEST_P(StreamTest, RefusesASecondReader) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const bool first : {false, true}) {
    for (const bool second : {false, true}) {
      EXPECT_DEATH(run(&read_twice, first, second), "second task began to read") << first << second;
    }
  }
}

// Two tasks that each send more than the peer, who does not read, can take.
Task<> write_twice() {
  auto making = make_ends();
  Ends ends = co_await std::move(making);
  auto writing = [](Scope& scope, TcpStream* stream) -> Task<> {
    auto one = [](TcpStream* to) -> Task<> {
      const std::vector<std::byte> much(std::size_t{64} << 20);
      static_cast<void>(co_await to->send(much));
    };
    static_cast<void>(scope.spawn(one, stream));
    static_cast<void>(scope.spawn(one, stream));
    co_return;
  };
  auto all_of_it = scoped(writing, &ends.stream);
  co_await std::move(all_of_it);
}

TEST_P(StreamTest, RefusesASecondWriter) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run(&write_twice), "second task began to write");
}

TEST_P(StreamTest, RefusesToBeDestroyedUnderItsReader) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto making = make_ends();
                 Ends ends = co_await std::move(making);
                 auto reading = [](Scope& scope, TcpStream* stream) -> Task<> {
                   auto one = [](TcpStream* from) -> Task<> {
                     static_cast<void>(co_await from->receive());
                   };
                   static_cast<void>(scope.spawn(one, stream));
                   stream->close();
                   co_return;
                 };
                 auto all_of_it = scoped(reading, &ends.stream);
                 co_await std::move(all_of_it);
               }),
               "destroyed while a task waits on it");
}

}  // namespace
}  // namespace vigil::test

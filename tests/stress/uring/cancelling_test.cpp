// Cancel at every point of every operation that the ring carries: each ends once, what it borrowed
// is not touched afterwards, and every buffer is back. Hazards 24, 25, 26.
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "tests/stress/uring/ring_fixture.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/wait.hpp"
#include "vigil/net/udp.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class Cancelling : public RingTest {};
INSTANTIATE_ON_RINGS(Cancelling);

// Memory that an operation borrows: afterwards it is filled, and must stay as it was.
class Borrowed {
 public:
  explicit Borrowed(std::size_t size) : bytes(size) {}
  void given_back() { std::memset(bytes.data(), kFill, bytes.size()); }
  bool untouched() const {  // each byte is as the one before it
    return bytes[0] == std::byte{kFill} &&
           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
  }
  std::vector<std::byte> bytes;

 private:
  static constexpr unsigned char kFill = 0xa5;
};

using Operation = Task<> (*)(Ends* ends, Borrowed* memory, unsigned* ended);

Task<> receives(Ends* ends, Borrowed* memory, unsigned* ended) {
  static_cast<void>(co_await ends->stream.receive());
  memory->given_back();
  ++*ended;
}
Task<> reads(Ends* ends, Borrowed* memory, unsigned* ended) {
  static_cast<void>(co_await ends->stream.read(memory->bytes));
  memory->given_back();
  ++*ended;
}
Task<> sends(Ends* ends, Borrowed* memory, unsigned* ended) {
  static_cast<void>(co_await ends->stream.send(memory->bytes));
  memory->given_back();
  ++*ended;
}
Task<> sends_without_a_copy(Ends* ends, Borrowed* memory, unsigned* ended) {
  static_cast<void>(co_await ends->stream.send_zero_copy(memory->bytes));
  memory->given_back();
  ++*ended;
}
Task<> sends_spans(Ends* ends, Borrowed* memory, unsigned* ended) {
  std::array<ByteView, 2> parts{memory->bytes, memory->bytes};
  static_cast<void>(co_await ends->stream.send(std::span<ByteView>(parts)));
  memory->given_back();
  ++*ended;
}
Task<> accepts(Ends*, Borrowed* memory, unsigned* ended) {
  auto listener = TcpListener::listen(Address::loopback(0));
  CO_ASSERT_OK(listener);
  static_cast<void>(co_await listener->accept());
  memory->given_back();
  ++*ended;
}
Task<> connects(Ends*, Borrowed* memory, unsigned* ended) {
  auto listener = TcpListener::listen(Address::loopback(0));
  CO_ASSERT_OK(listener);
  auto connecting = TcpStream::connect(*listener->local_address());
  static_cast<void>(co_await std::move(connecting));
  memory->given_back();
  ++*ended;
}
Task<> waits(Ends* ends, Borrowed* memory, unsigned* ended) {
  static_cast<void>(co_await wait_readable(ends->peer.get()));
  memory->given_back();
  ++*ended;
}
Task<> receives_datagrams(Ends*, Borrowed* memory, unsigned* ended) {
  auto socket = UdpSocket::bind(Address::loopback(0));
  CO_ASSERT_OK(socket);
  static_cast<void>(co_await socket->receive_from(memory->bytes));
  memory->given_back();
  ++*ended;
}

constexpr std::pair<const char*, Operation> kOperations[] = {
    {"receive", &receives},
    {"read", &reads},
    {"send", &sends},
    {"spans", &sends_spans},
    {"accept", &accepts},
    {"connect", &connects},
    {"zero copy", &sends_without_a_copy},
    {"readable", &waits},
    {"datagram", &receives_datagrams},
};

// The peer writes and reads at times of its own, so that ends and cancels meet everywhere.
void disturb(int handle, const std::atomic<bool>& over) {
  std::mt19937 random(7);
  std::array<char, 40000> room{};
  while (!over) {
    static_cast<void>(::send(handle, room.data(), random() % 5000, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (random() % 3 == 0) {
      static_cast<void>(::recv(handle, room.data(), room.size(), MSG_DONTWAIT));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60));
  }
}

Task<> cancel_after(Operation operation, unsigned turns, Ends* ends) {
  Borrowed memory(200'000);
  unsigned ended = 0;
  auto whole = scoped(
      [](Scope& scope, Operation what, unsigned many, Ends* on, Borrowed* room,
         unsigned* count) -> Task<> {
        CO_ASSERT_OK(scope.spawn(what, on, room, count));
        for (unsigned i = 0; i < many; ++i) {
          co_await yield();
        }
        scope.cancel();
      },
      operation, turns, ends, &memory, &ended);
  co_await std::move(whole);
  EXPECT_EQ(ended, 1u);
  for (int i = 0; i < 3; ++i) {
    co_await yield();
  }
  EXPECT_TRUE(memory.untouched()) << "the kernel wrote after the end";
}

TEST_P(Cancelling, EndsEveryOperationOnceAtEveryPoint) {
  for (const auto& [name, operation] : kOperations) {
    SCOPED_TRACE(name);
    run(
        [](Operation what) -> Task<> {
          for (unsigned round = 0; round < 60; ++round) {
            auto making = make_ends();
            Ends ends = co_await std::move(making);
            std::atomic<bool> over = false;
            std::jthread peer([&] { disturb(ends.peer.get(), over); });
            for (unsigned turns = 0; turns < 6; ++turns) {
              auto one = cancel_after(what, turns, &ends);
              co_await std::move(one);
            }
            over = true;
            peer.join();
          }
        },
        operation);
  }
}

// A receive that is cancelled and asked again takes the bytes in their order, none lost.
TEST_P(Cancelling, LosesNoBytesOfAStream) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    const std::string text = payload(3, 3, 3'000'000);
    std::jthread peer([&] {
      for (std::size_t at = 0; at < text.size(); at += 7001) {
        EXPECT_TRUE(ends.peer.write(text.substr(at, 7001)));
        if (at % 5 == 0) {
          std::this_thread::sleep_for(50us);
        }
      }
    });
    std::string got;
    for (unsigned round = 0; got.size() < text.size(); ++round) {
      auto step = scoped(
          [](Scope& scope, Ends* on, std::string* into, unsigned number) -> Task<> {
            auto take = [](Ends* from, std::string* all, bool copies) -> Task<> {
              std::array<std::byte, 1000> room;
              while (true) {
                if (copies) {
                  auto count = co_await from->stream.read(room);
                  if (!count || *count == 0) {
                    co_return;
                  }
                  all->append(as_text(ByteView(room).first(*count)));
                } else {
                  auto bytes = co_await from->stream.receive();
                  if (!bytes || bytes->empty()) {
                    co_return;
                  }
                  all->append(as_text(bytes->bytes()));
                }
              }
            };
            CO_ASSERT_OK(scope.spawn(take, on, into, number % 2 == 0));
            for (unsigned i = 0; i < number % 5; ++i) {
              co_await yield();
            }
            scope.cancel();
          },
          &ends, &got, round);
      co_await std::move(step);
      co_await yield();
    }
    EXPECT_TRUE(got == text);
  });
}

}  // namespace
}  // namespace vigil::test

// What the weather does to streams and datagrams: never a wrong byte, and always a way on.
#include <algorithm>
#include <vector>

#include "net_machines.hpp"

namespace vigil::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint32_t kMillion = 1'000'000;

class NetWeather : public MachinesTest {
 protected:
  static Faults only(Fault fault, std::uint32_t rate, Nanos longest = {}) {
    Faults faults = Faults::none();
    faults[fault].rate = rate;
    faults[fault].longest = longest;
    return faults;
  }

  static char byte_at(std::size_t place) { return static_cast<char>(place * 2654435761u >> 11); }

  // Edge-triggered on both sides, as the library is: reads until a short count or EAGAIN, writes
  // until a short count or EAGAIN, and then waits for an edge. Returns how many bytes arrived
  // before the end of time, each of them checked.
  std::size_t transfer(Process& from, int out, Process& to, int in, std::size_t total,
                       std::size_t piece) {
    const int out_epoll = from.epoll_create1(0);
    const int in_epoll = to.epoll_create1(0);
    epoll_event edge{};
    edge.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    EXPECT_EQ(from.epoll_ctl(out_epoll, EPOLL_CTL_ADD, out, &edge), 0);
    EXPECT_EQ(to.epoll_ctl(in_epoll, EPOLL_CTL_ADD, in, &edge), 0);
    std::size_t sent = 0;
    std::size_t got = 0;
    std::string block(piece, '\0');
    std::string room(8192, '\0');
    epoll_event told[4];
    struct Tick : Alarm {
      Clock* clock = nullptr;
    } tick;  // within a machine nothing else lets time pass
    tick.clock = &clock;
    tick.fire = [](Alarm& alarm) noexcept {
      static_cast<Tick&>(alarm).clock->set(alarm, alarm.at + milliseconds(1));
    };
    clock.set(tick, clock.now() + milliseconds(1));
    until(
        [&] {
          for (bool more = from.epoll_wait(out_epoll, told) > 0; more && sent != total;) {
            const std::size_t size = std::min(piece, total - sent);
            for (std::size_t i = 0; i != size; ++i) {
              block[i] = byte_at(sent + i);
            }
            const std::int64_t count = send(from, out, std::string_view(block).substr(0, size));
            sent += count > 0 ? static_cast<std::size_t>(count) : 0;
            more = count == static_cast<std::int64_t>(size) ||
                   (count == -ENOBUFS);  // tried again: no edge tells of memory
            if (count < 0 && count != -EAGAIN && count != -ENOBUFS) {
              return true;
            }
          }
          for (bool more = to.epoll_wait(in_epoll, told) > 0; more;) {
            const std::int64_t count = to.recv(in, std::as_writable_bytes(std::span(room)), 0);
            for (std::int64_t i = 0; i < count; ++i) {
              if (room[static_cast<std::size_t>(i)] != byte_at(got++)) {
                ADD_FAILURE() << "byte " << got - 1 << " is wrong";
                return true;
              }
            }
            more = count == static_cast<std::int64_t>(room.size());
            if (count == 0 || (count < 0 && count != -EAGAIN)) {
              return true;
            }
          }
          return got == total;
        },
        minutes(30));
    clock.stop(tick);
    return got;
  }
  std::size_t transfer(std::size_t total, std::size_t piece) {
    return transfer(process, near, *far, distant, total, piece);
  }
};

TEST_F(NetWeather, ShortReadsAndWritesLoseNoEdge) {
  connect();
  Faults faults = only(Fault::short_read, 900'000);
  faults[Fault::short_write].rate = 900'000;
  weather.set_faults(faults);
  EXPECT_EQ(transfer(1'000'000, 5000), 1'000'000u);
  EXPECT_GT(weather.count(Fault::short_read), 10u);
  EXPECT_GT(weather.count(Fault::short_write), 10u);
}

TEST_F(NetWeather, ShortReadsAndWritesLoseNoEdgeWithinAMachine) {
  Faults faults = only(Fault::short_read, 900'000);
  faults[Fault::short_write].rate = 900'000;
  weather.set_faults(faults);
  int ends[2];
  ASSERT_EQ(process.socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_EQ(transfer(process, ends[0], process, ends[1], 400'000, 500), 400'000u);
  const int local_listener = process.socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in where = name(0, 7000);
  EXPECT_EQ(process.bind(local_listener, any(where), sizeof where), 0);
  EXPECT_EQ(process.listen(local_listener, 5), 0);
  const int client = process.socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(process.connect(client, any(where), sizeof where), -EINPROGRESS);
  const int server = process.accept4(local_listener, nullptr, nullptr, 0);
  EXPECT_EQ(transfer(process, client, process, server, 400'000, 500), 400'000u);
}

TEST_F(NetWeather, LostSegmentsComeLateAndInOrder) {
  connect();
  weather.set_faults(only(Fault::lost_segment, 200'000));
  const Instant begin = clock.now();
  EXPECT_EQ(transfer(300'000, 1000), 300'000u);
  EXPECT_GT(weather.count(Fault::lost_segment), 10u);
  EXPECT_GT(clock.now() - begin, milliseconds(200));
}

TEST_F(NetWeather, DelayedSegmentsStayInOrder) {
  connect();
  weather.set_faults(only(Fault::delayed_segment, 300'000, milliseconds(50)));
  EXPECT_EQ(transfer(300'000, 1000), 300'000u);
  EXPECT_GT(weather.count(Fault::delayed_segment), 10u);
}

TEST_F(NetWeather, ALostHandshakeIsTriedAgain) {
  weather.set_faults(only(Fault::lost_segment, kMillion));
  listener = far_listener();
  near = begin_connect();
  pass(milliseconds(1500));
  EXPECT_EQ(poll(process, near), 0u);
  weather.set_faults(Faults::none());
  pass(seconds(3));
  EXPECT_EQ(poll(process, near), kWritable);
}

TEST_F(NetWeather, AMiddleboxResetsBothEnds) {
  connect();
  weather.set_faults(only(Fault::reset_stream, kMillion));
  EXPECT_EQ(send(process, near, "swallowed"), 9);
  pass(milliseconds(5));
  EXPECT_EQ(receive(process, near), std::to_string(-ECONNRESET));
  EXPECT_EQ(receive(*far, distant), std::to_string(-ECONNRESET));
}

// The segment that the middlebox took became a reset; when that was lost on a link that was down,
// what was sent behind it arrived as if nothing had been between: a line of the chat without its
// head.
TEST_F(NetWeather, NothingArrivesBehindWhatAMiddleboxTook) {
  connect();
  EXPECT_EQ(send(process, near, "before "), 7);
  pass(milliseconds(5));
  EXPECT_EQ(receive(*far, distant), "before ");
  network.cut(0, 1, true);
  weather.set_faults(only(Fault::reset_stream, kMillion));
  EXPECT_EQ(send(process, near, "swallowed "), 10);
  weather.set_faults(Faults::none());
  EXPECT_EQ(send(process, near, "behind"), 6);
  pass(milliseconds(100));
  network.cut(0, 1, false);
  pass(seconds(10));
  EXPECT_EQ(receive(process, near), std::to_string(-ECONNRESET));
  const std::string got = receive(*far, distant);
  EXPECT_TRUE(got == std::to_string(-ECONNRESET) || got == std::to_string(-EAGAIN)) << got;
}

TEST_F(NetWeather, NoMemoryIsSaidAndHasTakenNothing) {
  connect();
  weather.set_faults(only(Fault::no_memory, 200'000));
  EXPECT_EQ(transfer(300'000, 1000), 300'000u);
  EXPECT_GT(weather.count(Fault::no_memory), 10u);
  weather.set_faults(only(Fault::no_memory, kMillion));
  EXPECT_EQ(send(process, near, "x"), -ENOBUFS);
  EXPECT_EQ(process.socket(AF_INET, SOCK_STREAM, 0), -ENOBUFS);
}

TEST_F(NetWeather, AnAbortedAcceptTakesTheConnectionAway) {
  listener = far_listener();
  near = begin_connect();
  pass(milliseconds(10));
  weather.set_faults(only(Fault::aborted_accept, kMillion));
  EXPECT_EQ(far->accept4(listener, nullptr, nullptr, 0), -ECONNABORTED);
  EXPECT_EQ(far->accept4(listener, nullptr, nullptr, 0), -EAGAIN);
  pass(milliseconds(10));
  EXPECT_EQ(error(process, near), ECONNRESET);
}

TEST_F(NetWeather, AConnectionWaitsOnWhenThereIsNoDescriptor) {
  listener = far_listener();
  near = begin_connect();
  pass(milliseconds(10));
  weather.set_faults(only(Fault::no_descriptor, kMillion));
  EXPECT_EQ(far->accept4(listener, nullptr, nullptr, 0), -EMFILE);
  weather.set_faults(Faults::none());
  distant = far->accept4(listener, nullptr, nullptr, 0);
  ASSERT_GE(distant, 0);
  EXPECT_EQ(send(process, near, "still there"), 11);
  pass(milliseconds(10));
  EXPECT_EQ(receive(*far, distant), "still there");
}

TEST_F(NetWeather, DatagramsAreLostDoubledAndReordered) {
  Faults faults = only(Fault::lost_datagram, 100'000);
  faults[Fault::duplicated_datagram].rate = 100'000;
  faults[Fault::reordered_datagram].rate = 200'000;
  faults[Fault::reordered_datagram].longest = milliseconds(5);
  weather.set_faults(faults);
  const int in = far->socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in where = name(1, 5000);
  ASSERT_EQ(far->bind(in, any(where), sizeof where), 0);
  const int out = process.socket(AF_INET, SOCK_DGRAM, 0);
  ASSERT_EQ(process.connect(out, any(where), sizeof where), 0);
  std::vector<int> got;
  for (int i = 0; i != 500; ++i) {
    EXPECT_GT(send(process, out, std::to_string(i)), 0);
    pass(milliseconds(1));
    for (std::string text; (text = receive(*far, in)) != "-11";) {
      got.push_back(std::stoi(text));
    }
  }
  EXPECT_FALSE(std::is_sorted(got.begin(), got.end()));
  std::sort(got.begin(), got.end());
  EXPECT_NE(std::adjacent_find(got.begin(), got.end()), got.end());
  got.erase(std::unique(got.begin(), got.end()), got.end());
  EXPECT_GT(got.size(), 400u);
  EXPECT_LT(got.size(), 500u);
  EXPECT_GE(got.front(), 0);
  EXPECT_LT(got.back(), 500);
}

TEST_F(NetWeather, ReusedPortsShareByPeerAndSeed) {
  const int on = 1;
  std::vector<int> listeners;
  for (int i = 0; i != 3; ++i) {
    const int fd = far->socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(far->setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
    const sockaddr_in where = name(1, 7000);
    EXPECT_EQ(far->bind(fd, any(where), sizeof where), 0);
    EXPECT_EQ(far->listen(fd, 100), 0);
    listeners.push_back(fd);
  }
  for (int i = 0; i != 60; ++i) {
    begin_connect();
  }
  pass(milliseconds(10));
  int total = 0;
  for (const int fd : listeners) {
    int count = 0;
    while (far->accept4(fd, nullptr, nullptr, 0) >= 0) {
      ++count;
    }
    EXPECT_GT(count, 5);
    total += count;
  }
  EXPECT_EQ(total, 60);
}

}  // namespace
}  // namespace vigil::sim

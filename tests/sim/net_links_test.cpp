// Streams and datagrams between machines: time, order, windows, cuts, and machines that vanish.
#include "net_machines.hpp"

namespace vigil::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class Links : public MachinesTest {
 protected:
  Links() {
    Link link;
    link.latency = milliseconds(1);
    link.jitter = {};
    network.set_default(link);
  }
};

TEST_F(Links, AHandshakeTakesARoundTripAndAHalf) {
  listener = far_listener();
  near = begin_connect();
  EXPECT_EQ(poll(process, near), 0u);
  pass(microseconds(1900));
  EXPECT_EQ(poll(process, near), 0u);
  pass(microseconds(200));
  EXPECT_EQ(poll(process, near), kWritable);
  EXPECT_EQ(far->accept4(listener, nullptr, nullptr, 0), -EAGAIN);
  EXPECT_EQ(poll(*far, listener), 0u);
  pass(milliseconds(1));
  EXPECT_EQ(poll(*far, listener), kReadable);
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  distant = far->accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size, 0);
  EXPECT_GE(distant, 0);
  EXPECT_EQ(ntohl(peer.sin_addr.s_addr), 0x0a000001u);
}

TEST_F(Links, NobodyListensIsRefusedAfterARoundTrip) {
  near = begin_connect(7001);
  const Nanos took = until([&] { return poll(process, near) != 0; }, seconds(1));
  EXPECT_GE(took, milliseconds(2));
  EXPECT_LT(took, milliseconds(3));
  EXPECT_EQ(error(process, near), ECONNREFUSED);
}

TEST_F(Links, BytesArriveInOrderAfterTheLatency) {
  connect();
  EXPECT_EQ(send(process, near, "one "), 4);
  EXPECT_EQ(send(process, near, "two"), 3);
  pass(microseconds(900));
  EXPECT_EQ(receive(*far, distant), "-11");
  pass(microseconds(200));
  EXPECT_EQ(receive(*far, distant), "one two");
  EXPECT_EQ(send(*far, distant, "answer"), 6);
  pass(milliseconds(2));
  EXPECT_EQ(receive(process, near), "answer");
}

TEST_F(Links, EachSegmentThatArrivesIsAnEdge) {
  connect();
  const int epoll = far->epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  EXPECT_EQ(far->epoll_ctl(epoll, EPOLL_CTL_ADD, distant, &event), 0);
  epoll_event told[4];
  for (int i = 0; i != 3; ++i) {
    EXPECT_EQ(send(process, near, "more"), 4);
    EXPECT_EQ(far->epoll_wait(epoll, told), 0);
    pass(milliseconds(2));
    EXPECT_EQ(far->epoll_wait(epoll, told), 1);
  }
  EXPECT_EQ(receive(*far, distant), "moremoremore");
}

TEST_F(Links, TenMegabytesTakeWhatTheBandwidthSays) {
  for (const std::uint64_t rate : {std::uint64_t{12'500'000}, std::uint64_t{50'000'000}}) {
    network.link(0, 1) = Link{milliseconds(0), Nanos(0), rate, false};
    network.link(1, 0) = Link{microseconds(100), Nanos(0), rate, false};
    connect();
    constexpr std::size_t kTotal = 10'000'000;
    std::string block(65536, 'x');
    std::string room(1 << 20, '\0');
    std::size_t sent = 0;
    std::size_t got = 0;
    std::uint64_t sum_sent = 0;
    std::uint64_t sum_got = 0;
    const Nanos took = until(
        [&] {
          while (sent < kTotal) {
            const std::size_t size = std::min(block.size(), kTotal - sent);
            for (std::size_t i = 0; i < size; ++i) {
              block[i] = static_cast<char>((sent + i) * 2654435761u >> 13);
            }
            const std::int64_t count = send(process, near, std::string_view(block).substr(0, size));
            if (count <= 0) {
              EXPECT_EQ(count, -EAGAIN);
              break;
            }
            for (std::int64_t i = 0; i < count; ++i) {
              sum_sent =
                  sum_sent * 31 + static_cast<unsigned char>(block[static_cast<std::size_t>(i)]);
            }
            sent += static_cast<std::size_t>(count);
          }
          std::int64_t count = 0;
          while ((count = far->recv(distant, std::as_writable_bytes(std::span(room)), 0)) > 0) {
            for (std::int64_t i = 0; i < count; ++i) {
              sum_got =
                  sum_got * 31 + static_cast<unsigned char>(room[static_cast<std::size_t>(i)]);
            }
            got += static_cast<std::size_t>(count);
          }
          return got == kTotal;
        },
        minutes(1));
    EXPECT_EQ(got, kTotal);
    EXPECT_EQ(sum_sent, sum_got);
    const double expected = static_cast<double>(kTotal) / static_cast<double>(rate);
    const double seconds_taken = std::chrono::duration<double>(took).count();
    EXPECT_GT(seconds_taken, expected * 0.99);
    EXPECT_LT(seconds_taken, expected * 1.1);
    process.close(near);
    far->close(distant);
    far->close(listener);
    pass(seconds(1));
  }
}

TEST_F(Links, AReaderThatDoesNotReadStopsTheWriter) {
  connect();
  const std::string block(65536, 'x');
  std::size_t sent = 0;
  for (int round = 0; round != 50; ++round) {
    std::int64_t count = 0;
    while ((count = send(process, near, block)) > 0) {
      sent += static_cast<std::size_t>(count);
    }
    EXPECT_EQ(count, -EAGAIN);
    pass(milliseconds(10));
  }
  EXPECT_EQ(sent, 256u * 1024);  // both buffers
  EXPECT_EQ(poll(process, near), 0u);
  std::string room(1 << 20, '\0');
  EXPECT_EQ(far->recv(distant, std::as_writable_bytes(std::span(room)), 0), 128 * 1024);
  EXPECT_EQ(poll(process, near), 0u);
  pass(milliseconds(5));
  EXPECT_EQ(poll(process, near), kWritable);
}

TEST_F(Links, WritableIsAnEdgeWhenTheAcknowledgementComes) {
  connect();
  const int epoll = process.epoll_create1(0);
  const std::string block(200'000, 'x');
  EXPECT_EQ(send(process, near, block), 128 * 1024);
  EXPECT_EQ(watch(epoll, near, EPOLLIN | EPOLLOUT | EPOLLET), 0);
  EXPECT_TRUE(wait(epoll).empty());
  EXPECT_EQ(until([&] { return !wait(epoll).empty(); }, seconds(1)) < milliseconds(5), true);
  EXPECT_EQ(poll(process, near), kWritable);
}

TEST_F(Links, WritableIsAThirdOfTheBufferFree) {
  connect();
  EXPECT_EQ(send(process, near, std::string(87'000, 'x')), 87'000);
  EXPECT_EQ(poll(process, near), kWritable);
  EXPECT_EQ(send(process, near, std::string(1'000, 'x')), 1'000);
  EXPECT_EQ(poll(process, near), 0u);
  EXPECT_EQ(send(process, near, "still taken"), 11);
}

TEST_F(Links, TheEndAndTheResetComeAfterTheBytes) {
  connect();
  EXPECT_EQ(send(process, near, "last"), 4);
  EXPECT_EQ(process.close(near), 0);
  pass(milliseconds(2));
  EXPECT_EQ(poll(*far, distant), kReadable | kWritable | kPeerClosed);
  EXPECT_EQ(receive(*far, distant), "last");
  EXPECT_EQ(receive(*far, distant), "");
  EXPECT_EQ(send(*far, distant, "too late"), 8);
  pass(milliseconds(3));
  EXPECT_EQ(send(*far, distant, "x"), -EPIPE);
  EXPECT_EQ(far->close(distant), 0);
}

TEST_F(Links, ClosingWithBytesUnreadResetsTheFarEnd) {
  connect();
  EXPECT_EQ(send(*far, distant, "never read"), 10);
  pass(milliseconds(2));
  EXPECT_EQ(process.close(near), 0);
  pass(milliseconds(2));
  EXPECT_EQ(receive(*far, distant), std::to_string(-ECONNRESET));
}

TEST_F(Links, ACutDelaysAndHealingDelivers) {
  connect();
  network.cut(0, 1, true);
  EXPECT_EQ(send(process, near, "held"), 4);
  pass(seconds(10));
  EXPECT_EQ(receive(*far, distant), "-11");
  EXPECT_EQ(poll(process, near), kWritable);
  network.cut(0, 1, false);
  const Nanos took = until([&] { return poll(*far, distant) != kWritable; }, seconds(60));
  EXPECT_LT(took, seconds(13));  // the timeout doubled meanwhile
  EXPECT_EQ(receive(*far, distant), "held");
  EXPECT_EQ(send(*far, distant, "back"), 4);
  pass(milliseconds(2));
  EXPECT_EQ(receive(process, near), "back");
}

TEST_F(Links, ACutThatStaysTimesOut) {
  connect();
  network.cut(0, 1, true);
  EXPECT_EQ(send(process, near, "held"), 4);
  const Nanos took = until([&] { return (poll(process, near) & kError) != 0; }, minutes(10));
  EXPECT_GE(took, minutes(2));
  EXPECT_LT(took, minutes(2) + seconds(1));
  EXPECT_EQ(error(process, near), ETIMEDOUT);
  EXPECT_EQ(receive(process, near), "");
  pass(minutes(10));
  EXPECT_EQ(poll(*far, distant), kWritable);  // nobody told it
}

TEST_F(Links, TcpUserTimeoutIsSooner) {
  connect();
  const int limit = 5000;
  EXPECT_EQ(process.setsockopt(near, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit), 0);
  network.cut(0, 1, true);
  EXPECT_EQ(send(process, near, "held"), 4);
  const Nanos took = until([&] { return (poll(process, near) & kError) != 0; }, minutes(10));
  EXPECT_LT(took, seconds(6));
  EXPECT_EQ(error(process, near), ETIMEDOUT);
}

TEST_F(Links, LostAcknowledgementsTimeOutThoughTheBytesArrived) {
  connect();
  network.link(1, 0).cut = true;
  EXPECT_EQ(send(process, near, "arrives"), 7);
  pass(milliseconds(2));
  EXPECT_EQ(receive(*far, distant), "arrives");
  until([&] { return (poll(process, near) & kError) != 0; }, minutes(10));
  EXPECT_EQ(error(process, near), ETIMEDOUT);
}

TEST_F(Links, ConnectingAcrossACutTimesOut) {
  listener = far_listener();
  network.cut(0, 1, true);
  near = begin_connect();
  const Nanos took = until([&] { return poll(process, near) != 0; }, minutes(10));
  EXPECT_EQ(took / seconds(1), 127);
  EXPECT_EQ(error(process, near), ETIMEDOUT);
  near = begin_connect();
  pass(seconds(2));
  network.cut(0, 1, false);
  until([&] { return poll(process, near) == kWritable; }, seconds(5));
  EXPECT_EQ(poll(process, near), kWritable);
}

TEST_F(Links, AddressesThatNobodyHas) {
  const int fd = process.socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where = name(77, 80);
  EXPECT_EQ(process.connect(fd, any(where), sizeof where), -EINPROGRESS);
  until([&] { return poll(process, fd) != 0; }, minutes(1));
  EXPECT_EQ(error(process, fd), EHOSTUNREACH);
  where.sin_addr.s_addr = htonl(0xc0000201);  // 192.0.2.1
  const int other = process.socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(process.connect(other, any(where), sizeof where), -ENETUNREACH);
}

TEST_F(Links, AMachineThatCrashedAnswersWithResets) {
  connect();
  far_kernel->crash();
  pass(minutes(1));
  EXPECT_EQ(poll(process, near), kWritable);  // nothing was said
  EXPECT_EQ(send(process, near, "anybody?"), 8);
  pass(milliseconds(3));
  EXPECT_EQ(receive(process, near), std::to_string(-ECONNRESET));
}

TEST_F(Links, TheResetOfACrashedMachineMayBeLostToo) {
  connect();
  far_kernel->crash();
  network.link(1, 0).cut = true;
  EXPECT_EQ(send(process, near, "anybody?"), 8);
  pass(minutes(1));
  EXPECT_EQ(poll(process, near), kWritable);
  network.link(1, 0).cut = false;
  until([&] { return (poll(process, near) & kError) != 0; }, minutes(3));
  EXPECT_EQ(error(process, near), ECONNRESET);
}

TEST_F(Links, WhoWaitsForRoomAsksAgainWhenTheResetWasLost) {
  connect();
  const std::string block(400'000, 'x');
  while (send(process, near, block) > 0) {
    pass(milliseconds(5));
  }
  network.cut(0, 1, true);
  EXPECT_EQ(far->close(distant), 0);  // with bytes unread: a reset
  pass(seconds(1));
  EXPECT_EQ(poll(process, near), 0u);
  network.cut(0, 1, false);
  until([&] { return (poll(process, near) & kError) != 0; }, minutes(3));
  EXPECT_EQ(error(process, near), ECONNRESET);
}

TEST_F(Links, AMachineWithoutPowerAnswersNothing) {
  connect();
  far_kernel->crash();
  network.power(1, false);
  EXPECT_EQ(send(process, near, "anybody?"), 8);
  pass(minutes(1));
  EXPECT_EQ(poll(process, near), kWritable);
  network.power(1, true);
  until([&] { return (poll(process, near) & kError) != 0; }, minutes(3));
  EXPECT_EQ(error(process, near), ECONNRESET);
}

TEST_F(Links, WhoWaitsForRoomOfACrashedMachineHearsOfIt) {
  connect();
  const std::string block(400'000, 'x');
  while (send(process, near, block) > 0) {
    pass(milliseconds(5));
  }
  pass(seconds(1));
  far_kernel->crash();
  until([&] { return (poll(process, near) & kError) != 0; }, minutes(10));
  EXPECT_EQ(error(process, near), ECONNRESET);
}

TEST_F(Links, KeepAliveEndsWhatNobodyElseWould) {
  connect();
  const auto set = [&](int level, int option, int value) {
    EXPECT_EQ(process.setsockopt(near, level, option, &value, sizeof value), 0);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 2);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  pass(minutes(5));
  EXPECT_EQ(poll(process, near), kWritable);  // the probes are answered
  network.cut(0, 1, true);
  const Nanos took = until([&] { return (poll(process, near) & kError) != 0; }, minutes(10));
  EXPECT_LT(took, seconds(20));
  EXPECT_EQ(error(process, near), ETIMEDOUT);
}

TEST_F(Links, KeepAliveFindsACrash) {
  connect();
  const int on = 1;
  EXPECT_EQ(process.setsockopt(near, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
  far_kernel->crash();
  const Nanos took =
      until([&] { return (poll(process, near) & kError) != 0; }, std::chrono::hours(5));
  EXPECT_GT(took, std::chrono::hours(1));
  EXPECT_EQ(error(process, near), ECONNRESET);
}

TEST_F(Links, TheSendersCrashIsSilent) {
  connect();
  EXPECT_EQ(send(process, near, "lost with it"), 12);
  kernel.crash();
  pass(minutes(5));
  EXPECT_EQ(poll(*far, distant), kWritable);
  EXPECT_EQ(send(*far, distant, "anybody?"), 8);
  pass(milliseconds(3));
  EXPECT_EQ(receive(*far, distant), std::to_string(-ECONNRESET));
}

TEST_F(Links, HeldBytesGoTogetherOrAfterAWhile) {
  connect();
  EXPECT_EQ(process.send(near, bytes("head"), MSG_NOSIGNAL | MSG_MORE), 4);
  pass(milliseconds(50));
  EXPECT_EQ(receive(*far, distant), "-11");
  EXPECT_EQ(send(process, near, " body"), 5);
  pass(milliseconds(2));
  EXPECT_EQ(receive(*far, distant), "head body");
  EXPECT_EQ(process.send(near, bytes("alone"), MSG_NOSIGNAL | MSG_MORE), 5);
  pass(milliseconds(202));
  EXPECT_EQ(receive(*far, distant), "alone");
}

TEST_F(Links, DatagramsCrossAndAreRefused) {
  const int fd = far->socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in where = name(1, 5000);
  EXPECT_EQ(far->bind(fd, any(where), sizeof where), 0);
  const int out = process.socket(AF_INET, SOCK_DGRAM, 0);
  EXPECT_EQ(process.connect(out, any(where), sizeof where), 0);
  EXPECT_EQ(send(process, out, "datagram"), 8);
  EXPECT_EQ(receive(*far, fd), "-11");
  pass(microseconds(1100));
  EXPECT_EQ(receive(*far, fd), "datagram");
  EXPECT_EQ(far->close(fd), 0);
  EXPECT_EQ(send(process, out, "nobody"), 6);
  pass(microseconds(2100));
  EXPECT_EQ(receive(process, out), std::to_string(-ECONNREFUSED));
  network.cut(0, 1, true);
  EXPECT_EQ(send(process, out, "lost"), 4);
  pass(seconds(10));
  EXPECT_EQ(receive(process, out), "-11");
}

TEST_F(Links, DualStackListenersTakeBoth) {
  const int fd = far->socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 where{};
  where.sin6_family = AF_INET6;
  where.sin6_port = htons(7000);
  ASSERT_EQ(far->bind(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
  ASSERT_EQ(far->listen(fd, 5), 0);
  begin_connect();
  const int six = process.socket(AF_INET6, SOCK_STREAM, 0);
  ::inet_pton(AF_INET6, "fd00::2", &where.sin6_addr);
  EXPECT_EQ(process.connect(six, reinterpret_cast<const sockaddr*>(&where), sizeof where),
            -EINPROGRESS);
  pass(milliseconds(10));
  for (const char* expected : {"::ffff:10.0.0.1", "fd00::1"}) {
    sockaddr_in6 peer{};
    socklen_t size = sizeof peer;
    EXPECT_GE(far->accept4(fd, reinterpret_cast<sockaddr*>(&peer), &size, 0), 0);
    char text[64];
    EXPECT_STREQ(::inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text), expected);
  }
}

TEST_F(Links, NothingIsLeftWhenAllIsClosed) {
  connect();
  const std::size_t before = kernel.live_files();
  EXPECT_EQ(send(process, near, "bytes"), 5);
  process.close(near);
  far->close(distant);
  far->close(listener);
  pass(minutes(5));
  EXPECT_EQ(kernel.live_files(), before - 1);
  EXPECT_EQ(clock.next(), kNever);
}

}  // namespace
}  // namespace vigil::sim

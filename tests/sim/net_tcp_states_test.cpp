// TCP within a machine, state by state, held against the machine that the test runs on.
#include "net_both.hpp"

namespace vigil::sim {
namespace {

using TcpStates = BothTest;

TEST_F(TcpStates, AFreshSocketHangsAndIsWritable) {
  const Two fd = tcp();
  EXPECT_EQ(poll(fd), POLLOUT | POLLWRNORM | POLLHUP);
  EXPECT_EQ(receive(fd), std::to_string(-ENOTCONN));
  EXPECT_EQ(send(fd, "x"), -EPIPE);
  EXPECT_FALSE(has_peer(fd));
  EXPECT_EQ(shutdown(fd, SHUT_RDWR), -ENOTCONN);
  poll(fd);
}

TEST_F(TcpStates, AListenerIsReadableWhenSomebodyWaits) {
  const Two server = listener();
  EXPECT_EQ(poll(server), 0u);
  watch(server);
  EXPECT_EQ(edges(server), 0u);
  const Two client = tcp();
  EXPECT_EQ(connect(client, server), -EINPROGRESS);
  EXPECT_EQ(edges(server), EPOLLIN);
  EXPECT_EQ(poll(server), POLLIN | POLLRDNORM);
  EXPECT_EQ(connect(client, server), 0);
  EXPECT_EQ(connect(client, server), -EISCONN);
  accept(server);
  EXPECT_EQ(poll(server), 0u);
  accept(server);  // EAGAIN
  EXPECT_EQ(receive(server), std::to_string(-ENOTCONN));
  EXPECT_EQ(send(server, "x"), -EPIPE);
  EXPECT_EQ(connect(server, server), -EISCONN);
  EXPECT_EQ(get(server, SOL_SOCKET, SO_ACCEPTCONN), 1);
}

TEST_F(TcpStates, ConnectingTellsAnEdge) {
  const Two server = listener();
  const Two client = tcp();
  watch(client);
  EXPECT_EQ(edges(client), EPOLLOUT | EPOLLHUP);
  EXPECT_EQ(connect(client, server), -EINPROGRESS);
  EXPECT_EQ(edges(client), EPOLLOUT);
  EXPECT_EQ(poll(client), POLLOUT | POLLWRNORM);
  EXPECT_EQ(error(client), 0);
  EXPECT_TRUE(has_peer(client));
}

TEST_F(TcpStates, NobodyListensIsRefusedOnceAndCanBeTriedAgain) {
  Two server = listener();
  const Name sim = sim_name(server);
  const Name real = real_name(server);
  close(server);
  const Two client = tcp();
  watch(client);
  edges(client);
  EXPECT_EQ(connect(client, sim, real), -EINPROGRESS);
  EXPECT_EQ(edges(client), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
  poll(client);
  EXPECT_FALSE(has_peer(client));
  EXPECT_EQ(connect(client, sim, real), -ECONNREFUSED);
  poll(client);
  EXPECT_EQ(connect(client, sim, real), -EINPROGRESS);
  EXPECT_EQ(error(client), ECONNREFUSED);
  EXPECT_EQ(connect(client, sim, real), -ECONNABORTED);
}

TEST_F(TcpStates, ARefusedConnectionSaysSoInAnyCall) {
  Two server = listener();
  const Name sim = sim_name(server);
  const Name real = real_name(server);
  close(server);
  const Two reader = tcp();
  EXPECT_EQ(connect(reader, sim, real), -EINPROGRESS);
  EXPECT_EQ(receive(reader), std::to_string(-ECONNREFUSED));
  EXPECT_EQ(receive(reader), "");
  const Two writer = tcp();
  EXPECT_EQ(connect(writer, sim, real), -EINPROGRESS);
  EXPECT_EQ(send(writer, "x"), -ECONNREFUSED);
  EXPECT_EQ(send(writer, "x"), -EPIPE);
}

TEST_F(TcpStates, BytesAreThereAtOnceAndEachArrivalIsAnEdge) {
  const Connected all = connected();
  watch(all.server);
  EXPECT_EQ(edges(all.server), EPOLLOUT);
  EXPECT_EQ(send(all.client, "one"), 3);
  EXPECT_EQ(edges(all.server), EPOLLIN | EPOLLOUT);
  EXPECT_EQ(send(all.client, "two"), 3);
  EXPECT_EQ(edges(all.server), EPOLLIN | EPOLLOUT);
  EXPECT_EQ(receive(all.server, 4, MSG_PEEK), "onet");
  EXPECT_EQ(receive(all.server, 4), "onet");
  EXPECT_EQ(edges(all.server), 0u);
  EXPECT_EQ(receive(all.server, 1, MSG_TRUNC).size(), 1u);
  EXPECT_EQ(receive(all.server), "o");
  EXPECT_EQ(receive(all.server), std::to_string(-EAGAIN));
  EXPECT_EQ(send(all.client, ""), 0);
  EXPECT_EQ(poll(all.server), POLLOUT | POLLWRNORM);
  EXPECT_EQ(receive(all.server, 0), std::to_string(-EAGAIN));
}

TEST_F(TcpStates, TheEndComesAfterTheBytes) {
  const Connected all = connected();
  watch(all.server);
  edges(all.server);
  EXPECT_EQ(send(all.client, "last"), 4);
  EXPECT_EQ(shutdown(all.client, SHUT_WR), 0);
  EXPECT_EQ(edges(all.server), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
  poll(all.server);
  poll(all.client);
  EXPECT_EQ(receive(all.server), "last");
  EXPECT_EQ(receive(all.server), "");
  EXPECT_EQ(receive(all.server), "");
  EXPECT_EQ(send(all.client, "x"), -EPIPE);
  EXPECT_EQ(send(all.server, "answer"), 6);
  EXPECT_EQ(receive(all.client), "answer");
  watch(all.client);
  edges(all.client);
  EXPECT_EQ(shutdown(all.server, SHUT_WR), 0);
  EXPECT_EQ(edges(all.client), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
  poll(all.server);
  poll(all.client);
  EXPECT_FALSE(has_peer(all.client));
  EXPECT_FALSE(has_peer(all.server));
  EXPECT_EQ(receive(all.client), "");
  EXPECT_EQ(send(all.server, "x"), -EPIPE);
}

TEST_F(TcpStates, ShutReadingGivesWhatCameAndThenTheEnd) {
  const Connected all = connected();
  EXPECT_EQ(send(all.client, "one"), 3);
  EXPECT_EQ(shutdown(all.server, SHUT_RD), 0);
  poll(all.server);
  EXPECT_EQ(receive(all.server), "one");
  EXPECT_EQ(receive(all.server), "");
  EXPECT_EQ(send(all.client, "two"), 3);
  EXPECT_EQ(receive(all.server), "two");
  EXPECT_EQ(receive(all.server), "");
  poll(all.client);
}

TEST_F(TcpStates, ClosingWithBytesUnreadResets) {
  const Connected all = connected();
  EXPECT_EQ(send(all.server, "never read"), 10);
  EXPECT_EQ(send(all.client, "nor this"), 8);
  watch(all.client);
  edges(all.client);
  close(all.server);
  EXPECT_EQ(edges(all.client), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
  poll(all.client);
  EXPECT_FALSE(has_peer(all.client));
  EXPECT_EQ(receive(all.client), "never read");
  EXPECT_EQ(receive(all.client), std::to_string(-ECONNRESET));
  EXPECT_EQ(receive(all.client), "");
  EXPECT_EQ(send(all.client, "x"), -EPIPE);
  poll(all.client);
}

TEST_F(TcpStates, LingerOfNoTimeResets) {
  const Connected all = connected();
  close_with_reset(all.client);
  EXPECT_EQ(send(all.server, "x"), -ECONNRESET);
  EXPECT_EQ(send(all.server, "x"), -EPIPE);
  EXPECT_EQ(receive(all.server), "");
  EXPECT_EQ(error(all.server), 0);
}

TEST_F(TcpStates, WritingToWhoIsGoneSucceedsOnceAndThenBreaks) {
  const Connected all = connected();
  close(all.client);
  poll(all.server);
  EXPECT_EQ(receive(all.server), "");
  watch(all.server);
  edges(all.server);
  EXPECT_EQ(send(all.server, "into the void"), 13);
  EXPECT_EQ(edges(all.server), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
  poll(all.server);
  EXPECT_EQ(send(all.server, "x"), -EPIPE);
  EXPECT_EQ(receive(all.server), "");
  EXPECT_EQ(error(all.server), 0);
  poll(all.server);
}

TEST_F(TcpStates, TheEndHidesAResetThatCameAfterIt) {
  const Connected all = connected();
  close(all.client);
  EXPECT_EQ(send(all.server, "into the void"), 13);
  EXPECT_EQ(receive(all.server), "");
  EXPECT_EQ(receive(all.server), "");
  EXPECT_EQ(error(all.server), EPIPE);
}

TEST_F(TcpStates, WhoShutBothWaysResetsWhatStillComes) {
  const Connected all = connected();
  EXPECT_EQ(shutdown(all.client, SHUT_RDWR), 0);
  poll(all.client);
  poll(all.server);
  EXPECT_EQ(send(all.server, "x"), 1);
  poll(all.client);
  poll(all.server);
  EXPECT_EQ(receive(all.client), std::to_string(-ECONNRESET));
  EXPECT_EQ(receive(all.client), "");
}

TEST_F(TcpStates, AResetBeforeAcceptIsSeenAfterIt) {
  const Two server = listener();
  const Two client = tcp();
  connect(client, server);
  EXPECT_EQ(send(client, "bytes"), 5);
  close_with_reset(client);
  poll(server);
  const Two child = accept(server);
  ASSERT_GE(child.sim, 0);
  poll(child);
  EXPECT_EQ(receive(child), "bytes");
  EXPECT_EQ(receive(child), std::to_string(-ECONNRESET));
}

TEST_F(TcpStates, AListenerThatGoesResetsWhoWaits) {
  const Two server = listener();
  const Two client = tcp();
  connect(client, server);
  watch(client);
  edges(client);
  close(server);
  EXPECT_EQ(edges(client), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
  EXPECT_EQ(receive(client), std::to_string(-ECONNRESET));
}

TEST_F(TcpStates, AListenerThatIsShutCanListenAgain) {
  const Two server = listener();
  watch(server);
  edges(server);
  EXPECT_EQ(shutdown(server, SHUT_WR), 0);
  poll(server);
  EXPECT_EQ(shutdown(server, SHUT_RD), 0);
  edges(server);
  poll(server);
  EXPECT_EQ(listen(server), 0);
  const Two client = tcp();
  EXPECT_EQ(connect(client, server), -EINPROGRESS);
  EXPECT_EQ(poll(server), POLLIN | POLLRDNORM);
}

TEST_F(TcpStates, WritableAgainIsToldOnceTheReaderMadeRoom) {
  const Connected all = connected();
  const std::string block(65536, 'x');
  const auto fill = [&](auto send_one) {
    while (send_one() >= 0) {
    }
  };
  fill([&] { return process.send(all.client.sim, bytes(block), MSG_NOSIGNAL); });
  fill([&] { return ::send(all.client.real, block.data(), block.size(), MSG_NOSIGNAL); });
  EXPECT_EQ(poll(all.client), 0u);
  watch(all.client);
  EXPECT_EQ(edges(all.client), 0u);
  std::string room(1 << 20, '\0');
  const auto drain = [&](auto receive_one) {
    while (receive_one() > 0) {
    }
  };
  drain([&] { return process.recv(all.server.sim, std::as_writable_bytes(std::span(room)), 0); });
  settled(
      [&] {
        drain([&] { return ::recv(all.server.real, room.data(), room.size(), 0); });
        pollfd one{all.client.real, POLLOUT, 0};
        return ::poll(&one, 1, 0);
      },
      1);
  EXPECT_EQ(edges(all.client), EPOLLOUT);
  poll(all.client);
}

TEST_F(TcpStates, TheBacklogHoldsOneMoreThanItSays) {
  const Two server = listener(1);
  Two clients[3];
  for (Two& client : clients) {
    client = tcp();
    EXPECT_EQ(connect(client, server), -EINPROGRESS);
  }
  poll(clients[0]);
  poll(clients[1]);
  EXPECT_EQ(poll(clients[2]), 0u);  // its SYN was dropped, and is sent again after a second
  EXPECT_EQ(connect(clients[2], server), -EALREADY);
  EXPECT_EQ(receive(clients[2]), std::to_string(-EAGAIN));
  EXPECT_EQ(send(clients[2], "x"), -EAGAIN);
  EXPECT_FALSE(has_peer(clients[2]));
  accept(server);
  pass(std::chrono::milliseconds(1001));
  EXPECT_EQ(poll(clients[2]), POLLOUT | POLLWRNORM);  // the real one waits its second
}

TEST_F(TcpStates, ConnectingEndsWithShutdown) {
  const Two server = listener(0);
  const Two first = tcp();
  connect(first, server);
  const Two second = tcp();
  connect(second, server);
  EXPECT_EQ(poll(second), 0u);
  watch(second);
  EXPECT_EQ(edges(second), 0u);
  EXPECT_EQ(shutdown(second, SHUT_WR), 0);
  EXPECT_EQ(edges(second), EPOLLOUT | EPOLLHUP | EPOLLERR);
  poll(second);
}

TEST_F(TcpStates, ArgumentsAreCheckedInLinuxOrder) {
  const Two fd = tcp();
  EXPECT_EQ(bind(fd, v4("192.0.2.1")), -EADDRNOTAVAIL);
  sockaddr_in name = v4("127.0.0.1");
  name.sin_family = AF_INET6;
  EXPECT_EQ(bind(fd, name), -EAFNOSUPPORT);
  EXPECT_EQ(bind(fd, v4("127.0.0.1")), 0);
  EXPECT_EQ(bind(fd, v4("127.0.0.1")), -EINVAL);
  EXPECT_EQ(shutdown(fd, 3), -EINVAL);
  const Two other = tcp();
  EXPECT_EQ(connect(other, {}, {}), 0);  // AF_UNSPEC: disconnected
  Name six;
  six.address.ss_family = AF_INET6;
  EXPECT_EQ(connect(other, six, six), -EAFNOSUPPORT);
  accept(fd);  // EINVAL
  EXPECT_EQ(set(fd, SOL_SOCKET, 9999, 1), -ENOPROTOOPT);
  keep(process.socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), ::socket(AF_INET, SOCK_STREAM, 17));
  keep(process.socket(AF_INET, 77, 0), ::socket(AF_INET, 77, 0));
  keep(process.socket(9999, SOCK_STREAM, 0), ::socket(9999, SOCK_STREAM, 0));
}

TEST_F(TcpStates, PortsAreSharedAsTheOptionsSay) {
  const Two one = tcp();
  set(one, SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(bind(one, v4("127.0.0.1")), 0);
  const auto again = [&](Two fd, const char* ip) {
    sockaddr_in sim = v4(ip);
    sockaddr_in real = v4(ip);
    const Name sim_one = sim_name(one);
    const Name real_one = real_name(one);
    sim.sin_port = reinterpret_cast<const sockaddr_in&>(sim_one.address).sin_port;
    real.sin_port = reinterpret_cast<const sockaddr_in&>(real_one.address).sin_port;
    const int got = process.bind(fd.sim, as_name(sim), sizeof sim);
    EXPECT_EQ(got, result(::bind(fd.real, as_name(real), sizeof real)));
    return got;
  };
  const Two plain = tcp();
  EXPECT_EQ(again(plain, "127.0.0.1"), -EADDRINUSE);
  EXPECT_EQ(again(plain, "0.0.0.0"), -EADDRINUSE);
  EXPECT_EQ(again(plain, "127.0.0.2"), 0);
  const Two other = tcp();
  set(other, SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(again(other, "127.0.0.1"), 0);
  EXPECT_EQ(listen(one), 0);
  EXPECT_EQ(listen(other), -EADDRINUSE);
  const Two third = tcp();
  set(third, SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(again(third, "127.0.0.1"), -EADDRINUSE);
}

TEST_F(TcpStates, OptionsAreKept) {
  const Two fd = tcp();
  for (const int value : {1, 0}) {
    set(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, value);
    EXPECT_EQ(get(fd, IPPROTO_TCP, 1), value);
    set(fd, IPPROTO_TCP, 3 /* TCP_CORK */, value);
    EXPECT_EQ(get(fd, IPPROTO_TCP, 3), value);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, value);
    EXPECT_EQ(get(fd, SOL_SOCKET, SO_KEEPALIVE), value);
  }
  set(fd, SOL_SOCKET, SO_RCVBUF, 10000);
  EXPECT_EQ(get(fd, SOL_SOCKET, SO_RCVBUF), 20000);
  set(fd, SOL_SOCKET, SO_SNDBUF, 1);
  EXPECT_EQ(get(fd, SOL_SOCKET, SO_SNDBUF), 4608);
  get(fd, SOL_SOCKET, SO_TYPE);
  get(fd, SOL_SOCKET, SO_DOMAIN);
  get(fd, SOL_SOCKET, SO_PROTOCOL);
}

}  // namespace
}  // namespace vigil::sim

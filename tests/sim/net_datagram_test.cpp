// UDP and AF_UNIX within a machine, held against the machine that the test runs on.
#include "net_both.hpp"

namespace vigil::sim {
namespace {

class Datagrams : public BothTest {
 protected:
  Two bound() {
    const Two fd = udp();
    EXPECT_EQ(bind(fd, v4("127.0.0.1")), 0);
    return fd;
  }
  std::int64_t send_to(Two fd, Two to, std::string_view text) {
    const Name sim = sim_name(to);
    const Name real = real_name(to);
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_name = const_cast<sockaddr_storage*>(&sim.address);
    message.msg_namelen = sim.size;
    const std::int64_t sent = process.sendmsg(fd.sim, &message, MSG_NOSIGNAL);
    EXPECT_EQ(sent, result(::sendto(fd.real, text.data(), text.size(), MSG_NOSIGNAL,
                                    as_name(real.address), real.size)));
    return sent;
  }
};

TEST_F(Datagrams, ComeWholeOrCutWithASign) {
  const Two reader = bound();
  const Two writer = udp();
  EXPECT_EQ(poll(writer), POLLOUT | POLLWRNORM | POLLWRBAND);
  EXPECT_EQ(send_to(writer, reader, "four"), 4);
  EXPECT_EQ(send_to(writer, reader, ""), 0);
  poll(reader);
  EXPECT_EQ(receive(reader, 2, MSG_PEEK), "fo");
  EXPECT_EQ(receive(reader, 2), "fo");
  EXPECT_EQ(receive(reader), "");
  EXPECT_EQ(receive(reader), std::to_string(-EAGAIN));
  EXPECT_EQ(send(writer, "x"), -EDESTADDRREQ);
}

TEST_F(Datagrams, AConnectedSocketHearsThatNobodyIsThere) {
  const Two reader = bound();
  const Two writer = udp();
  EXPECT_EQ(connect(writer, reader), 0);
  EXPECT_TRUE(has_peer(writer));
  EXPECT_EQ(send(writer, "one"), 3);
  EXPECT_EQ(receive(reader), "one");
  close(reader);
  watch(writer);
  edges(writer);
  EXPECT_EQ(send(writer, "two"), 3);
  EXPECT_EQ(edges(writer), EPOLLOUT | EPOLLERR);
  poll(writer);
  EXPECT_EQ(send(writer, "three"), -ECONNREFUSED);
  EXPECT_EQ(send(writer, "four"), 4);
  EXPECT_EQ(receive(writer), std::to_string(-ECONNREFUSED));
  EXPECT_EQ(receive(writer), std::to_string(-EAGAIN));
  EXPECT_EQ(send(writer, "five"), 4);
  EXPECT_EQ(error(writer), ECONNREFUSED);
}

TEST_F(Datagrams, AConnectedSocketTakesOnlyItsPeers) {
  const Two one = bound();
  const Two other = bound();
  const Two stranger = udp();
  EXPECT_EQ(connect(one, other), 0);
  EXPECT_EQ(send_to(stranger, one, "no"), 2);
  EXPECT_EQ(receive(one), std::to_string(-EAGAIN));
  EXPECT_EQ(send_to(other, one, "yes"), 3);
  EXPECT_EQ(receive(one), "yes");
  Name nobody;
  nobody.address.ss_family = AF_UNSPEC;
  EXPECT_EQ(connect(one, nobody, nobody), 0);
  EXPECT_FALSE(has_peer(one));
  EXPECT_EQ(send_to(stranger, one, "x"), -EINVAL);  // the port was the system's choice: it is gone
  EXPECT_EQ(bind(one, v4("127.0.0.1")), 0);
  EXPECT_EQ(send_to(stranger, one, "now"), 3);
  EXPECT_EQ(receive(one), "now");
}

TEST_F(Datagrams, ShutdownAndSizes) {
  const Two reader = bound();
  const Two writer = udp();
  EXPECT_EQ(shutdown(writer, SHUT_RD), -ENOTCONN);
  poll(writer);
  EXPECT_EQ(receive(writer), std::to_string(-EAGAIN));
  EXPECT_EQ(connect(writer, reader), 0);
  EXPECT_EQ(shutdown(writer, SHUT_WR), 0);
  poll(writer);
  EXPECT_EQ(send(writer, "x"), -EPIPE);
  const Two big = udp();
  connect(big, reader);
  EXPECT_EQ(send(big, std::string(65508, 'x')), -EMSGSIZE);
  EXPECT_EQ(send(big, std::string(65507, 'x')), 65507);
  EXPECT_EQ(receive(reader, 70000).size(), 65507u);
}

TEST_F(Datagrams, AnArrivalIsAnEdge) {
  const Two reader = bound();
  const Two writer = udp();
  watch(reader);
  EXPECT_EQ(edges(reader), EPOLLOUT);
  EXPECT_EQ(send_to(writer, reader, "one"), 3);
  EXPECT_EQ(edges(reader), EPOLLIN | EPOLLOUT);
  EXPECT_EQ(receive(reader), "one");
  EXPECT_EQ(edges(reader), 0u);
  EXPECT_EQ(send_to(writer, reader, "two"), 3);
  EXPECT_EQ(edges(reader), EPOLLIN | EPOLLOUT);
  EXPECT_EQ(send_to(writer, reader, "three"), 5);
  EXPECT_EQ(edges(reader), EPOLLIN | EPOLLOUT);
}

TEST_F(Datagrams, PortsAreTakenOnce) {
  const Two one = bound();
  const Two other = udp();
  const Name sim = sim_name(one);
  const Name real = real_name(one);
  EXPECT_EQ(process.bind(other.sim, as_name(sim.address), sim.size), -EADDRINUSE);
  EXPECT_EQ(result(::bind(other.real, as_name(real.address), real.size)), -EADDRINUSE);
}

// ---- AF_UNIX. ----

class Local : public BothTest {
 protected:
  static Name named(const std::string& text) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path + 1, text.data(), text.size());
    Name all;
    all.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    std::memcpy(&all.address, &name, sizeof name);
    return all;
  }
  Name fresh() {
    return named("vigil-" + std::to_string(::getpid()) + "-" + std::to_string(++names_));
  }
  int bind_to(Two fd, const Name& name) {
    const int sim = process.bind(fd.sim, as_name(name.address), name.size);
    EXPECT_EQ(sim, result(::bind(fd.real, as_name(name.address), name.size)));
    return sim;
  }

 private:
  int names_ = 0;
};

TEST_F(Local, AFreshStreamHangs) {
  const Two fd = socket(AF_UNIX, SOCK_STREAM);
  EXPECT_EQ(poll(fd), POLLOUT | POLLWRNORM | POLLWRBAND | POLLHUP);
  EXPECT_EQ(receive(fd), std::to_string(-EINVAL));
  EXPECT_EQ(send(fd, "x"), -ENOTCONN);
  EXPECT_EQ(shutdown(fd, SHUT_WR), 0);
  poll(fd);
  EXPECT_EQ(send(fd, "x"), -ENOTCONN);
  EXPECT_EQ(listen(fd), -EINVAL);
}

TEST_F(Local, AStreamPairTellsItsEdges) {
  const auto [one, other] = pair(SOCK_STREAM);
  watch(one);
  watch(other);
  EXPECT_EQ(edges(one), EPOLLOUT);
  edges(other);
  EXPECT_EQ(send(one, "hello"), 5);
  EXPECT_EQ(edges(other), EPOLLIN | EPOLLOUT);
  EXPECT_EQ(receive(other), "hello");
  EXPECT_EQ(edges(one), EPOLLOUT);  // the room came back
  EXPECT_EQ(shutdown(one, SHUT_WR), 0);
  poll(one);
  poll(other);
  EXPECT_EQ(receive(other), "");
  EXPECT_EQ(send(one, "x"), -EPIPE);
  EXPECT_EQ(send(other, "y"), 1);
  close(other);
  poll(one);
  EXPECT_EQ(receive(one), "y");
  EXPECT_EQ(receive(one), "");
}

TEST_F(Local, ClosingWithBytesUnreadResets) {
  const auto [one, other] = pair(SOCK_STREAM);
  EXPECT_EQ(send(one, "never read"), 10);
  watch(one);
  edges(one);
  close(other);
  EXPECT_EQ(edges(one), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
  poll(one);
  EXPECT_EQ(send(one, "x"), -EPIPE);
  EXPECT_EQ(receive(one), std::to_string(-ECONNRESET));
  EXPECT_EQ(receive(one), "");
}

TEST_F(Local, ListenersConnectAtOnce) {
  const Two server = socket(AF_UNIX, SOCK_STREAM);
  const Name name = fresh();
  EXPECT_EQ(bind_to(server, name), 0);
  const Two early = socket(AF_UNIX, SOCK_STREAM);
  EXPECT_EQ(connect(early, name, name), -ECONNREFUSED);
  EXPECT_EQ(listen(server, 1), 0);
  poll(server);
  const Two one = socket(AF_UNIX, SOCK_STREAM);
  const Two two = socket(AF_UNIX, SOCK_STREAM);
  const Two three = socket(AF_UNIX, SOCK_STREAM);
  watch(server);
  edges(server);
  EXPECT_EQ(connect(one, name, name), 0);
  EXPECT_EQ(edges(server), EPOLLIN);
  EXPECT_EQ(connect(one, name, name), -EISCONN);
  EXPECT_EQ(connect(two, name, name), 0);
  EXPECT_EQ(connect(three, name, name), -EAGAIN);
  EXPECT_EQ(send(one, "early"), 5);
  const Two child = accept(server);
  EXPECT_EQ(receive(child), "early");
  EXPECT_TRUE(has_peer(child));
  EXPECT_TRUE(has_peer(one));
  close(server);
  poll(two);  // it waited
  EXPECT_EQ(receive(two), std::to_string(-ECONNRESET));
  EXPECT_EQ(connect(three, name, name), -ECONNREFUSED);
  const Two again = socket(AF_UNIX, SOCK_STREAM);
  EXPECT_EQ(bind_to(again, name), 0);
  EXPECT_EQ(bind_to(socket(AF_UNIX, SOCK_STREAM), name), -EADDRINUSE);
}

TEST_F(Local, DatagramPairs) {
  const auto [one, other] = pair(SOCK_DGRAM);
  EXPECT_EQ(poll(one), POLLOUT | POLLWRNORM | POLLWRBAND);
  EXPECT_EQ(send(one, "four"), 4);
  EXPECT_EQ(send(one, ""), 0);
  EXPECT_EQ(receive(other, 2), "fo");
  EXPECT_EQ(receive(other), "");
  EXPECT_EQ(receive(other), std::to_string(-EAGAIN));
  close(other);
  poll(one);
  EXPECT_EQ(send(one, "x"), -ECONNREFUSED);
  EXPECT_EQ(send(one, "x"), -ENOTCONN);
}

TEST_F(Local, PacketsInSequence) {
  const auto [one, other] = pair(SOCK_SEQPACKET);
  EXPECT_EQ(send(one, "one"), 3);
  EXPECT_EQ(send(one, "two"), 3);
  EXPECT_EQ(receive(other), "one");
  EXPECT_EQ(shutdown(one, SHUT_WR), 0);
  poll(other);
  EXPECT_EQ(receive(other), "two");
  EXPECT_EQ(receive(other), "");
  close(one);
  poll(other);
  EXPECT_EQ(send(other, "x"), -EPIPE);
}

TEST_F(Local, AFullDatagramQueueTellsWhenThereIsRoom) {
  const Two reader = socket(AF_UNIX, SOCK_DGRAM);
  const Name name = fresh();
  EXPECT_EQ(bind_to(reader, name), 0);
  const Two writer = socket(AF_UNIX, SOCK_DGRAM);
  EXPECT_EQ(connect(writer, name, name), 0);
  int sent = 0;
  while (sent < 100 && send(writer, "x") == 1) {
    ++sent;
  }
  EXPECT_EQ(sent, 11);
  EXPECT_EQ(poll(writer), 0u);
  watch(writer);
  EXPECT_EQ(edges(writer), 0u);
  EXPECT_EQ(receive(reader), "x");
  EXPECT_EQ(edges(writer), EPOLLOUT);
}

TEST_F(Local, PathsAreInodes) {
  const auto name_of = [](const char* path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strcpy(name.sun_path, path);
    return name;
  };
  const auto make = [&] { return process.socket(AF_UNIX, SOCK_STREAM, 0); };
  const auto bind_sim = [&](int fd, const char* path) {
    const sockaddr_un name = name_of(path);
    return process.bind(fd, as_name(name), sizeof name);
  };
  const auto connect_sim = [&](const char* path) {
    const sockaddr_un name = name_of(path);
    const int fd = make();
    const int got = process.connect(fd, as_name(name), sizeof name);
    process.close(fd);
    return got;
  };
  const int server = make();
  EXPECT_EQ(connect_sim("/tmp/s"), -ENOENT);
  EXPECT_EQ(bind_sim(server, "/tmp/s"), 0);
  EXPECT_EQ(bind_sim(make(), "/tmp/s"), -EADDRINUSE);
  EXPECT_EQ(connect_sim("/tmp/s"), -ECONNREFUSED);
  EXPECT_EQ(process.listen(server, 5), 0);
  EXPECT_EQ(connect_sim("/tmp/s"), 0);
  struct stat seen{};
  EXPECT_EQ(process.fstatat(AT_FDCWD, "/tmp/s", &seen, 0), 0);
  EXPECT_TRUE(S_ISSOCK(seen.st_mode));
  EXPECT_EQ(process.renameat(AT_FDCWD, "/tmp/s", AT_FDCWD, "/tmp/t"), 0);
  EXPECT_EQ(connect_sim("/tmp/t"), 0);
  EXPECT_EQ(process.unlinkat(AT_FDCWD, "/tmp/t", 0), 0);
  EXPECT_EQ(connect_sim("/tmp/t"), -ENOENT);
  const int again = make();
  EXPECT_EQ(bind_sim(again, "/tmp/t"), 0);
  EXPECT_EQ(process.close(again), 0);
  EXPECT_EQ(connect_sim("/tmp/t"), -ECONNREFUSED);
  EXPECT_EQ(bind_sim(make(), "/tmp/t"), -EADDRINUSE);
}

}  // namespace
}  // namespace vigil::sim

// The same calls on the simulated kernel and on the real one, side by side: every result, and every
// bit of poll(2) and of edge-triggered epoll, has to be the same.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "kernel_fixture.hpp"

namespace vigil::sim {

class BothTest : public KernelTest {
 protected:
  static constexpr short kAsked =
      POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLWRBAND;
  static constexpr std::uint32_t kEdges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

  // A socket of each kernel.
  struct Two {
    int sim = -1;
    int real = -1;
  };

  BothTest() {
    sim_epoll_ = process.epoll_create1(0);
    real_epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  }
  ~BothTest() override {
    for (const int fd : real_) {
      ::close(fd);
    }
    ::close(real_epoll_);
  }

  // Within the machine the simulated kernel is done when the call returns; the real one may need a
  // moment longer when the machine is busy.
  template <class F>
  static auto settled(F real, decltype(real()) expected) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (;;) {
      const auto got = real();
      if (got == expected || std::chrono::steady_clock::now() > end) {
        return got;
      }
      ::usleep(1000);
    }
  }
  static std::int64_t result(std::int64_t value) { return value < 0 ? -errno : value; }

  Two keep(std::int64_t sim, std::int64_t real) {
    EXPECT_EQ(sim < 0 ? sim : 0, real < 0 ? -errno : 0);
    if (real >= 0) {
      real_.push_back(static_cast<int>(real));
    }
    return {static_cast<int>(sim), static_cast<int>(real)};
  }

  Two socket(int family, int type) {
    return keep(process.socket(family, type | SOCK_NONBLOCK, 0),
                ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }
  Two tcp(int family = AF_INET) { return socket(family, SOCK_STREAM); }
  Two udp(int family = AF_INET) { return socket(family, SOCK_DGRAM); }
  std::pair<Two, Two> pair(int type) {
    int sim[2];
    int real[2];
    EXPECT_EQ(process.socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, sim), 0);
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, real), 0);
    return {keep(sim[0], real[0]), keep(sim[1], real[1])};
  }

  static sockaddr_in v4(const char* ip, int port = 0) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, ip, &name.sin_addr);
    return name;
  }
  template <class Name>
  static const sockaddr* as_name(const Name& name) {
    return reinterpret_cast<const sockaddr*>(&name);
  }
  template <class Name>
  int bind(Two fd, const Name& name) {
    const int sim = process.bind(fd.sim, as_name(name), sizeof name);
    EXPECT_EQ(sim, result(::bind(fd.real, as_name(name), sizeof name)));
    return sim;
  }
  int listen(Two fd, int backlog = 16) {
    const int sim = process.listen(fd.sim, backlog);
    EXPECT_EQ(sim, result(::listen(fd.real, backlog)));
    return sim;
  }
  Two listener(int backlog = 16) {
    const Two fd = tcp();
    EXPECT_EQ(bind(fd, v4("127.0.0.1")), 0);
    EXPECT_EQ(listen(fd, backlog), 0);
    return fd;
  }
  struct Name {
    sockaddr_storage address{};
    socklen_t size = sizeof(sockaddr_storage);
  };
  Name sim_name(Two fd) {
    Name name;
    EXPECT_EQ(process.getsockname(fd.sim, reinterpret_cast<sockaddr*>(&name.address), &name.size),
              0);
    return name;
  }
  static Name real_name(Two fd) {
    Name name;
    EXPECT_EQ(::getsockname(fd.real, reinterpret_cast<sockaddr*>(&name.address), &name.size), 0);
    return name;
  }
  int connect(Two fd, Two to) { return connect(fd, sim_name(to), real_name(to)); }
  int connect(Two fd, const Name& sim_to, const Name& real_to) {
    const int sim = process.connect(fd.sim, as_name(sim_to.address), sim_to.size);
    EXPECT_EQ(
        sim,
        settled([&] { return result(::connect(fd.real, as_name(real_to.address), real_to.size)); },
                sim));
    return sim;
  }
  Two accept(Two fd) {
    const std::int64_t sim = process.accept4(fd.sim, nullptr, nullptr, SOCK_NONBLOCK);
    std::int64_t real = -1;
    settled(
        [&] {
          real = ::accept4(fd.real, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
          return real >= 0;
        },
        sim >= 0);
    return keep(sim, real);
  }
  struct Connected {
    Two listener;
    Two client;
    Two server;
  };
  Connected connected() {
    Connected all;
    all.listener = listener();
    all.client = tcp();
    connect(all.client, all.listener);
    all.server = accept(all.listener);
    return all;
  }

  std::int64_t send(Two fd, std::string_view text, int flags = MSG_NOSIGNAL) {
    const std::int64_t sim = process.send(fd.sim, bytes(text), flags);
    EXPECT_EQ(sim, settled([&] { return result(::send(fd.real, text.data(), text.size(), flags)); },
                           sim));
    return sim;
  }
  // What was received, or the negative error as text.
  std::string receive(Two fd, std::size_t size = 100, int flags = 0) {
    std::string sim(size, '\0');
    const std::int64_t count = process.recv(fd.sim, std::as_writable_bytes(std::span(sim)), flags);
    sim = count < 0 ? std::to_string(count)
                    : sim.substr(0, std::min(size, static_cast<std::size_t>(count)));
    const std::string real = settled(
        [&] {
          std::string text(size, '\0');
          const std::int64_t got = result(::recv(fd.real, text.data(), size, flags));
          return got < 0 ? std::to_string(got)
                         : text.substr(0, std::min(size, static_cast<std::size_t>(got)));
        },
        sim);
    EXPECT_EQ(sim, real);
    return sim;
  }
  int shutdown(Two fd, int how) {
    const int sim = process.shutdown(fd.sim, how);
    EXPECT_EQ(sim, result(::shutdown(fd.real, how)));
    return sim;
  }
  void close(Two fd) {
    EXPECT_EQ(process.close(fd.sim), 0);
    std::erase(real_, fd.real);
    EXPECT_EQ(::close(fd.real), 0);
  }
  void close_with_reset(Two fd) {
    const linger now{1, 0};
    EXPECT_EQ(process.setsockopt(fd.sim, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    EXPECT_EQ(::setsockopt(fd.real, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
  }
  int set(Two fd, int level, int option, int value) {
    const int sim = process.setsockopt(fd.sim, level, option, &value, sizeof value);
    EXPECT_EQ(sim, result(::setsockopt(fd.real, level, option, &value, sizeof value)));
    return sim;
  }
  int get(Two fd, int level, int option) {
    int sim = 0;
    int real = 0;
    socklen_t sim_size = sizeof sim;
    socklen_t real_size = sizeof real;
    EXPECT_EQ(process.getsockopt(fd.sim, level, option, &sim, &sim_size),
              result(::getsockopt(fd.real, level, option, &real, &real_size)));
    EXPECT_EQ(sim, real);
    EXPECT_EQ(sim_size, real_size);
    return sim;
  }
  int error(Two fd) { return get(fd, SOL_SOCKET, SO_ERROR); }
  bool has_peer(Two fd) {
    Name sim;
    Name real;
    const int got =
        process.getpeername(fd.sim, reinterpret_cast<sockaddr*>(&sim.address), &sim.size);
    EXPECT_EQ(got, result(::getpeername(fd.real, reinterpret_cast<sockaddr*>(&real.address),
                                        &real.size)));
    return got == 0;
  }

  // The bits of poll(2).
  std::uint32_t poll(Two fd) {
    const auto asked = static_cast<std::uint32_t>(kAsked);
    const std::uint32_t sim = process.poll_one(fd.sim, asked);
    const std::uint32_t real = settled(
        [&] {
          pollfd one{fd.real, kAsked, 0};
          ::poll(&one, 1, 0);
          return static_cast<std::uint32_t>(static_cast<unsigned short>(one.revents));
        },
        sim);
    EXPECT_EQ(sim, real) << std::hex << "simulated 0x" << sim << ", real 0x" << real;
    return sim;
  }

  // From here on edges() tells of it.
  void watch(Two fd, std::uint32_t bits = kEdges) {
    epoll_event event{};
    event.events = bits;
    event.data.fd = fd.sim;
    EXPECT_EQ(process.epoll_ctl(sim_epoll_, EPOLL_CTL_ADD, fd.sim, &event), 0);
    EXPECT_EQ(::epoll_ctl(real_epoll_, EPOLL_CTL_ADD, fd.real, &event), 0);
  }
  // What epoll tells of all that are watched since it last did; 0: nothing.
  std::uint32_t edges(Two fd) {
    std::vector<epoll_event> events(16);
    const auto of = [&](int count) {
      std::uint32_t bits = 0;
      for (int i = 0; i < count; ++i) {
        bits |= events[static_cast<std::size_t>(i)].data.fd == fd.sim
                    ? events[static_cast<std::size_t>(i)].events
                    : 0;
      }
      return bits;
    };
    const std::uint32_t sim = of(process.epoll_wait(sim_epoll_, events));
    std::uint32_t real = 0;
    settled(
        [&] {
          real |= of(::epoll_wait(real_epoll_, events.data(), 16, 0));
          return real;
        },
        sim);
    EXPECT_EQ(sim, real) << std::hex << "simulated 0x" << sim << ", real 0x" << real;
    return sim;
  }

 private:
  int sim_epoll_;
  int real_epoll_;
  std::vector<int> real_;
};

}  // namespace vigil::sim

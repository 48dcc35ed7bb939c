// Two simulated machines with a link between them.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <memory>

#include "kernel_fixture.hpp"

namespace vigil::sim {

class MachinesTest : public KernelTest {
 protected:
  explicit MachinesTest(const Faults& faults = Faults::none())
      : KernelTest(faults),
        far_kernel(std::make_unique<Kernel>("far", weather.add_host("far"), clock, weather, network,
                                            tracer)),
        far(&far_kernel->start_process("far program")) {}

  static sockaddr_in name(HostId host, std::uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(0x0a000001u + host);
    return name;
  }
  static const sockaddr* any(const sockaddr_in& name) {
    return reinterpret_cast<const sockaddr*>(&name);
  }
  int far_listener(std::uint16_t port = 7000, int backlog = 16) {
    const int fd = far->socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in where = name(1, port);
    EXPECT_EQ(far->bind(fd, any(where), sizeof where), 0);
    EXPECT_EQ(far->listen(fd, backlog), 0);
    return fd;
  }
  int begin_connect(std::uint16_t port = 7000) {
    const int fd = process.socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in where = name(1, port);
    EXPECT_EQ(process.connect(fd, any(where), sizeof where), -EINPROGRESS);
    return fd;
  }
  // `near` of the first machine is connected to `distant` of the second.
  void connect() {
    listener = far_listener();
    near = begin_connect();
    pass(std::chrono::milliseconds(10));
    distant = far->accept4(listener, nullptr, nullptr, 0);
    ASSERT_GE(distant, 0);
  }
  static std::string receive(Process& from, int fd, std::size_t size = 100) {
    std::string text(size, '\0');
    const std::int64_t count = from.recv(fd, std::as_writable_bytes(std::span(text)), 0);
    if (count < 0) {
      return std::to_string(count);
    }
    text.resize(static_cast<std::size_t>(count));
    return text;
  }
  static std::int64_t send(Process& from, int fd, std::string_view text) {
    return from.send(fd, bytes(text), MSG_NOSIGNAL);
  }
  static int error(Process& of, int fd) {
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(of.getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &size), 0);
    return value;
  }
  static std::uint32_t poll(Process& of, int fd) {
    return of.poll_one(fd, kReadable | kWritable | kPeerClosed);
  }
  // Time goes on from alarm to alarm until `done`, or `at_most` has passed; how long it took.
  template <class F>
  Nanos until(F done, Nanos at_most) {
    const Instant begin = clock.now();
    while (!done() && clock.next() <= begin + at_most) {
      clock.fire_next();
    }
    return clock.now() - begin;
  }

  std::unique_ptr<Kernel> far_kernel;
  Process* far;
  int listener = -1;
  int near = -1;
  int distant = -1;
};

}  // namespace vigil::sim

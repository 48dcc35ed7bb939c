// One simulated machine in fair weather, and a process on it: what tests of the kernel stand on.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/clock.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"
#include "net/network.hpp"
#include "world/weather.hpp"

namespace vigil::sim {

struct NoTrace final : Tracer {
  void note(HostId, std::string_view, std::uint64_t, std::uint64_t) noexcept override {}
};

class KernelTest : public testing::Test {
 protected:
  explicit KernelTest(const Faults& faults = Faults::none())
      : weather(clock, 1, faults),
        network(clock, weather, tracer, 1),
        kernel("machine", weather.add_host("machine"), clock, weather, network, tracer),
        process(kernel.start_process("program")) {}

  // Fires what is due up to `span` from now, and stands there.
  void pass(Nanos span) {
    const Instant end = clock.now() + span;
    while (clock.next() <= end) {
      clock.fire_next();
    }
    clock.jump(end);
  }

  static std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
  }
  std::int64_t write(int fd, std::string_view text) { return process.write(fd, bytes(text)); }
  // What one read gives; "-11" for EAGAIN.
  std::string read(int fd, std::size_t size = 65536) {
    std::string text(size, '\0');
    const std::int64_t count = process.read(fd, std::as_writable_bytes(std::span(text)));
    if (count < 0) {
      return std::to_string(count);
    }
    text.resize(static_cast<std::size_t>(count));
    return text;
  }

  std::int32_t watch(int epoll, int fd, std::uint32_t events, int action = EPOLL_CTL_ADD) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return process.epoll_ctl(epoll, action, fd, &event);
  }
  struct Told {
    int fd;
    std::uint32_t events;
    friend bool operator==(const Told&, const Told&) = default;
    friend void PrintTo(const Told& told, std::ostream* out) {
      *out << "fd " << told.fd << " events 0x" << std::hex << told.events << std::dec;
    }
  };
  std::vector<Told> wait(int epoll, std::size_t room = 64) {
    std::vector<epoll_event> events(room);
    const std::int32_t count = process.epoll_wait(epoll, events);
    EXPECT_GE(count, 0);
    std::vector<Told> told;
    for (std::int32_t i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      told.push_back({event.data.fd, event.events});
    }
    return told;
  }

  struct Pair {
    int reader;
    int writer;
  };
  Pair pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(process.pipe2(ends, 0), 0);
    return {ends[0], ends[1]};
  }

  Clock clock;
  Weather weather;
  NoTrace tracer;
  Network network;
  Kernel kernel;
  Process& process;
};

}  // namespace vigil::sim

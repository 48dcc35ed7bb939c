// pipe(7) and eventfd(2) on the simulated kernel.
#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>

#include "kernel/random.hpp"
#include "tests/sim/kernel_fixture.hpp"

namespace vigil::sim {
namespace {

class SimPipe : public KernelTest {
 protected:
  SimPipe() {
    process.ignore_signal(SIGPIPE, true);
    ends = pipe();
  }
  std::uint32_t ready(int fd) { return process.file(fd)->ready(); }
  Pair ends{};
};

constexpr std::uint32_t kCanRead = kReadable | kRdNorm;
constexpr std::uint32_t kCanWrite = kWritable | kWrNorm;

TEST_F(SimPipe, holds_sixteen_pages) {
  EXPECT_EQ(write(ends.writer, std::string(70000, 'x')), 65536);
  EXPECT_EQ(write(ends.writer, "y"), -EAGAIN);
  EXPECT_EQ(ready(ends.writer), 0U);
  EXPECT_EQ(read(ends.reader, 4095).size(), 4095U);
  EXPECT_EQ(ready(ends.writer), 0U) << "no page is free yet";
  EXPECT_EQ(write(ends.writer, "y"), -EAGAIN);
  EXPECT_EQ(read(ends.reader, 1), "x");
  EXPECT_EQ(ready(ends.writer), kCanWrite);
  EXPECT_EQ(write(ends.writer, std::string(4097, 'z')), 4096);
}

TEST_F(SimPipe, short_writes_share_a_page_if_all_of_one_fits) {
  EXPECT_EQ(write(ends.writer, std::string(4000, 'a')), 4000);
  for (int page = 1; page < 16; ++page) {
    EXPECT_EQ(write(ends.writer, std::string(4000, 'b')), 4000);
  }
  EXPECT_EQ(write(ends.writer, std::string(97, 'c')), -EAGAIN) << "does not fit in the last page";
  EXPECT_EQ(write(ends.writer, std::string(96, 'c')), 96);
  EXPECT_EQ(write(ends.writer, "d"), -EAGAIN);
  EXPECT_EQ(read(ends.reader),
            std::string(4000, 'a') + std::string(15 * 4000, 'b') + std::string(96, 'c'));
}

TEST_F(SimPipe, what_is_beyond_whole_pages_of_a_write_goes_first_into_the_last_page) {
  write(ends.writer, std::string(100, 'a'));
  for (int i = 0; i < 14; ++i) {
    write(ends.writer, std::string(4096, 'b'));
  }
  write(ends.writer, std::string(10, 'c'));
  EXPECT_EQ(write(ends.writer, std::string(4096 + 50, 'd')), 50) << "no page is left for the rest";
}

TEST_F(SimPipe, writes_of_at_most_a_page_are_taken_whole_or_not_at_all) {
  Random random(7, "pipe");
  std::uint64_t written = 0;
  std::uint64_t taken = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::size_t size = 1 + random.below(4096);
    if (random.below(2) == 0) {
      std::string text(size, '\0');
      std::generate(text.begin(), text.end(), [&] { return static_cast<char>(written++ * 31); });
      const std::int64_t count = write(ends.writer, text);
      ASSERT_TRUE(count == static_cast<std::int64_t>(size) || count == -EAGAIN);
      written -= count == -EAGAIN ? size : 0;
    } else if (taken < written) {
      for (const char c : read(ends.reader, size)) {
        ASSERT_EQ(c, static_cast<char>(taken * 31));
        ++taken;
      }
    }
  }
  EXPECT_GT(taken, 1'000'000U);
}

TEST_F(SimPipe, ends_when_the_last_writer_is_closed) {
  const int same = process.dup(ends.writer);
  write(ends.writer, "rest");
  process.close(ends.writer);
  EXPECT_EQ(ready(ends.reader), kCanRead);
  process.close(same);
  EXPECT_EQ(ready(ends.reader), kCanRead | kHungUp);
  EXPECT_EQ(read(ends.reader), "rest");
  EXPECT_EQ(ready(ends.reader), kHungUp);
  EXPECT_EQ(read(ends.reader), "");
  EXPECT_EQ(read(ends.reader), "");
}

TEST_F(SimPipe, breaks_when_the_last_reader_is_closed) {
  process.close(ends.reader);
  EXPECT_EQ(ready(ends.writer), kCanWrite | kError);
  EXPECT_EQ(write(ends.writer, "x"), -EPIPE);
  EXPECT_EQ(write(ends.writer, ""), 0);
  process.ignore_signal(SIGPIPE, false);
  EXPECT_EQ(write(ends.writer, "x"), -EPIPE);
  EXPECT_TRUE(process.ended());
}

TEST_F(SimPipe, has_a_direction_and_knows_its_flags) {
  EXPECT_EQ(write(ends.reader, "x"), -EBADF);
  EXPECT_EQ(read(ends.writer), std::to_string(-EBADF));
  EXPECT_EQ(read(ends.reader), std::to_string(-EAGAIN));
  EXPECT_EQ(read(ends.reader, 0), "");
  int other[2];
  EXPECT_EQ(process.pipe2(other, O_APPEND), -EINVAL);
  EXPECT_EQ(process.pipe2(other, O_NONBLOCK | O_CLOEXEC), 0);
  EXPECT_EQ(process.fcntl(other[0], F_GETFL, 0), O_RDONLY | O_NONBLOCK);
  EXPECT_EQ(process.fcntl(other[1], F_GETFL, 0), O_WRONLY | O_NONBLOCK);
  EXPECT_EQ(process.fcntl(other[1], F_GETFD, 0), FD_CLOEXEC);
}

TEST_F(SimPipe, of_packets_gives_one_at_a_time_and_loses_what_does_not_fit) {
  int other[2];
  ASSERT_EQ(process.pipe2(other, O_DIRECT), 0);
  write(other[1], "first");
  write(other[1], "second");
  write(other[1], "third");
  EXPECT_EQ(read(other[0]), "first");
  EXPECT_EQ(read(other[0], 3), "sec");
  EXPECT_EQ(read(other[0]), "third");
}

TEST_F(SimPipe, parts_are_gathered_and_scattered_as_one_call) {
  char a[] = "one ";
  char b[] = "two";
  const iovec out[] = {{a, 4}, {nullptr, 0}, {b, 3}};
  EXPECT_EQ(process.writev(ends.writer, out), 7);
  char c[3]{};
  char d[8]{};
  const iovec in[] = {{c, 2}, {d, 8}};
  EXPECT_EQ(process.readv(ends.reader, in), 7);
  EXPECT_STREQ(c, "on");
  EXPECT_STREQ(d, "e two");
  EXPECT_EQ(process.readv(ends.reader, in), -EAGAIN);
  EXPECT_EQ(process.readv(ends.reader, {}), 0);
  const std::vector<iovec> many(1025, iovec{a, 1});
  EXPECT_EQ(process.writev(ends.writer, many), -EINVAL);
  const iovec negative[] = {{a, 1}, {b, std::numeric_limits<std::size_t>::max()}};
  EXPECT_EQ(process.writev(ends.writer, negative), -EINVAL);
  EXPECT_EQ(process.writev(ends.reader, out), -EBADF);
}

TEST_F(SimPipe, what_the_weather_cuts_short_is_told_anew) {
  const int epoll = process.epoll_create1(0);
  Faults rough = Faults::none();
  rough[Fault::short_read].rate = 1'000'000;
  rough[Fault::short_write].rate = 1'000'000;
  weather.set_faults(rough);
  EXPECT_EQ(write(ends.writer, std::string(4096, 'x')), 4096) << "never of one page or less";
  watch(epoll, ends.reader, EPOLLIN | EPOLLET);
  std::size_t left = 4096;
  while (left > 0) {
    EXPECT_EQ(wait(epoll).size(), 1U);
    const std::size_t count = read(ends.reader).size();
    EXPECT_TRUE(count < left || left == 1);
    left -= count;
  }
  EXPECT_EQ(wait(epoll).size(), 0U);
  watch(epoll, ends.writer, EPOLLOUT | EPOLLET);
  wait(epoll);
  EXPECT_LT(write(ends.writer, std::string(40960, 'x')), 40960);
  EXPECT_EQ(wait(epoll).size(), 2U);
}

class SimCounter : public SimPipe {
 protected:
  std::int64_t add(int fd, std::uint64_t value) {
    return process.write(fd, std::as_bytes(std::span(&value, 1)));
  }
  std::int64_t take(int fd) {
    std::uint64_t value = 0;
    const std::int64_t count = process.read(fd, std::as_writable_bytes(std::span(&value, 1)));
    return count == 8 ? static_cast<std::int64_t>(value) : count;
  }
};

TEST_F(SimCounter, adds_up_and_is_taken_whole) {
  const int fd = process.eventfd(2, EFD_NONBLOCK);
  EXPECT_EQ(add(fd, 40), 8);
  EXPECT_EQ(ready(fd), kReadable | kWritable);
  EXPECT_EQ(take(fd), 42);
  EXPECT_EQ(take(fd), -EAGAIN);
  EXPECT_EQ(ready(fd), kWritable);
  EXPECT_EQ(process.fcntl(fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
}

TEST_F(SimCounter, semaphore_is_taken_one_by_one) {
  const int fd = process.eventfd(2, EFD_SEMAPHORE);
  EXPECT_EQ(take(fd), 1);
  EXPECT_EQ(take(fd), 1);
  EXPECT_EQ(take(fd), -EAGAIN);
}

TEST_F(SimCounter, never_overflows) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const int fd = process.eventfd(0, 0);
  EXPECT_EQ(add(fd, kMost), -EINVAL);
  EXPECT_EQ(add(fd, kMost - 2), 8);
  EXPECT_EQ(ready(fd), kReadable | kWritable);
  EXPECT_EQ(add(fd, 1), 8);
  EXPECT_EQ(ready(fd), kReadable);
  EXPECT_EQ(add(fd, 1), -EAGAIN);
  EXPECT_EQ(add(fd, 0), 8);
  EXPECT_EQ(take(fd), static_cast<std::int64_t>(kMost - 1));
}

TEST_F(SimCounter, refuses_less_than_eight_bytes_and_unknown_flags) {
  const int fd = process.eventfd(1, 0);
  EXPECT_EQ(write(fd, "1234567"), -EINVAL);
  EXPECT_EQ(read(fd, 7), std::to_string(-EINVAL));
  EXPECT_EQ(process.eventfd(0, 2), -EINVAL);
}

TEST_F(SimCounter, each_part_of_a_vector_is_an_addition) {
  const int fd = process.eventfd(0, 0);
  std::uint64_t one = 1;
  const iovec parts[] = {{&one, 8}, {&one, 8}};
  EXPECT_EQ(process.writev(fd, parts), 16);
  EXPECT_EQ(take(fd), 2);
  const iovec halves[] = {{&one, 4}, {&one, 4}};
  EXPECT_EQ(process.writev(fd, halves), -EINVAL);
}

TEST_F(SimCounter, what_has_no_read_or_write_refuses_even_nothing) {
  const int epoll = process.epoll_create1(0);
  const int timer = process.timerfd_create(CLOCK_MONOTONIC, 0);
  const int self = process.pidfd_open(process.pid(), 0);
  for (const int fd : {epoll, timer, self}) {
    EXPECT_EQ(process.readv(fd, {}), fd == timer ? 0 : -EINVAL);
    EXPECT_EQ(process.writev(fd, {}), -EINVAL);
    EXPECT_EQ(process.write(fd, {}), -EINVAL);
  }
}

TEST_F(SimCounter, every_addition_is_an_edge) {
  const int epoll = process.epoll_create1(0);
  const int fd = process.eventfd(0, 0);
  watch(epoll, fd, EPOLLIN | EPOLLET);
  for (int i = 0; i < 3; ++i) {
    add(fd, 1);
    EXPECT_EQ(wait(epoll).size(), 1U);
  }
  EXPECT_EQ(wait(epoll).size(), 0U);
  EXPECT_EQ(take(fd), 3);
}

}  // namespace
}  // namespace vigil::sim

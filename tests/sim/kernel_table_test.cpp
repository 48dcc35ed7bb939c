// The handle table: close(2), dup(2), fcntl(2), and what a process begins and ends with.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>

#include "tests/sim/kernel_fixture.hpp"

namespace vigil::sim {
namespace {

class SimTable : public KernelTest {};

TEST_F(SimTable, a_process_begins_with_an_empty_input_and_outputs_that_are_kept) {
  EXPECT_EQ(process.open_handles(), 3U);
  EXPECT_EQ(read(0), "");
  write(1, "out ");
  write(2, "err");
  EXPECT_EQ(write(0, "x"), -EBADF);
  EXPECT_EQ(read(1), std::to_string(-EBADF));
  Process& again = kernel.start_process("program");
  again.write(1, bytes(" again"));
  EXPECT_EQ(kernel.output("program"), "out err again");
  kernel.crash();
  EXPECT_EQ(kernel.output("program"), "out err again");
  EXPECT_EQ(kernel.output("nobody"), "");
}

TEST_F(SimTable, the_lowest_free_number_is_given) {
  std::vector<int> numbers;
  for (int i = 0; i < 200; ++i) {
    numbers.push_back(process.eventfd(0, 0));
    EXPECT_EQ(numbers.back(), 3 + i);
  }
  for (const int gone : {150, 63, 64, 7, 199}) {
    EXPECT_EQ(process.close(gone), 0);
  }
  for (const int next : {7, 63, 64, 150, 199, 203}) {
    EXPECT_EQ(process.dup(0), next);
  }
  EXPECT_EQ(process.close(500), -EBADF);
  EXPECT_EQ(process.close(-1), -EBADF);
  EXPECT_EQ(process.dup(-1), -EBADF);
}

TEST_F(SimTable, dup3_replaces_what_was_there) {
  const Pair ends = pipe();
  EXPECT_EQ(process.dup3(1, ends.reader, O_CLOEXEC), ends.reader);
  EXPECT_EQ(process.fcntl(ends.reader, F_GETFD, 0), FD_CLOEXEC);
  EXPECT_EQ(write(ends.writer, "x"), -EPIPE) << "the reader was closed, and SIGPIPE ended all";
}

TEST_F(SimTable, dup3_refuses_in_the_systems_order) {
  EXPECT_EQ(process.dup3(1, 1, 0), -EINVAL);
  EXPECT_EQ(process.dup3(99, 99, 0), -EINVAL);
  EXPECT_EQ(process.dup3(99, 5, 1), -EINVAL);
  EXPECT_EQ(process.dup3(1, -1, 0), -EBADF);
  EXPECT_EQ(process.dup3(1, kernel.limits().handles, 0), -EBADF);
  EXPECT_EQ(process.dup3(99, 5, 0), -EBADF);
  EXPECT_EQ(process.dup3(1, 700, 0), 700);
  EXPECT_EQ(process.dup(1), 3);
}

TEST_F(SimTable, duplicates_share_what_belongs_to_the_description) {
  const int counter = process.eventfd(0, EFD_CLOEXEC);
  const int same = process.fcntl(counter, F_DUPFD, 100);
  EXPECT_EQ(same, 100);
  EXPECT_EQ(process.fcntl(counter, F_GETFD, 0), FD_CLOEXEC);
  EXPECT_EQ(process.fcntl(same, F_GETFD, 0), 0);
  EXPECT_EQ(process.fcntl(same, F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(process.fcntl(counter, F_GETFL, 0), O_RDWR | O_NONBLOCK);
  EXPECT_EQ(process.fcntl(counter, F_SETFD, 0), 0);
  EXPECT_EQ(process.fcntl(counter, F_GETFD, 0), 0);
  EXPECT_EQ(process.fcntl(process.fcntl(same, F_DUPFD_CLOEXEC, 0), F_GETFD, 0), FD_CLOEXEC);
  EXPECT_EQ(process.fcntl(same, F_DUPFD, -1), -EINVAL);
  EXPECT_EQ(process.fcntl(same, F_DUPFD, 1 << 20), -EINVAL);
  EXPECT_EQ(process.fcntl(99, F_GETFD, 0), -EBADF);
  EXPECT_EQ(process.fcntl(same, 12345, 0), -EINVAL);
  EXPECT_EQ(process.fcntl(same, F_GETPIPE_SZ, 0), -EBADF);
  EXPECT_EQ(process.fcntl(pipe().reader, F_GETPIPE_SZ, 0), 65536);
}

TEST_F(SimTable, the_limit_counts_numbers_and_leaves_nothing_half_made) {
  process.handle_limit = 5;
  const std::size_t files = kernel.live_files();
  EXPECT_EQ(process.eventfd(0, 0), 3);
  int ends[2] = {-7, -7};
  EXPECT_EQ(process.pipe2(ends, 0), -EMFILE);
  EXPECT_EQ(ends[0], -7);
  EXPECT_EQ(process.open_handles(), 4U);
  EXPECT_EQ(kernel.live_files(), files + 1);
  EXPECT_EQ(process.dup(0), 4);
  EXPECT_EQ(process.dup(0), -EMFILE);
  EXPECT_EQ(process.fcntl(0, F_DUPFD, 3), -EMFILE);
  EXPECT_EQ(process.epoll_create1(0), -EMFILE);
  process.close(3);
  EXPECT_EQ(process.epoll_create1(0), 3);
}

TEST_F(SimTable, the_weather_takes_descriptors_away) {
  Faults scarce = Faults::none();
  scarce[Fault::no_descriptor].rate = 1'000'000;
  weather.set_faults(scarce);
  const std::size_t files = kernel.live_files();
  int ends[2];
  EXPECT_EQ(process.pipe2(ends, 0), -EMFILE);
  EXPECT_EQ(process.dup(0), -EMFILE);
  EXPECT_EQ(process.signalfd(-1, std::array<sigset_t, 1>{}.data(), 0), -EMFILE);
  EXPECT_EQ(kernel.live_files(), files);
}

TEST_F(SimTable, what_an_open_path_stands_for_is_not_read_or_watched) {
  const int path = process.openat2(AT_FDCWD, "/", O_PATH, 0, 0);
  ASSERT_GE(path, 0);
  EXPECT_EQ(read(path), std::to_string(-EBADF));
  EXPECT_EQ(write(path, "x"), -EBADF);
  EXPECT_EQ(watch(process.epoll_create1(0), path, EPOLLIN), -EBADF);
  EXPECT_EQ(process.fcntl(path, F_SETFL, 0), -EBADF);
  EXPECT_GE(process.dup(path), 0);
}

TEST_F(SimTable, poll_tells_what_holds_now) {
  const Pair ends = pipe();
  EXPECT_EQ(process.poll_one(99, kReadable), static_cast<std::uint32_t>(POLLNVAL));
  EXPECT_EQ(process.poll_one(-1, kReadable), 0U);
  EXPECT_EQ(process.poll_one(0, kReadable | kWritable), kReadable | kWritable);
  EXPECT_EQ(process.poll_one(ends.reader, kReadable | kWritable), 0U);
  EXPECT_EQ(process.poll_one(ends.writer, kReadable | kWritable), kWritable);
  process.close(ends.reader);
  EXPECT_EQ(process.poll_one(ends.writer, 0), kError);
}

TEST_F(SimTable, nothing_is_left_of_an_ended_process) {
  const int epoll = process.epoll_create1(0);
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN);
  watch(epoll, process.timerfd_create(CLOCK_MONOTONIC, 0), EPOLLIN);
  watch(epoll, process.signalfd(-1, std::array<sigset_t, 1>{}.data(), 0), EPOLLIN);
  watch(epoll, process.pidfd_open(process.pid(), 0), EPOLLIN);
  const int pid = process.pid();
  kernel.end_process(process, 0);
  EXPECT_EQ(kernel.live_files(), 0U);
  EXPECT_TRUE(process.ended());
  EXPECT_EQ(kernel.find_process(pid), nullptr);
  EXPECT_EQ(process.eventfd(0, 0), -EMFILE) << "its calls fail";
  EXPECT_EQ(write(1, "x"), -EBADF);
  EXPECT_EQ(process.fork("child"), -ESRCH);
}

TEST_F(SimTable, nothing_is_left_after_a_crash) {
  const int epoll = process.epoll_create1(0);
  const int outer = process.epoll_create1(0);
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN);
  watch(outer, epoll, EPOLLIN);
  process.fork("child");
  kernel.crash();
  EXPECT_EQ(kernel.live_files(), 0U);
  EXPECT_TRUE(process.ended());
  Process& next = kernel.start_process("next");
  EXPECT_EQ(next.open_handles(), 3U);
}

}  // namespace
}  // namespace vigil::sim

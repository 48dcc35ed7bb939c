// The clauses of epoll(7), epoll_ctl(2) and epoll_wait(2), on the simulated kernel.
#include <fcntl.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>

#include "tests/sim/kernel_fixture.hpp"

namespace vigil::sim {
namespace {

class SimEpoll : public KernelTest {
 protected:
  using List = std::vector<Told>;
  int epoll = process.epoll_create1(0);
  Pair ends = pipe();
};

constexpr std::uint32_t kOnce = EPOLLONESHOT;

TEST_F(SimEpoll, level_is_told_at_every_wait_as_long_as_it_holds) {
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN), 0);
  EXPECT_EQ(wait(epoll), List{});
  write(ends.writer, "ab");
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN}}));
  EXPECT_EQ(read(ends.reader, 1), "a");
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN}}));
  EXPECT_EQ(read(ends.reader, 1), "b");
  EXPECT_EQ(wait(epoll), List{});
}

TEST_F(SimEpoll, an_edge_is_told_once_and_again_when_more_comes) {
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN | EPOLLET), 0);
  write(ends.writer, "2k");
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN}}));
  EXPECT_EQ(read(ends.reader, 1), "2");
  EXPECT_EQ(wait(epoll), List{}) << "the rest is there, but nothing came";
  write(ends.writer, "more");
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN}}));
}

TEST_F(SimEpoll, a_write_that_finds_no_room_is_an_edge_for_the_reader) {
  write(ends.writer, std::string(65536, 'x'));
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN | EPOLLET), 0);
  EXPECT_EQ(wait(epoll).size(), 1U);
  EXPECT_EQ(write(ends.writer, "y"), -EAGAIN);
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN}}));
}

TEST_F(SimEpoll, several_changes_before_a_wait_are_one_event) {
  watch(epoll, ends.reader, EPOLLIN | EPOLLET);
  write(ends.writer, "a");
  write(ends.writer, "b");
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN}}));
  EXPECT_EQ(wait(epoll), List{});
}

TEST_F(SimEpoll, what_became_false_before_the_wait_is_not_told) {
  for (const std::uint32_t how : {0U, static_cast<std::uint32_t>(EPOLLET), kOnce}) {
    const Pair other = pipe();
    watch(epoll, other.reader, EPOLLIN | how);
    write(other.writer, "a");
    read(other.reader);
    EXPECT_EQ(wait(epoll), List{});
  }
}

TEST_F(SimEpoll, adding_and_modifying_tell_what_holds_already) {
  write(ends.writer, "a");
  watch(epoll, ends.reader, EPOLLIN | EPOLLET);
  EXPECT_EQ(wait(epoll).size(), 1U);
  EXPECT_EQ(wait(epoll).size(), 0U);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN | EPOLLET, EPOLL_CTL_MOD), 0);
  EXPECT_EQ(wait(epoll).size(), 1U) << "a modification looks anew";
}

TEST_F(SimEpoll, oneshot_is_disarmed_until_modified_even_for_the_end) {
  watch(epoll, ends.reader, EPOLLIN | kOnce);
  write(ends.writer, "a");
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN}}));
  write(ends.writer, "b");
  process.close(ends.writer);
  EXPECT_EQ(wait(epoll), List{});
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN | kOnce, EPOLL_CTL_MOD), 0);
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN | EPOLLHUP}}));
}

TEST_F(SimEpoll, errors_and_the_end_are_told_unasked) {
  watch(epoll, ends.reader, 0);
  watch(epoll, ends.writer, EPOLLET);
  EXPECT_EQ(wait(epoll), List{});
  process.close(ends.reader);
  EXPECT_EQ(wait(epoll), (List{{ends.writer, EPOLLERR}}));
  const Pair other = pipe();
  watch(epoll, other.reader, 0);
  process.close(other.writer);
  EXPECT_EQ(wait(epoll), (List{{other.reader, EPOLLHUP}}));
}

TEST_F(SimEpoll, only_what_was_asked_for_is_told) {
  write(ends.writer, "a");
  watch(epoll, ends.reader, EPOLLOUT | EPOLLPRI);
  EXPECT_EQ(wait(epoll), List{});
  watch(epoll, ends.reader, EPOLLIN | EPOLLRDNORM, EPOLL_CTL_MOD);
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN | EPOLLRDNORM}}));
}

TEST_F(SimEpoll, the_ready_are_told_in_turn_when_there_is_not_room_for_all) {
  std::vector<Pair> pairs;
  for (int i = 0; i < 5; ++i) {
    pairs.push_back(pipe());
    watch(epoll, pairs.back().reader, EPOLLIN);
  }
  for (const Pair& pair : pairs) {
    write(pair.writer, "x");
  }
  std::vector<int> seen;
  for (int i = 0; i < 5; ++i) {
    for (const Told& told : wait(epoll, 2)) {
      seen.push_back(told.fd);
    }
  }
  std::vector<int> turns;
  for (int i = 0; i < 10; ++i) {
    turns.push_back(pairs[static_cast<std::size_t>(i % 5)].reader);
  }
  EXPECT_EQ(seen, turns);
}

TEST_F(SimEpoll, each_number_of_a_description_is_an_interest_of_its_own) {
  const int same = process.dup(ends.reader);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN), 0);
  EXPECT_EQ(watch(epoll, same, EPOLLIN), 0);
  EXPECT_EQ(watch(epoll, same, EPOLLIN), -EEXIST);
  write(ends.writer, "a");
  // The one that came last hangs first in the queue.
  EXPECT_EQ(wait(epoll), (List{{same, EPOLLIN}, {ends.reader, EPOLLIN}}));
}

TEST_F(SimEpoll, a_closed_descriptor_leaves_every_set_unless_a_duplicate_is_open) {
  const int second = process.epoll_create1(0);
  watch(epoll, ends.reader, EPOLLIN);
  watch(second, ends.reader, EPOLLIN);
  const int same = process.dup(ends.reader);
  const int number = ends.reader;
  process.close(ends.reader);
  write(ends.writer, "a");
  EXPECT_EQ(wait(epoll), (List{{number, EPOLLIN}})) << "the duplicate keeps it";
  EXPECT_EQ(watch(epoll, number, 0, EPOLL_CTL_DEL), -EBADF) << "and it cannot be removed";
  process.close(same);
  EXPECT_EQ(wait(epoll), List{});
  EXPECT_EQ(wait(second), List{});
}

TEST_F(SimEpoll, a_child_that_keeps_the_description_keeps_the_interest) {
  watch(epoll, ends.reader, EPOLLIN);
  const int child = process.fork("child");
  const int number = ends.reader;
  process.close(ends.reader);
  write(ends.writer, "a");
  EXPECT_EQ(wait(epoll), (List{{number, EPOLLIN}}));
  kernel.find_process(child)->exit(0);
  EXPECT_EQ(wait(epoll), List{});
}

TEST_F(SimEpoll, a_reused_number_is_a_new_interest) {
  watch(epoll, ends.reader, EPOLLIN);
  const int number = ends.reader;
  process.close(ends.reader);
  process.close(ends.writer);
  const Pair next = pipe();
  ASSERT_EQ(next.reader, number);
  write(next.writer, "a");
  EXPECT_EQ(wait(epoll), List{});
  EXPECT_EQ(watch(epoll, next.reader, EPOLLIN), 0);
  EXPECT_EQ(wait(epoll), (List{{number, EPOLLIN}}));
}

TEST_F(SimEpoll, closing_the_set_lets_everything_go) {
  watch(epoll, ends.reader, EPOLLIN);
  process.close(epoll);
  write(ends.writer, "a");
  process.close(ends.reader);
  process.close(ends.writer);
  EXPECT_EQ(kernel.live_files(), 3U);
}

TEST_F(SimEpoll, wrong_calls_are_refused_in_the_systems_order) {
  epoll_event event{};
  event.events = EPOLLIN;
  const int counter = process.eventfd(0, 0);
  EXPECT_EQ(process.epoll_create1(O_NONBLOCK), -EINVAL);
  EXPECT_EQ(process.epoll_ctl(epoll, EPOLL_CTL_ADD, counter, nullptr), -EFAULT);
  EXPECT_EQ(watch(99, ends.reader, EPOLLIN), -EBADF);
  EXPECT_EQ(watch(epoll, 99, EPOLLIN), -EBADF);
  EXPECT_EQ(watch(epoll, 0, EPOLLIN), -EPERM) << "/dev/null cannot be watched";
  EXPECT_EQ(watch(counter, 0, EPOLLIN), -EPERM) << "asked before whether it is a set";
  EXPECT_EQ(watch(epoll, epoll, EPOLLIN), -EINVAL);
  EXPECT_EQ(watch(counter, ends.reader, EPOLLIN), -EINVAL);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN, EPOLL_CTL_MOD), -ENOENT);
  EXPECT_EQ(watch(epoll, ends.reader, 0, EPOLL_CTL_DEL), -ENOENT);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN, 7), -EINVAL);
  EXPECT_EQ(process.epoll_ctl(epoll, EPOLL_CTL_ADD, ends.reader, &event), 0);
  EXPECT_EQ(process.epoll_ctl(epoll, EPOLL_CTL_ADD, ends.reader, &event), -EEXIST);
  EXPECT_EQ(process.epoll_ctl(epoll, EPOLL_CTL_DEL, ends.reader, nullptr), 0);
  std::array<epoll_event, 1> room{};
  EXPECT_EQ(process.epoll_wait(99, {}), -EINVAL) << "no room is found before the descriptor";
  EXPECT_EQ(process.epoll_wait(99, room), -EBADF);
  EXPECT_EQ(process.epoll_wait(counter, room), -EINVAL);
  EXPECT_EQ(read(epoll, 8), std::to_string(-EINVAL));
}

TEST_F(SimEpoll, exclusive_takes_few_bits_and_no_modification) {
  constexpr std::uint32_t kAlone = EPOLLEXCLUSIVE;
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN | kAlone | EPOLLONESHOT), -EINVAL);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN | kAlone | EPOLLRDHUP), -EINVAL);
  EXPECT_EQ(watch(epoll, process.epoll_create1(0), EPOLLIN | kAlone), -EINVAL);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN | kAlone, EPOLL_CTL_MOD), -EINVAL);
  EXPECT_EQ(watch(epoll, ends.reader,
                  EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET | EPOLLWAKEUP | kAlone),
            0);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN, EPOLL_CTL_MOD), -EINVAL);
  EXPECT_EQ(watch(epoll, ends.reader, 0, EPOLL_CTL_DEL), 0);
}

TEST_F(SimEpoll, memory_runs_out_where_an_interest_is_added) {
  Faults scarce = Faults::none();
  scarce[Fault::no_memory].rate = 1'000'000;
  weather.set_faults(scarce);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN), -ENOMEM);
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN, EPOLL_CTL_MOD), -ENOENT);
  weather.set_faults(Faults::none());
  EXPECT_EQ(watch(epoll, ends.reader, EPOLLIN), 0);
}

}  // namespace
}  // namespace vigil::sim

// The known failures of event loops, as far as they are the kernel's behaviour that a loop has to
// live with: the model must have each of them, or no seed can find who forgot it. The numbers are
// those of tests/hazards.md.
#include <sys/eventfd.h>

#include <cerrno>
#include <csignal>

#include "kernel/random.hpp"
#include "tests/sim/kernel_fixture.hpp"

namespace vigil::sim {
namespace {

class SimHazards : public KernelTest {
 protected:
  using List = std::vector<Told>;
  SimHazards() { process.ignore_signal(SIGPIPE, true); }
  void post(int fd) {
    const std::uint64_t one = 1;
    EXPECT_EQ(process.write(fd, std::as_bytes(std::span(&one, 1))), 8);
  }
  int epoll = process.epoll_create1(0);
};

// 1: a wake-up that comes before, between or after the steps of arming anew is told.
TEST_F(SimHazards, a_post_is_told_wherever_it_comes_around_a_modification) {
  const int counter = process.eventfd(0, 0);
  for (const std::uint32_t how : {0U, static_cast<std::uint32_t>(EPOLLET)}) {
    for (int when = 0; when < 3; ++when) {
      watch(epoll, counter, EPOLLIN | how | EPOLLONESHOT);
      post(counter);
      EXPECT_EQ(wait(epoll).size(), 1U);
      if (when == 0) {
        post(counter);  // disarmed: not told now
        EXPECT_EQ(wait(epoll).size(), 0U);
      }
      watch(epoll, counter, EPOLLIN | how | EPOLLONESHOT, EPOLL_CTL_MOD);
      if (when == 1) {
        post(counter);
      }
      EXPECT_EQ(wait(epoll).size(), 1U);
      read(counter, 8);
      watch(epoll, counter, 0, EPOLL_CTL_DEL);
    }
  }
}

// 2: however many edges came and went, the next wait tells what holds then, and once.
TEST_F(SimHazards, an_edge_after_two_to_the_sixteenth_others_is_told) {
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN | EPOLLET);
  for (int i = 0; i < 65536 + 300; ++i) {
    write(ends.writer, "x");
    if (i % 2 == 0) {
      EXPECT_EQ(wait(epoll).size(), 1U);
    }
    read(ends.reader);
  }
  EXPECT_EQ(wait(epoll).size(), 0U);
  write(ends.writer, "x");
  EXPECT_EQ(wait(epoll).size(), 1U);
  EXPECT_EQ(wait(epoll).size(), 0U);
}

// 3: room that comes between the refused write and the arming is told by the arming; an interest
// that was armed all the while is told by the edge. One that is armed too early, before the write
// was refused, and not looked at again, is told too: by the reading of what filled the pipe.
TEST_F(SimHazards, room_is_told_wherever_it_comes_around_the_arming) {
  for (int when = 0; when < 3; ++when) {
    const Pair ends = pipe();
    const auto drain = [&] { EXPECT_EQ(read(ends.reader).size(), 65536U); };
    EXPECT_EQ(watch(epoll, ends.writer, EPOLLET), 0);
    write(ends.writer, std::string(65536, 'x'));
    EXPECT_EQ(write(ends.writer, "y"), -EAGAIN);
    if (when == 0) {
      drain();
      EXPECT_EQ(wait(epoll), List{}) << "an edge that nobody asked for is lost";
    }
    watch(epoll, ends.writer, EPOLLOUT | EPOLLET, EPOLL_CTL_MOD);
    if (when == 1) {
      drain();
    }
    const List before = wait(epoll);
    EXPECT_EQ(before.size(), when == 2 ? 0U : 1U);
    if (when == 2) {
      drain();
      EXPECT_EQ(wait(epoll), (List{{ends.writer, EPOLLOUT}}));
    }
    process.close(ends.writer);
    process.close(ends.reader);
  }
}

// 4: as many waiters are woken as there were events.
TEST_F(SimHazards, two_events_wake_two_waiters) {
  struct Task : Waiter {
    int woken = 0;
  } tasks[3];
  WaitQueue& queue = process.file(epoll)->queue();
  for (Task& task : tasks) {
    task.exclusive = true;
    task.wake = [](Waiter& self, std::uint32_t) noexcept {
      ++static_cast<Task&>(self).woken;
      self.queue->remove(self);
      return true;
    };
    queue.add(task);
  }
  const Pair one = pipe();
  const Pair other = pipe();
  watch(epoll, one.reader, EPOLLIN | EPOLLET);
  watch(epoll, other.reader, EPOLLIN | EPOLLET);
  write(one.writer, "a");
  write(other.writer, "b");
  EXPECT_EQ(tasks[0].woken + tasks[1].woken, 2);
  EXPECT_EQ(tasks[2].woken, 0);
  queue.remove(tasks[2]);
}

// 5 and 6: a batch that was collected names what was closed since, and its number may be another's.
TEST_F(SimHazards, a_batch_goes_on_naming_a_number_that_has_a_new_owner) {
  const Pair one = pipe();
  const Pair other = pipe();
  watch(epoll, one.reader, EPOLLIN);
  watch(epoll, other.reader, EPOLLIN);
  write(one.writer, "a");
  write(other.writer, "b");
  const List batch = wait(epoll);
  EXPECT_EQ(batch, (List{{one.reader, EPOLLIN}, {other.reader, EPOLLIN}}));
  process.close(other.reader);
  const int fresh = process.eventfd(0, 0);
  EXPECT_EQ(batch[1].fd, fresh) << "the loop must tell the two apart by itself";
  EXPECT_EQ(watch(epoll, fresh, EPOLLIN), 0);
  EXPECT_EQ(wait(epoll), (List{{one.reader, EPOLLIN}})) << "the new owner inherits nothing";
}

// 7: what was closed but not removed reports through a duplicate, and nobody can stop it by number.
TEST_F(SimHazards, a_closed_number_reports_while_a_duplicate_is_open) {
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN);
  const int same = process.dup(ends.reader);
  const int number = ends.reader;
  process.close(number);
  write(ends.writer, "x");
  EXPECT_EQ(wait(epoll), (List{{number, EPOLLIN}}));
  EXPECT_EQ(wait(epoll), (List{{number, EPOLLIN}}));
  EXPECT_EQ(watch(epoll, number, 0, EPOLL_CTL_DEL), -EBADF);
  EXPECT_EQ(watch(epoll, same, 0, EPOLL_CTL_DEL), -ENOENT);
  // Removed before it is closed, it is gone.
  EXPECT_EQ(process.dup3(same, number, 0), number);
  EXPECT_EQ(watch(epoll, number, 0, EPOLL_CTL_DEL), 0);
  EXPECT_EQ(wait(epoll), List{});
}

// 9 and 10: an end is told at every wait to an interest that asked for nothing, until it is removed
// or an edge or a single shot.
TEST_F(SimHazards, an_end_is_told_to_who_asked_for_nothing_again_and_again) {
  const Pair ends = pipe();
  watch(epoll, ends.writer, 0);
  EXPECT_EQ(wait(epoll), List{});
  process.close(ends.reader);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(wait(epoll), (List{{ends.writer, EPOLLERR}}));
  }
  watch(epoll, ends.writer, EPOLLET, EPOLL_CTL_MOD);
  EXPECT_EQ(wait(epoll).size(), 1U);
  EXPECT_EQ(wait(epoll).size(), 0U);
  watch(epoll, ends.writer, EPOLLONESHOT, EPOLL_CTL_MOD);
  EXPECT_EQ(wait(epoll).size(), 1U);
  EXPECT_EQ(wait(epoll).size(), 0U);
}

// 11: a pipe's end is a hang-up without readability once it is drained, and one with it before; a
// child that ends closes its end like this.
TEST_F(SimHazards, a_pipes_end_is_a_hang_up_without_readability) {
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN);
  const int child = process.fork("child");
  process.close(ends.writer);
  kernel.find_process(child)->write(ends.writer, bytes("last words"));
  kernel.find_process(child)->exit(0);
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLIN | EPOLLHUP}}));
  EXPECT_EQ(read(ends.reader), "last words");
  EXPECT_EQ(wait(epoll), (List{{ends.reader, EPOLLHUP}}));
  EXPECT_EQ(read(ends.reader), "");
}

// The interests against a list of what should hold, over random histories: no event is told of a
// description that is gone, and none is missing that level promises.
TEST_F(SimHazards, random_histories_of_level_interests_agree_with_a_plain_list) {
  Random random(11, "histories");
  struct One {
    Pair ends;
    bool watched = false;
    std::size_t bytes = 0;
  };
  std::vector<One> all(40);
  for (One& one : all) {
    one.ends = pipe();
  }
  for (int step = 0; step < 50000; ++step) {
    One& one = all[random.below(all.size())];
    switch (random.below(6)) {
      case 0:
        EXPECT_EQ(watch(epoll, one.ends.reader, EPOLLIN), one.watched ? -EEXIST : 0);
        one.watched = true;
        break;
      case 1:
        EXPECT_EQ(watch(epoll, one.ends.reader, 0, EPOLL_CTL_DEL), one.watched ? 0 : -ENOENT);
        one.watched = false;
        break;
      case 2:
        one.bytes += write(one.ends.writer, "x") == 1 ? 1U : 0U;
        break;
      case 3:
        one.bytes -= read(one.ends.reader, 2) == "xx" ? 2U : one.bytes == 1 ? 1U : 0U;
        break;
      case 4:
        if (random.below(4) == 0) {
          process.close(one.ends.reader);
          process.close(one.ends.writer);
          one = {pipe()};
        }
        break;
      default: {
        std::size_t ready = 0;
        for (const One& other : all) {
          ready += other.watched && other.bytes > 0 ? 1U : 0U;
        }
        ASSERT_EQ(wait(epoll).size(), ready);
      }
    }
  }
}

}  // namespace
}  // namespace vigil::sim

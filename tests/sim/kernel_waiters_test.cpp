// Sets that watch sets, and several tasks that wait in one or in several: epoll(7) on the simulated
// kernel.
#include <cerrno>

#include "tests/sim/kernel_fixture.hpp"

namespace vigil::sim {
namespace {

// A task in epoll_wait(2): woken once each time it goes to sleep.
struct Task : Waiter {
  explicit Task(WaitQueue& queue_of_set) noexcept : set(queue_of_set) {
    exclusive = true;
    wake = [](Waiter& self, std::uint32_t) noexcept {
      Task& task = static_cast<Task&>(self);
      task.set.remove(task);
      ++task.woken;
      return true;
    };
    sleep();
  }
  ~Task() {
    if (queue != nullptr) {
      set.remove(*this);
    }
  }
  void sleep() noexcept { set.add(*this); }
  bool asleep() const noexcept { return queue != nullptr; }
  WaitQueue& set;
  int woken = 0;
};

class SimWaiters : public KernelTest {
 protected:
  using List = std::vector<Told>;
  WaitQueue& queue_of(int fd) { return process.file(fd)->queue(); }
  int set() { return process.epoll_create1(0); }
  int epoll = set();
};

TEST_F(SimWaiters, a_set_is_readable_while_something_in_it_is) {
  const int outer = set();
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN);
  EXPECT_EQ(watch(outer, epoll, EPOLLIN), 0);
  EXPECT_EQ(wait(outer), List{});
  write(ends.writer, "a");
  EXPECT_EQ(wait(outer), (List{{epoll, EPOLLIN}}));
  EXPECT_EQ(process.poll_one(epoll, EPOLLIN | EPOLLOUT), static_cast<std::uint32_t>(EPOLLIN));
  EXPECT_EQ(wait(epoll).size(), 1U);
  read(ends.reader);
  EXPECT_EQ(wait(outer), List{});
  EXPECT_EQ(process.poll_one(epoll, EPOLLIN), 0U);
}

TEST_F(SimWaiters, a_wait_on_the_inner_set_is_no_edge_for_the_outer_one) {
  const int outer = set();
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN);
  watch(outer, epoll, EPOLLIN | EPOLLET);
  write(ends.writer, "a");
  EXPECT_EQ(wait(outer).size(), 1U);
  EXPECT_EQ(wait(epoll).size(), 1U);
  EXPECT_EQ(wait(outer).size(), 0U) << "though level puts its entry back on the ready list";
  write(ends.writer, "b");
  EXPECT_EQ(wait(outer).size(), 1U);
}

TEST_F(SimWaiters, sets_watch_sets_four_deep_and_never_in_a_ring) {
  std::vector<int> sets;
  for (int i = 0; i < 6; ++i) {
    sets.push_back(set());
  }
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(watch(sets[i], sets[i + 1], EPOLLIN), 0);
  }
  EXPECT_EQ(watch(sets[4], sets[5], EPOLLIN), -ELOOP);
  EXPECT_EQ(watch(sets[5], sets[0], EPOLLIN), -ELOOP);
  EXPECT_EQ(watch(sets[2], sets[0], EPOLLIN), -ELOOP);
  EXPECT_EQ(watch(sets[1], sets[0], EPOLLIN), -ELOOP);
  const Pair ends = pipe();
  EXPECT_EQ(watch(sets[4], ends.reader, EPOLLIN), 0);
  write(ends.writer, "a");
  EXPECT_EQ(wait(sets[0]), (List{{sets[1], EPOLLIN}}));
  process.close(sets[2]);
  EXPECT_EQ(wait(sets[0]), List{});
  EXPECT_EQ(watch(sets[4], sets[5], EPOLLIN), 0);
  const int one = set();
  const int other = set();
  EXPECT_EQ(watch(one, other, EPOLLIN), 0);
  EXPECT_EQ(watch(other, one, EPOLLIN), -ELOOP) << "the shortest ring is not deep";
}

TEST_F(SimWaiters, one_event_wakes_one_of_several_tasks_and_each_in_turn) {
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN | EPOLLET);
  Task first(queue_of(epoll));
  Task second(queue_of(epoll));
  write(ends.writer, "a");
  EXPECT_EQ(first.woken, 1);
  EXPECT_EQ(second.woken, 0);
  EXPECT_EQ(wait(epoll).size(), 1U);
  EXPECT_EQ(second.woken, 0) << "nothing is left for it";
}

TEST_F(SimWaiters, who_leaves_something_behind_wakes_the_next) {
  const Pair one = pipe();
  const Pair other = pipe();
  watch(epoll, one.reader, EPOLLIN | EPOLLET);
  watch(epoll, other.reader, EPOLLIN | EPOLLET);
  write(one.writer, "a");
  write(other.writer, "b");
  Task task(queue_of(epoll));
  EXPECT_EQ(wait(epoll, 1).size(), 1U);
  EXPECT_EQ(task.woken, 1);
}

TEST_F(SimWaiters, a_task_that_is_not_asleep_does_not_take_the_wake_up) {
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN | EPOLLET);
  struct Busy : Waiter {
  } busy;
  busy.exclusive = true;
  busy.wake = [](Waiter&, std::uint32_t) noexcept { return false; };
  queue_of(epoll).add(busy);
  Task task(queue_of(epoll));
  write(ends.writer, "a");
  EXPECT_EQ(task.woken, 1);
  queue_of(epoll).remove(busy);
}

TEST_F(SimWaiters, nobody_is_woken_for_what_was_not_asked_for) {
  const Pair ends = pipe();
  const int counter = process.eventfd(1, 0);
  watch(epoll, ends.reader, EPOLLIN | EPOLLONESHOT);
  watch(epoll, counter, EPOLLERR | EPOLLET);
  write(ends.writer, "a");
  EXPECT_EQ(wait(epoll).size(), 1U);
  Task task(queue_of(epoll));
  write(ends.writer, "disarmed");
  read(counter);
  EXPECT_EQ(task.woken, 0);
  process.close(ends.writer);
  EXPECT_EQ(task.woken, 0) << "not for the end either";
}

TEST_F(SimWaiters, every_set_is_told_unless_it_asked_to_be_one_of_many) {
  const int other = set();
  const Pair ends = pipe();
  for (const std::uint32_t how : {0U, static_cast<std::uint32_t>(EPOLLEXCLUSIVE)}) {
    watch(epoll, ends.reader, EPOLLIN | how);
    watch(other, ends.reader, EPOLLIN | how);
    Task first(queue_of(epoll));
    Task second(queue_of(other));
    write(ends.writer, "a");
    EXPECT_EQ(first.woken + second.woken, how == 0 ? 2 : 1);
    EXPECT_EQ(first.woken, 1) << "exclusive ones go to the end of the queue";
    watch(epoll, ends.reader, 0, EPOLL_CTL_DEL);
    watch(other, ends.reader, 0, EPOLL_CTL_DEL);
    read(ends.reader);
  }
}

TEST_F(SimWaiters, an_exclusive_set_where_nobody_sleeps_lets_the_wake_up_pass_on) {
  const int other = set();
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN | EPOLLEXCLUSIVE);
  watch(other, ends.reader, EPOLLIN | EPOLLEXCLUSIVE);
  Task task(queue_of(other));
  write(ends.writer, "a");
  EXPECT_EQ(task.woken, 1);
  EXPECT_EQ(wait(epoll).size(), 1U);
  EXPECT_EQ(wait(other).size(), 1U);
  // A task that is there, but at work, takes it no more than one that is not there.
  Waiter busy;
  busy.exclusive = true;
  busy.wake = [](Waiter&, std::uint32_t) noexcept { return false; };
  queue_of(epoll).add(busy);
  task.sleep();
  write(ends.writer, "b");
  EXPECT_EQ(task.woken, 2);
  queue_of(epoll).remove(busy);
}

TEST_F(SimWaiters, a_wake_up_for_one_direction_is_taken_by_who_asked_for_it) {
  const int other = set();
  const int counter = process.eventfd(0, 0);
  watch(epoll, counter, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
  watch(other, counter, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
  Task first(queue_of(epoll));
  Task second(queue_of(other));
  // Told of both directions at once, each set looks for itself.
  queue_of(counter).wake(EPOLLIN | EPOLLOUT);
  EXPECT_EQ(first.woken + second.woken, 2);
}

TEST_F(SimWaiters, the_end_is_told_to_all_exclusive_sets) {
  const int other = set();
  const Pair ends = pipe();
  watch(epoll, ends.reader, EPOLLIN | EPOLLEXCLUSIVE);
  watch(other, ends.reader, EPOLLIN | EPOLLEXCLUSIVE);
  Task first(queue_of(epoll));
  Task second(queue_of(other));
  process.close(ends.writer);
  EXPECT_EQ(first.woken, 1);
  EXPECT_EQ(second.woken, 1);
}

TEST_F(SimWaiters, a_waiter_may_take_another_one_out_while_it_is_called) {
  struct Remover : Waiter {
    WaitQueue* from = nullptr;
    Waiter* victim = nullptr;
    int called = 0;
  } first, second, third;
  WaitQueue queue;
  for (Remover* one : {&third, &second, &first}) {
    one->from = &queue;
    one->wake = [](Waiter& self, std::uint32_t) noexcept {
      Remover& remover = static_cast<Remover&>(self);
      ++remover.called;
      if (remover.victim != nullptr && remover.victim->queue != nullptr) {
        remover.from->remove(*remover.victim);
      }
      return true;
    };
    queue.add(*one);
  }
  first.victim = &second;
  third.victim = &third;
  queue.wake(0);
  EXPECT_EQ(first.called, 1);
  EXPECT_EQ(second.called, 0);
  EXPECT_EQ(third.called, 1);
  EXPECT_EQ(second.queue, nullptr);
  EXPECT_EQ(third.queue, nullptr);
}

TEST_F(SimWaiters, waiters_of_a_queue_that_goes_are_let_go) {
  Waiter waiter;
  {
    WaitQueue queue;
    queue.add(waiter);
  }
  EXPECT_EQ(waiter.queue, nullptr);
}

}  // namespace
}  // namespace vigil::sim

// timerfd_create(2) on the simulated kernel's clock.
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>

#include "tests/sim/kernel_fixture.hpp"

namespace vigil::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SimTimer : public KernelTest {
 protected:
  static timespec spec(Nanos span) {
    return {.tv_sec = span.count() / 1'000'000'000, .tv_nsec = span.count() % 1'000'000'000};
  }
  static Nanos span(const timespec& spec) { return seconds(spec.tv_sec) + Nanos(spec.tv_nsec); }
  std::int32_t set(Nanos value, Nanos interval = {}, int flags = 0, itimerspec* old = nullptr) {
    const itimerspec both{.it_interval = spec(interval), .it_value = spec(value)};
    return process.timerfd_settime(timer, flags, &both, old);
  }
  itimerspec get() {
    itimerspec value{};
    EXPECT_EQ(process.timerfd_gettime(timer, &value), 0);
    return value;
  }
  Nanos left() { return span(get().it_value); }
  std::int64_t take() {
    std::uint64_t ticks = 0;
    const std::int64_t count = process.read(timer, std::as_writable_bytes(std::span(&ticks, 1)));
    return count == 8 ? static_cast<std::int64_t>(ticks) : count;
  }
  std::size_t told() { return wait(epoll).size(); }
  Nanos now() { return clock.now().time_since_epoch(); }

  int timer = process.timerfd_create(CLOCK_MONOTONIC, 0);
  int epoll = process.epoll_create1(0);
  int added = watch(epoll, timer, EPOLLIN | EPOLLET);
};

TEST_F(SimTimer, fires_once_at_its_time) {
  set(milliseconds(5));
  EXPECT_EQ(left(), milliseconds(5));
  pass(milliseconds(5) - Nanos(1));
  EXPECT_EQ(told(), 0U);
  EXPECT_EQ(take(), -EAGAIN);
  EXPECT_EQ(left(), Nanos(1));
  pass(Nanos(1));
  EXPECT_EQ(told(), 1U);
  EXPECT_EQ(left(), Nanos(0));
  EXPECT_EQ(take(), 1);
  EXPECT_EQ(take(), -EAGAIN);
  pass(seconds(10));
  EXPECT_EQ(told(), 0U);
}

TEST_F(SimTimer, counts_the_expirations_since_it_was_read) {
  set(milliseconds(5), milliseconds(10));
  pass(milliseconds(37));
  EXPECT_EQ(told(), 1U) << "at 5 ms, and no edge more until it is read";
  EXPECT_EQ(take(), 4);
  EXPECT_EQ(left(), milliseconds(8));
  pass(milliseconds(8));
  EXPECT_EQ(told(), 1U);
  EXPECT_EQ(take(), 1);
}

TEST_F(SimTimer, being_asked_for_the_time_left_counts_what_was_missed) {
  set(milliseconds(10), milliseconds(10));
  pass(milliseconds(35));
  EXPECT_EQ(left(), milliseconds(5));
  EXPECT_EQ(span(get().it_interval), milliseconds(10));
  pass(milliseconds(5));
  EXPECT_EQ(take(), 4);
}

TEST_F(SimTimer, at_a_time_that_is_past_fires_at_once) {
  set(now() - seconds(1), {}, TFD_TIMER_ABSTIME);
  EXPECT_EQ(told(), 1U);
  EXPECT_EQ(take(), 1);
  set(now() + milliseconds(3), milliseconds(2), TFD_TIMER_ABSTIME);
  pass(milliseconds(3));
  EXPECT_EQ(take(), 1);
}

TEST_F(SimTimer, set_to_zero_is_disarmed_and_tells_what_it_had) {
  set(milliseconds(5), milliseconds(7));
  pass(milliseconds(1));
  itimerspec old{};
  EXPECT_EQ(set({}, {}, 0, &old), 0);
  EXPECT_EQ(span(old.it_value), milliseconds(4));
  EXPECT_EQ(span(old.it_interval), milliseconds(7));
  pass(seconds(1));
  EXPECT_EQ(told(), 0U);
  EXPECT_EQ(left(), Nanos(0));
}

TEST_F(SimTimer, set_anew_forgets_what_was_not_read) {
  set(milliseconds(1));
  pass(milliseconds(1));
  set(milliseconds(1));
  EXPECT_EQ(take(), -EAGAIN);
  EXPECT_EQ(told(), 0U) << "no longer true";
}

TEST_F(SimTimer, at_the_end_of_time_never_fires) {
  for (const int flags : {0, static_cast<int>(TFD_TIMER_ABSTIME)}) {
    const itimerspec never{
        .it_interval = {},
        .it_value = {.tv_sec = std::numeric_limits<time_t>::max(), .tv_nsec = 0}};
    EXPECT_EQ(process.timerfd_settime(timer, flags, &never, nullptr), 0);
    EXPECT_FALSE(clock.fire_next());
  }
  EXPECT_GT(left(), seconds(1'000'000'000));
}

TEST_F(SimTimer, a_billion_missed_expirations_cost_nothing) {
  set(Nanos(1), Nanos(1));
  pass(seconds(1));
  EXPECT_EQ(take(), 1'000'000'000);
}

TEST_F(SimTimer, wall_clock_timers_move_with_the_wall_clock_if_absolute) {
  timer = process.timerfd_create(CLOCK_REALTIME, 0);
  set(kernel.wall_time() + seconds(100), {}, TFD_TIMER_ABSTIME);
  kernel.step_wall(seconds(60));
  EXPECT_EQ(left(), seconds(40));
  pass(seconds(39));
  EXPECT_EQ(take(), -EAGAIN);
  kernel.step_wall(seconds(1));
  EXPECT_EQ(take(), 1);
  set(seconds(100));
  kernel.step_wall(seconds(60));
  EXPECT_EQ(left(), seconds(100)) << "a length is not a date";
  kernel.step_wall(-seconds(1000));
  pass(seconds(100));
  EXPECT_EQ(take(), 1);
}

TEST_F(SimTimer, can_be_cancelled_by_a_step_of_the_wall_clock) {
  timer = process.timerfd_create(CLOCK_REALTIME, 0);
  set(kernel.wall_time() + seconds(100), {}, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
  EXPECT_EQ(take(), -EAGAIN);
  kernel.step_wall(-seconds(1));
  EXPECT_EQ(process.poll_one(timer, kReadable), kReadable);
  EXPECT_EQ(take(), -ECANCELED);
  EXPECT_EQ(take(), -EAGAIN);
  pass(seconds(101));
  EXPECT_EQ(take(), 1);
}

TEST_F(SimTimer, wrong_calls_are_refused_in_the_systems_order) {
  const itimerspec wrong{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1'000'000'000}};
  const itimerspec negative{.it_interval = {.tv_sec = -1, .tv_nsec = 0}, .it_value = {}};
  itimerspec value{};
  EXPECT_EQ(process.timerfd_settime(99, 0, nullptr, nullptr), -EFAULT);
  EXPECT_EQ(process.timerfd_settime(99, 0, &wrong, nullptr), -EINVAL);
  EXPECT_EQ(process.timerfd_settime(99, 0, &negative, nullptr), -EINVAL);
  EXPECT_EQ(process.timerfd_settime(99, 8, &value, nullptr), -EINVAL);
  EXPECT_EQ(process.timerfd_settime(99, 0, &value, nullptr), -EBADF);
  EXPECT_EQ(process.timerfd_settime(epoll, 0, &value, nullptr), -EINVAL);
  EXPECT_EQ(process.timerfd_gettime(99, &value), -EBADF);
  EXPECT_EQ(process.timerfd_gettime(epoll, &value), -EINVAL);
  EXPECT_EQ(process.timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), -EINVAL);
  EXPECT_EQ(process.timerfd_create(CLOCK_MONOTONIC, O_APPEND), -EINVAL);
  EXPECT_EQ(read(timer, 7), std::to_string(-EINVAL));
  EXPECT_EQ(write(timer, "12345678"), -EINVAL);
}

TEST_F(SimTimer, closed_leaves_no_alarm) {
  set(milliseconds(1));
  process.close(timer);
  EXPECT_EQ(clock.next(), kNever);
  pass(seconds(1));
}

}  // namespace
}  // namespace vigil::sim

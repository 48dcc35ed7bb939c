// Signals without handlers, signalfd(2), children and pidfds on the simulated kernel.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

#include "tests/sim/kernel_fixture.hpp"

namespace vigil::sim {
namespace {

class SimSignals : public KernelTest {
 protected:
  static sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) {
      sigaddset(&set, signal);
    }
    return set;
  }
  void block(std::initializer_list<int> signals) {
    const sigset_t set = set_of(signals);
    EXPECT_EQ(process.sigprocmask(SIG_BLOCK, &set, nullptr), 0);
  }
  void unblock(std::initializer_list<int> signals) {
    const sigset_t set = set_of(signals);
    EXPECT_EQ(process.sigprocmask(SIG_UNBLOCK, &set, nullptr), 0);
  }
  int signals(std::initializer_list<int> of) {
    const sigset_t set = set_of(of);
    return process.signalfd(-1, &set, 0);
  }
  std::vector<signalfd_siginfo> taken(int fd, std::size_t room = 16) {
    std::vector<signalfd_siginfo> records(room);
    const std::int64_t count = process.read(fd, std::as_writable_bytes(std::span(records)));
    records.resize(count < 0 ? 0 : static_cast<std::size_t>(count) / sizeof records[0]);
    return records;
  }
  std::vector<std::uint32_t> numbers(int fd, std::size_t room = 16) {
    std::vector<std::uint32_t> all;
    for (const signalfd_siginfo& record : taken(fd, room)) {
      all.push_back(record.ssi_signo);
    }
    return all;
  }
  int send(int signal) { return process.kill(process.pid(), signal); }
  using Numbers = std::vector<std::uint32_t>;
};

TEST_F(SimSignals, that_nobody_blocks_end_the_process_or_do_nothing) {
  for (const int harmless : {SIGCHLD, SIGURG, SIGWINCH, SIGCONT, 0}) {
    EXPECT_EQ(send(harmless), 0);
    EXPECT_FALSE(process.ended());
  }
  process.ignore_signal(SIGTERM, true);
  send(SIGTERM);
  EXPECT_FALSE(process.ended());
  process.ignore_signal(SIGTERM, false);
  send(SIGTERM);
  EXPECT_TRUE(process.ended());
}

TEST_F(SimSignals, that_are_blocked_wait_for_a_signalfd_lowest_first_and_once_each) {
  block({SIGTERM, SIGUSR1, SIGHUP, SIGRTMIN});
  const int fd = signals({SIGTERM, SIGUSR1, SIGHUP, SIGRTMIN});
  for (const int signal : {SIGTERM, SIGRTMIN, SIGUSR1, SIGHUP, SIGTERM, SIGRTMIN}) {
    send(signal);
  }
  EXPECT_EQ(numbers(fd, 2), (Numbers{SIGHUP, SIGUSR1}));
  EXPECT_EQ(numbers(fd), (Numbers{SIGTERM, static_cast<std::uint32_t>(SIGRTMIN),
                                  static_cast<std::uint32_t>(SIGRTMIN)}));
  EXPECT_EQ(read(fd), std::to_string(-EAGAIN));
  EXPECT_EQ(read(fd, sizeof(signalfd_siginfo) - 1), std::to_string(-EINVAL));
}

TEST_F(SimSignals, say_who_sent_them) {
  block({SIGUSR1});
  const int fd = signals({SIGUSR1});
  Process& other = kernel.start_process("other");
  EXPECT_EQ(other.kill(process.pid(), SIGUSR1), 0);
  const auto records = taken(fd);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].ssi_pid, static_cast<std::uint32_t>(other.pid()));
  EXPECT_EQ(records[0].ssi_code, SI_USER);
}

TEST_F(SimSignals, are_edges_for_a_set_that_watches_the_signalfd) {
  block({SIGUSR1, SIGUSR2});
  const int fd = signals({SIGUSR1});
  const int epoll = process.epoll_create1(0);
  watch(epoll, fd, EPOLLIN | EPOLLET);
  send(SIGUSR2);
  EXPECT_EQ(wait(epoll).size(), 0U);
  send(SIGUSR1);
  EXPECT_EQ(wait(epoll).size(), 1U);
  send(SIGUSR1);
  EXPECT_EQ(wait(epoll).size(), 0U) << "pending already: nothing happened";
  EXPECT_EQ(numbers(fd), Numbers{SIGUSR1});
  send(SIGUSR1);
  EXPECT_EQ(wait(epoll).size(), 1U);
}

TEST_F(SimSignals, reach_a_signalfd_only_with_its_mask) {
  block({SIGUSR1, SIGUSR2});
  const int fd = signals({SIGUSR1});
  const int epoll = process.epoll_create1(0);
  watch(epoll, fd, EPOLLIN | EPOLLET);
  send(SIGUSR2);
  EXPECT_EQ(read(fd), std::to_string(-EAGAIN));
  EXPECT_EQ(wait(epoll).size(), 0U);
  const sigset_t set = set_of({SIGUSR2});
  EXPECT_EQ(process.signalfd(fd, &set, 0), fd);
  EXPECT_EQ(wait(epoll).size(), 1U) << "a new mask is a change";
  EXPECT_EQ(numbers(fd), Numbers{SIGUSR2});
  EXPECT_EQ(process.signalfd(99, &set, 0), -EBADF);
  EXPECT_EQ(process.signalfd(epoll, &set, 0), -EINVAL);
  EXPECT_EQ(process.signalfd(-1, &set, O_APPEND), -EINVAL);
  EXPECT_EQ(write(fd, "12345678"), -EINVAL);
}

TEST_F(SimSignals, that_are_pending_strike_when_they_are_unblocked) {
  block({SIGUSR1, SIGCHLD, SIGTERM});
  process.ignore_signal(SIGUSR1, true);
  send(SIGUSR1);
  const int fd = signals({SIGUSR1, SIGCHLD});
  EXPECT_EQ(numbers(fd), Numbers{SIGUSR1}) << "ignored, but blocked: kept";
  send(SIGUSR1);
  send(SIGCHLD);
  unblock({SIGUSR1, SIGCHLD});
  EXPECT_EQ(read(fd), std::to_string(-EAGAIN));
  EXPECT_FALSE(process.ended());
  send(SIGTERM);
  EXPECT_FALSE(process.ended());
  unblock({SIGTERM});
  EXPECT_TRUE(process.ended());
}

TEST_F(SimSignals, that_come_to_be_ignored_are_not_pending_any_more) {
  block({SIGUSR1});
  const int fd = signals({SIGUSR1});
  send(SIGUSR1);
  process.ignore_signal(SIGUSR1, true);
  EXPECT_EQ(read(fd), std::to_string(-EAGAIN));
  EXPECT_EQ(process.ignore_signal(SIGKILL, true), -EINVAL);
  EXPECT_EQ(process.ignore_signal(0, true), -EINVAL);
  EXPECT_EQ(process.ignore_signal(65, true), -EINVAL);
}

TEST_F(SimSignals, kill_is_never_blocked) {
  sigset_t all;
  sigfillset(&all);
  sigset_t old;
  EXPECT_EQ(process.sigprocmask(SIG_SETMASK, &all, &old), 0);
  EXPECT_EQ(sigismember(&old, SIGUSR1), 0);
  EXPECT_EQ(process.sigprocmask(SIG_BLOCK, nullptr, &old), 0);
  EXPECT_EQ(sigismember(&old, SIGUSR1), 1);
  EXPECT_EQ(sigismember(&old, SIGKILL), 0);
  EXPECT_EQ(process.sigprocmask(77, &all, nullptr), -EINVAL);
  send(SIGKILL);
  EXPECT_TRUE(process.ended());
}

TEST_F(SimSignals, a_broken_pipe_is_a_signal_of_the_thread_before_those_of_the_process) {
  block({SIGPIPE, SIGHUP});
  const int fd = signals({SIGPIPE, SIGHUP});
  const Pair ends = pipe();
  process.close(ends.reader);
  send(SIGHUP);
  EXPECT_EQ(write(ends.writer, "x"), -EPIPE);
  EXPECT_EQ(numbers(fd), (Numbers{SIGPIPE, SIGHUP}));
}

TEST_F(SimSignals, of_no_process_or_no_number_are_refused) {
  EXPECT_EQ(process.kill(9999, 99), -ESRCH);
  EXPECT_EQ(process.kill(9999, 0), -ESRCH);
  EXPECT_EQ(send(99), -EINVAL);
  EXPECT_EQ(send(-1), -EINVAL);
}

TEST_F(SimSignals, who_runs_a_program_ends_it_when_the_call_returned) {
  static int told = 0;
  told = 0;
  process.killed = [](void*, int status) noexcept { told = told * 100 + status; };
  const Pair ends = pipe();
  process.close(ends.reader);
  EXPECT_EQ(write(ends.writer, "x"), -EPIPE);
  EXPECT_EQ(write(ends.writer, "x"), -EPIPE);
  EXPECT_EQ(told, SIGPIPE) << "once";
  EXPECT_FALSE(process.ended());
  kernel.end_process(process, told);
  EXPECT_TRUE(process.ended());
}

class SimChildren : public SimSignals {
 protected:
  Process& child(int pid) { return *kernel.find_process(pid); }
};

TEST_F(SimChildren, share_descriptions_and_inherit_masks) {
  block({SIGUSR1});
  const Pair ends = pipe();
  const int pid = process.fork("child");
  ASSERT_GT(pid, process.pid());
  child(pid).write(ends.writer, bytes("from the child"));
  EXPECT_EQ(read(ends.reader), "from the child");
  process.close(ends.writer);
  EXPECT_EQ(read(ends.reader), std::to_string(-EAGAIN)) << "the child has the other end, too";
  EXPECT_EQ(child(pid).close(ends.writer), 0);
  EXPECT_EQ(read(ends.reader), "");
  process.kill(pid, SIGUSR1);
  EXPECT_NE(kernel.find_process(pid), nullptr) << "blocked as in its parent";
}

TEST_F(SimChildren, that_end_make_their_pidfd_readable_and_send_sigchld) {
  block({SIGCHLD});
  const int chld = signals({SIGCHLD});
  const int epoll = process.epoll_create1(0);
  const int pid = process.fork("child");
  const int fd = process.pidfd_open(pid, 0);
  EXPECT_EQ(process.fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
  watch(epoll, fd, EPOLLIN | EPOLLET);
  siginfo_t info{};
  EXPECT_EQ(process.wait_pidfd(fd, &info), 0);
  EXPECT_EQ(wait(epoll).size(), 0U);
  child(pid).exit(0x1207);
  EXPECT_EQ(wait(epoll), (std::vector<Told>{{fd, EPOLLIN}}));
  EXPECT_EQ(kernel.find_process(pid), nullptr);
  const auto records = taken(chld);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].ssi_code, CLD_EXITED);
  EXPECT_EQ(records[0].ssi_status, 7);
  EXPECT_EQ(records[0].ssi_pid, static_cast<std::uint32_t>(pid));
  EXPECT_EQ(process.kill(pid, SIGTERM), 0) << "nobody waited for it yet";
  EXPECT_EQ(process.pidfd_send_signal(fd, 0), 0);
  EXPECT_EQ(process.wait_pidfd(fd, &info), 1);
  EXPECT_EQ(info.si_code, CLD_EXITED);
  EXPECT_EQ(info.si_status, 7);
  EXPECT_EQ(info.si_pid, pid);
  EXPECT_EQ(process.wait_pidfd(fd, &info), -ECHILD);
  EXPECT_EQ(process.kill(pid, 0), -ESRCH);
  EXPECT_EQ(process.pidfd_send_signal(fd, 0), -ESRCH);
  EXPECT_EQ(process.pidfd_open(pid, 0), -ESRCH);
  EXPECT_EQ(process.poll_one(fd, kReadable), kReadable);
}

TEST_F(SimChildren, say_which_signal_ended_them) {
  block({SIGCHLD});
  const int chld = signals({SIGCHLD});
  const int pid = process.fork("child");
  const int fd = process.pidfd_open(pid, O_NONBLOCK);
  EXPECT_EQ(process.pidfd_send_signal(fd, 99), -EINVAL);
  EXPECT_EQ(process.pidfd_send_signal(fd, SIGKILL), 0);
  siginfo_t info{};
  EXPECT_EQ(process.wait_pidfd(fd, &info), 1);
  EXPECT_EQ(info.si_code, CLD_KILLED);
  EXPECT_EQ(info.si_status, SIGKILL);
  const auto records = taken(chld);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].ssi_code, CLD_KILLED);
  EXPECT_EQ(records[0].ssi_status, SIGKILL);
}

TEST_F(SimChildren, whose_parent_ignores_them_are_waited_for_by_the_system) {
  block({SIGCHLD});
  process.ignore_signal(SIGCHLD, true);
  const int chld = signals({SIGCHLD});
  const int pid = process.fork("child");
  const int fd = process.pidfd_open(pid, 0);
  child(pid).exit(0);
  EXPECT_EQ(read(chld), std::to_string(-EAGAIN));
  EXPECT_EQ(process.wait_pidfd(fd, nullptr), -ECHILD);
  EXPECT_EQ(process.kill(pid, 0), -ESRCH);
}

TEST_F(SimChildren, of_a_parent_that_ended_belong_to_the_system) {
  const int middle = process.fork("middle");
  const int running = child(middle).fork("running");
  const int ended = child(middle).fork("ended");
  child(ended).exit(0);
  EXPECT_EQ(process.kill(ended, 0), 0);
  const int fd = process.pidfd_open(running, 0);
  child(middle).exit(0);
  EXPECT_EQ(process.kill(ended, 0), -ESRCH);
  EXPECT_EQ(process.wait_pidfd(fd, nullptr), -ECHILD) << "not a child of its own";
  child(running).exit(0);
  EXPECT_EQ(process.kill(running, 0), -ESRCH);
  EXPECT_EQ(process.kill(middle, 0), 0);
}

TEST_F(SimChildren, that_end_within_a_call_of_their_own_can_return_from_it) {
  const Pair ends = pipe();
  const int pid = process.fork("child");
  process.close(ends.reader);
  Process& one = child(pid);
  one.close(ends.reader);
  EXPECT_EQ(one.write(ends.writer, bytes("x")), -EPIPE);
  EXPECT_TRUE(one.ended());
  EXPECT_EQ(one.write(ends.writer, bytes("x")), -EBADF);
}

TEST_F(SimChildren, reached_by_wrong_calls_are_refused) {
  const int epoll = process.epoll_create1(0);
  EXPECT_EQ(process.pidfd_open(0, 0), -EINVAL);
  EXPECT_EQ(process.pidfd_open(process.pid(), 1), -EINVAL);
  EXPECT_EQ(process.pidfd_open(9999, 0), -ESRCH);
  EXPECT_EQ(process.wait_pidfd(epoll, nullptr), -EBADF);
  EXPECT_EQ(process.wait_pidfd(99, nullptr), -EBADF);
  EXPECT_EQ(process.pidfd_send_signal(epoll, 0), -EBADF);
  const int self = process.pidfd_open(process.pid(), 0);
  EXPECT_EQ(process.wait_pidfd(self, nullptr), -ECHILD);
  EXPECT_EQ(read(self), std::to_string(-EINVAL));
}

TEST_F(SimChildren, leave_nothing_behind) {
  const std::size_t files = kernel.live_files();
  for (int i = 0; i < 1000; ++i) {
    const int pid = process.fork("child");
    const int fd = process.pidfd_open(pid, 0);
    child(pid).exit(i);
    EXPECT_EQ(process.wait_pidfd(fd, nullptr), 1);
    process.close(fd);
  }
  EXPECT_EQ(kernel.live_files(), files);
}

}  // namespace
}  // namespace vigil::sim

// fork and exec: a child cannot disturb its parent, and inherits nothing. Clauses P4.6, P4.7;
// hazards 35, 36.
#include <sys/wait.h>

#include "tests/support/children.hpp"
#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerFork : public PollerTest {
 protected:
  // Runs `body` in a child; its answer is the exit status.
  template <class F>
  int in_child(F body) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(body());
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << status;
    return WEXITSTATUS(status);
  }
};
VIGIL_ON_EVERY_BACKEND(PollerFork);

TEST_P(PollerFork, ChildIsRefusedAndTheParentUnaffected) {  // P4.7, hazard 36
  const Pair pair = socket_pair();
  const Token socket =
      add(Source::descriptor(pair.ours.get(), kReadable, Trigger::edge).with_cookie(1));
  const Token user = add(Source::user().with_cookie(2));
  put(pair.theirs, "x");
  EXPECT_EQ(in_child([&] {
              Event room[4];
              const std::error_code forked = PollerErrc::forked;
              if (poller.wait(room, Nanos::zero()).error() != forked) {
                return 1;
              }
              if (poller.remove(socket).error() != forked) {
                return 2;
              }
              if (poller.rearm(socket).error() != forked) {
                return 3;
              }
              if (poller.modify(socket, Source::descriptor(pair.ours.get(), 0)).error() != forked) {
                return 4;
              }
              if (poller.add(Source::timer(1ms)).error() != forked) {
                return 5;
              }
              if (poller.post(user).error() != forked) {
                return 6;
              }
              if (poller.close(socket).error() != forked) {
                return 7;
              }
              poller.notify();
              poller.would_block(socket, kReadable);
              {
                Poller gone = std::move(poller);
              }  // closes the child's copies only
              return 0;
            }),
            0);
  auto events = now();
  ASSERT_EQ(events.size(), 1U) << "the edge is still the parent's to take";
  EXPECT_EQ(events[0].cookie, 1U);
  EXPECT_EQ(drain(pair.ours), "x");
  poller.would_block(socket, kReadable);
  EXPECT_EQ(returns_within(5ms), 1) << "not notified by the child";
  put(pair.theirs, "y");
  EXPECT_EQ(next()[0].cookie, 1U);
  EXPECT_TRUE(poller.post(user));
}

TEST_P(PollerFork, ChildMayMakeItsOwn) {
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable));
  put(pair.theirs, "x");
  EXPECT_EQ(in_child([&] {
              auto own = Poller::create({.backend = GetParam(), .audit = Audit::off});
              Event room[4];
              if (!own || !own->add(Source::descriptor(pair.ours.get(), kReadable))) {
                return 1;
              }
              if (own->wait(room, kPatience)->size() != 1) {
                return 2;
              }
              // The inherited one is still found out, though this process has a mark of its own
              // now.
              if (poller.wait(room, Nanos::zero()).error() != PollerErrc::forked) {
                return 3;
              }
              return 0;
            }),
            0);
  EXPECT_EQ(next().size(), 1U);
}

TEST_P(PollerFork, ChildThatClosesADescriptorTakesNothingAway) {
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable));
  EXPECT_EQ(in_child([&] { return ::close(pair.ours.get()); }), 0);
  put(pair.theirs, "x");
  EXPECT_EQ(next().size(), 1U);
}

TEST_P(PollerFork, NothingLeaksThroughExec) {  // P4.6, hazard 35
  const std::string before = handles_after_exec();
  Poller other = make();
  ASSERT_TRUE(other.add(Source::timer(1h)));
  ASSERT_TRUE(other.add(Source::signal(SIGUSR1)));
  ASSERT_TRUE(other.add(Source::process(::getpid())));
  ASSERT_TRUE(other.add(Source::vnode("/")));
  ASSERT_TRUE(other.add(Source::user()));
  EXPECT_EQ(handles_after_exec(), before);
}

}  // namespace
}  // namespace vigil::test

// notify(): never lost, coalesced, from any thread; and what else ends a wait. Clauses P1.1, P1.5,
// P6. Hazards 1, 14.
#include <poll.h>
#include <signal.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/support/eventfd_counts.hpp"
#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

using Clock = std::chrono::steady_clock;

class PollerNotify : public PollerTest {};
VIGIL_ON_EVERY_BACKEND(PollerNotify);

TEST_P(PollerNotify, EndsTheNextWaitAndNoMore) {  // P6.1
  poller.notify();
  EXPECT_TRUE(wait(kForever).empty());
  const Instant start = Clock::now();
  EXPECT_TRUE(wait(5ms).empty());
  EXPECT_GE(Clock::now() - start, 5ms);
}

TEST_P(PollerNotify, Coalesces) {  // P6.1
  for (int i = 0; i < 1000; ++i) {
    poller.notify();
  }
  EXPECT_EQ(returns_within(10ms), 2) << "one wake-up, and the end of time";
}

TEST_P(PollerNotify, BurstCostsOneSystemCall) {  // P6.1
  const std::int64_t before = eventfd_counts();
  for (int i = 0; i < 1000; ++i) {
    poller.notify();
  }
  EXPECT_EQ(eventfd_counts() - before, 1);
}

TEST_P(PollerNotify,
       IsNotSwallowedByTheWakeUpBefore) {  // P6.1, hazard 1: two threads against one waiter
  std::atomic<bool> done{false};
  std::atomic<std::int64_t> posted{0};
  std::atomic<int> posting{2};
  const auto post = [&] {
    for (int i = 0; i < 100'000; ++i) {
      posted.fetch_add(1, std::memory_order_relaxed);
      poller.notify();
    }
    if (posting.fetch_sub(1) == 1) {
      done.store(true);
      poller.notify();
    }
  };
  std::jthread one(post);
  std::jthread two(post);
  Event room[4];
  while (!done.load()) {
    const Instant start = Clock::now();
    ASSERT_TRUE(poller.wait(room, kPatience));
    ASSERT_LT(Clock::now() - start, kPatience) << "a notification was lost";
  }
  // If one was, every later one is too.
  one.join();
  two.join();
  wait(Nanos::zero());
  poller.notify();
  const Instant start = Clock::now();
  ASSERT_TRUE(poller.wait(room, kPatience));
  EXPECT_LT(Clock::now() - start, kPatience) << "a notification was lost";
}

TEST_P(PollerNotify, EndsAWaitOfAnotherThread) {
  std::jthread other([this] {
    std::this_thread::yield();
    poller.notify();
  });
  EXPECT_TRUE(wait(kForever).empty());
}

TEST_P(PollerNotify, ComesAlongWithEvents) {
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable).with_cookie(1));
  put(pair.theirs, "x");
  poller.notify();
  const auto events = now();
  ASSERT_EQ(events.size(), 1U) << "the notification itself is no event";
  EXPECT_EQ(events[0].cookie, 1U);
  EXPECT_EQ(drain(pair.ours), "x");
  EXPECT_TRUE(now().empty());
}

TEST_P(PollerNotify, IsNeverLostAndCarriesWhatWasStored) {  // P6.1, P6.2; hazard 1
  constexpr std::int64_t kPosts = 100'000;
  std::atomic<std::int64_t> posted{0};  // relaxed: what makes it visible is the notification
  std::atomic<std::int64_t> seen{0};
  std::jthread other([&] {
    for (std::int64_t i = 1; i <= kPosts; ++i) {
      posted.store(i, std::memory_order_relaxed);
      poller.notify();
      while (i % 2 == 0 && seen.load() < i && !HasFailure()) {
        std::this_thread::yield();  // every other time the waiter is about to sleep, or asleep
      }
    }
  });
  Event room[4];
  Instant last = Clock::now();
  while (seen.load() < kPosts && !HasFailure()) {
    ASSERT_TRUE(poller.wait(room, kPatience));
    const std::int64_t here = posted.load(std::memory_order_relaxed);
    const Instant at = Clock::now();
    EXPECT_LT(at - last, kPatience) << "a notification was lost";
    last = at;
    seen.store(here);
  }
  EXPECT_EQ(seen.load(), kPosts);
}

void ignore(int) {}

TEST_P(PollerNotify, SignalHandlerEndsAWaitWithoutAnError) {  // P1.1, hazard 14: EINTR
  struct sigaction interrupting{};
  interrupting.sa_handler = ignore;
  struct sigaction before{};
  ASSERT_EQ(::sigaction(SIGUSR1, &interrupting, &before), 0);
  std::atomic<bool> done{false};
  std::jthread other([&, waiter = ::pthread_self()] {
    while (!done.load()) {
      ::pthread_kill(waiter, SIGUSR1);
      std::this_thread::yield();
    }
  });
  Event room[4];
  const auto events = poller.wait(room, kForever);
  done.store(true);
  other.join();
  EXPECT_TRUE(events.has_value()) << events.error().message();
  EXPECT_TRUE(events->empty());
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(PollerNotify, FailedWaitIsAnErrorAndNotAnEmptyOne) {  // P1.5, hazard 14
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable));
  Event room[4];
  if (poller.backend() == "poll") {  // poll(2): more handles than RLIMIT_NOFILE are EINVAL
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit one{1, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one), 0);
    const auto events = poller.wait(room, kPatience);
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(events.error(), std::errc::invalid_argument);
  } else if (poller.backend() == "epoll") {
    const Fd other(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_GE(::dup3(other.get(), poller.handle(), O_CLOEXEC), 0);  // no longer an epoll set
    EXPECT_EQ(poller.wait(room, kPatience).error(), std::errc::invalid_argument);
  }
}

TEST_P(PollerNotify, EmptyRoomIsRefused) {
  EXPECT_EQ(poller.wait({}, kForever).error(), std::errc::invalid_argument);
}

class PollerHandle : public PollerTest {
 protected:
  bool readable() const {
    pollfd one{poller.handle(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
  }
};

std::vector<std::string> pollable_backends() {
  std::vector<std::string> names = backend_names();
  std::erase_if(names, [](const std::string& name) {
    return Poller::create({.backend = name, .audit = Audit::off})->handle() == kNoHandle;
  });
  return names;
}

INSTANTIATE_TEST_SUITE_P(, PollerHandle, ::testing::ValuesIn(pollable_backends()),
                         [](const auto& tested) { return tested.param; });

TEST_P(PollerHandle, IsReadableWhileAnEventWaits) {  // P6.3
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable));
  EXPECT_FALSE(readable());
  put(pair.theirs, "x");
  EXPECT_TRUE(readable());
  drain(pair.ours);
  EXPECT_FALSE(readable());
}

TEST_P(PollerHandle, IsReadableAfterPostsAndNotifications) {  // P6.3
  const Token one = add(Source::user());
  const Token two = add(Source::user());
  EXPECT_FALSE(readable());
  poller.notify();
  EXPECT_TRUE(readable());
  EXPECT_TRUE(now().empty());
  EXPECT_FALSE(readable());
  ASSERT_TRUE(poller.post(one));
  ASSERT_TRUE(poller.post(two));
  Event room[1];
  EXPECT_TRUE(readable());
  EXPECT_EQ(poller.wait(room, kPatience)->size(), 1U);
  EXPECT_TRUE(readable()) << "the second one found no room";
  EXPECT_EQ(poller.wait(room, kPatience)->size(), 1U);
  now();
  EXPECT_FALSE(readable());
}

TEST_P(PollerHandle, APollerCanBeWatchedByAnother) {
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable));
  Poller outer = make();
  ASSERT_TRUE(outer.add(Source::descriptor(poller.handle(), kReadable)));
  Event room[4];
  EXPECT_TRUE(outer.wait(room, Nanos::zero())->empty());
  put(pair.theirs, "x");
  EXPECT_EQ(outer.wait(room, kPatience)->size(), 1U);
  EXPECT_EQ(next().size(), 1U);
}

class PollerExclusive : public PollerTest {};
VIGIL_ON_EVERY_BACKEND(PollerExclusive);

TEST_P(PollerExclusive, AtLeastOneOfSeveralIsWoken) {  // P2.9
  sockaddr_in address;
  const Fd listener = tcp_listener(address);
  std::atomic<int> accepted{0};
  constexpr int kConnections = 200;
  std::vector<Poller> pollers;
  for (int i = 0; i < 2; ++i) {
    pollers.push_back(make());
    const auto shared = Source::descriptor(listener.get(), kReadable).shared_exclusively();
    ASSERT_TRUE(pollers.back().add(shared));
  }
  std::vector<std::jthread> threads;
  for (Poller& one : pollers) {
    threads.emplace_back([&] {
      Event room[4];
      while (accepted.load() < kConnections) {
        ASSERT_TRUE(one.wait(room, kForever));
        const int peer = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (peer >= 0) {
          ::close(peer);
          ++accepted;
        }
      }
      for (Poller& any : pollers) {
        any.notify();
      }
    });
  }
  for (int i = 0; i < kConnections; ++i) {
    const Fd client = tcp_connect(address);
    char byte;
    ::fcntl(client.get(), F_SETFL, 0);
    EXPECT_EQ(::read(client.get(), &byte, 1), 0) << "nobody accepted it";
  }
}

}  // namespace
}  // namespace vigil::test

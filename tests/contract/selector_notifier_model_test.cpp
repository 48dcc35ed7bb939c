// Every interleaving of two posting threads and one waiter, step by step as src/poll/notifier.cpp
// takes them: no post is left unseen by a waiter that sleeps. The same search finds the fault in
// the orders that look as good. Hazard 1.
#include <gtest/gtest.h>

#include <array>
#include <compare>
#include <set>
#include <vector>

namespace vigil {
namespace {

enum class Order {
  drain_then_clear,  // Notifier::drain(): level-triggered
  clear_then_drain,  // wrong: swallows a newer write
  edge,              // Notifier::seen(): edge-triggered, the count is never read
  clear_after_look  // wrong: what was stored before a post that found the flag set is not looked at
                    // again
};

constexpr int kPosters = 2;
constexpr int kPosts = 2;

struct State {
  bool flag = false;
  int count = 0;   // of the eventfd, or 1 while an edge is pending
  int stored = 0;  // what posters made visible before they post
  int seen = 0;
  int waiter = 0;                    // its next step; 0: asleep until count > 0
  std::array<int, kPosters> step{};  // 0: store, 1: exchange the flag, 2: write
  std::array<int, kPosters> left{kPosts, kPosts};
  auto operator<=>(const State&) const = default;
};

std::vector<State> successors(const State& from, Order order) {
  std::vector<State> all;
  for (std::size_t i = 0; i < kPosters; ++i) {
    State to = from;
    const auto posted = [&] {
      to.step[i] = 0;
      --to.left[i];
    };
    if (from.left[i] == 0) {
      continue;
    }
    if (from.step[i] == 0) {
      ++to.stored;
      to.step[i] = 1;
    } else if (from.step[i] == 1) {
      to.flag = true;
      from.flag ? posted() : static_cast<void>(to.step[i] = 2);
    } else {
      to.count = order == Order::edge ? 1 : from.count + 1;
      posted();
    }
    all.push_back(to);
  }
  State to = from;
  const auto drain = [&] { to.count = 0; };
  const auto clear = [&] { to.flag = false; };
  const auto look = [&] { to.seen = from.stored; };
  if (from.waiter == 0) {
    if (from.count == 0) {
      return all;  // asleep
    }
    if (order == Order::edge) {
      drain();  // the event is taken with the wait
    }
  } else if (from.waiter == 1) {
    order == Order::drain_then_clear   ? drain()
    : order == Order::clear_after_look ? look()
                                       : clear();
  } else if (from.waiter == 2) {
    order == Order::drain_then_clear ? clear() : order == Order::edge ? look() : drain();
  } else {
    order == Order::clear_after_look ? clear() : look();
  }
  to.waiter = (from.waiter + 1) % (order == Order::edge ? 3 : 4);
  all.push_back(to);
  return all;
}

// The states in which nothing can go on, though something was posted that nobody saw.
int lost_posts(Order order) {
  std::set<State> known{State{}};
  std::vector<State> open{State{}};
  int lost = 0;
  while (!open.empty()) {
    const State state = open.back();
    open.pop_back();
    const auto next = successors(state, order);
    lost += next.empty() && state.seen != state.stored;
    for (const State& one : next) {
      if (known.insert(one).second) {
        open.push_back(one);
      }
    }
  }
  return lost;
}

TEST(SelectorNotifierModel, NoInterleavingLosesAPost) {
  EXPECT_EQ(lost_posts(Order::drain_then_clear), 0);
  EXPECT_EQ(lost_posts(Order::edge), 0);
}

TEST(SelectorNotifierModel, SearchFindsTheOrdersThatDo) {
  EXPECT_GT(lost_posts(Order::clear_then_drain), 0);
  EXPECT_GT(lost_posts(Order::clear_after_look), 0);
}

}  // namespace
}  // namespace vigil

// Cause: GCC 12 destroys some temporaries of a full expression with co_await twice, misplaces
// over-aligned locals, and makes symmetric transfer use the stack where it makes no tail calls.
// tools/tidy bans the shapes that trigger it; here are the shapes that are used in their place,
// each with a count of every construction and destruction, over awaits that end at once and awaits
// that suspend. Clang has none of the faults; both compilers run this.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "vigil/coro/scoped.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/fs/file.hpp"
#include "vigil/http/server.hpp"
#include "vigil/runtime/run.hpp"

namespace {

// What may stand in braces beside an await, since it has nothing to destroy; tools/lint/shapes.py
// knows the calls.
static_assert(std::is_trivially_destructible_v<vigil::http::Exchange::Answer>);
static_assert(std::is_trivially_destructible_v<vigil::fs::OpenOptions>);

// Every object that lives, by its address: a second destruction and a missing one both show.
class Counted {
 public:
  explicit Counted(int number = 0) : number_(number) { born(); }
  Counted(const Counted& other) : number_(other.number_) {
    if (number_ == kThrows) {
      throw std::runtime_error("a copy that throws");
    }
    born();
  }
  Counted(Counted&& other) noexcept : number_(std::exchange(other.number_, kMoved)) { born(); }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() {
    if (living().erase(this) == 0) {
      ++twice();
    }
  }
  int number() const { return number_; }

  static std::set<const Counted*>& living() {
    static std::set<const Counted*> all;
    return all;
  }
  static int& twice() {
    static int count = 0;
    return count;
  }
  static constexpr int kThrows = -7;
  static constexpr int kMoved = -1;

 private:
  void born() {
    if (!living().insert(this).second) {
      ++twice();
    }
  }
  int number_;
};

struct Pair {  // an aggregate with a member that is not trivial: what GCC 12 destroys twice
  Counted first;
  int second;
};

class Made {  // the same with a constructor: safe as a temporary
 public:
  Made(int first, int second) : first_(first), second_(second) {}
  int sum() const { return first_.number() + second_; }

 private:
  Counted first_;
  int second_;
};

// Ends at once, or in the loop's next turn.
class Turn {
 public:
  explicit Turn(bool suspends) noexcept : suspends_(suspends) {}
  class Awaiter {
   public:
    Awaiter(vigil::Node& node, bool suspends) noexcept : node_(node), suspends_(suspends) {}
    bool await_ready() const noexcept { return !suspends_; }
    void await_suspend(std::coroutine_handle<>) noexcept { vigil::Loop::current()->defer(node_); }
    void await_resume() const noexcept {}

   private:
    vigil::Node& node_;
    bool suspends_;
  };
  Awaiter bind(vigil::Node& node) const noexcept { return Awaiter(node, suspends_); }

 private:
  bool suspends_;
};

Pair make_pair_of(int first, int second) { return Pair{Counted(first), second}; }

vigil::Task<int> sum(bool suspends, Pair pair) {
  co_await Turn(suspends);
  co_return pair.first.number() + pair.second;
}

vigil::Task<int> sum_made(bool suspends, Made made) {
  co_await Turn(suspends);
  co_return made.sum();
}

vigil::Task<int> sum_all(bool suspends, std::vector<Counted> all) {
  int total = 0;
  for (const Counted& one : all) {
    co_await Turn(suspends);
    total += one.number();
  }
  co_return total;
}

vigil::Task<Counted> counted(bool suspends, int number) {
  co_await Turn(suspends);
  co_return Counted(number);
}

vigil::Task<int> call(bool suspends, std::function<int()> body) {
  co_await Turn(suspends);
  co_return body();
}

vigil::Task<std::vector<Counted>> several(bool suspends) {
  std::vector<Counted> all;
  all.emplace_back(1);
  all.emplace_back(2);
  co_await Turn(suspends);
  co_return all;
}

vigil::Task<int> fails(bool suspends) {
  Counted local(1);
  co_await Turn(suspends);
  if (local.number() == 1) {
    throw std::runtime_error("left a task");
  }
  co_return 0;
}

class Gcc12CoroutineTraps : public ::testing::TestWithParam<bool> {
 protected:
  using Body = vigil::Task<int> (*)(bool);

  // Runs `body` on a loop; what it returned. Everything that was made must have been destroyed,
  // once.
  static int result_of(Body body) {
    Counted::living().clear();
    Counted::twice() = 0;
    const int status = vigil::run(body, GetParam());
    EXPECT_EQ(Counted::twice(), 0) << "something was destroyed twice";
    EXPECT_TRUE(Counted::living().empty()) << Counted::living().size() << " were never destroyed";
    return status;
  }
};

TEST_P(Gcc12CoroutineTraps, NamedAggregateIsMovedIntoTheCall) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              Pair pair{Counted(3), 4};
              auto task = sum(suspends, std::move(pair));
              co_return co_await std::move(task);
            }),
            7);
}

TEST_P(Gcc12CoroutineTraps, AggregateIsBuiltInAFunction) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              auto task = sum(suspends, make_pair_of(3, 4));
              co_return co_await std::move(task);
            }),
            7);
}

TEST_P(Gcc12CoroutineTraps, TemporaryWithAConstructorStandsBesideTheAwait) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              co_return co_await sum_made(suspends, Made(3, 4));
            }),
            7);
}

// A function with a name: of a lambda here, GCC 12 cannot write the debug information.
int five() { return 5; }

TEST_P(Gcc12CoroutineTraps, StringTemporariesStandBesideTheAwait) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              const int length = co_await call(suspends, std::function<int()>(&five)) +
                                 static_cast<int>(std::string(40, 'x').size());
              co_return length;
            }),
            45);
}

TEST_P(Gcc12CoroutineTraps, NamedLambdaWithCapturesIsMoved) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              Counted held(6);
              auto body = [held] { return held.number(); };
              co_return co_await call(suspends, std::move(body));
            }),
            6);
}

TEST_P(Gcc12CoroutineTraps, IfAndElseStandForTheConditionalOperator) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              Counted chosen;
              if (suspends) {
                chosen = co_await counted(suspends, 8);
              } else {
                chosen = Counted(8);
              }
              co_return chosen.number();
            }),
            8);
}

TEST_P(Gcc12CoroutineTraps, AwaitedIntoLocalsThenPutTogether) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              Counted first = co_await counted(suspends, 2);
              Counted second = co_await counted(suspends, 5);
              Pair pair{std::move(first), second.number()};
              co_return pair.first.number() + pair.second;
            }),
            7);
}

TEST_P(Gcc12CoroutineTraps, VectorIsBuiltBeforeTheCall) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              std::vector<Counted> all{Counted(1), Counted(2), Counted(3)};
              co_return co_await sum_all(suspends, std::move(all));
            }),
            6);
}

TEST_P(Gcc12CoroutineTraps, PlacementNewTakesALocal) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              auto value = co_await counted(suspends, 4);
              auto held = std::make_unique<Counted>(std::move(value));
              co_return held->number();
            }),
            4);
}

TEST_P(Gcc12CoroutineTraps, ConditionsLoopsAndSwitches) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              int total = 0;
              for (int i = 0; i < 3; ++i) {
                if ((co_await counted(suspends, i)).number() == 1) {
                  continue;
                }
                total += i;
              }
              while (auto one = (co_await counted(suspends, total)).number()) {
                if (one > 10) {
                  break;
                }
                total += 5;
              }
              switch ((co_await counted(suspends, 1)).number()) {
                case 1: {
                  Counted local(100);
                  total += (co_await counted(suspends, local.number())).number();
                  break;
                }
                default:
                  total = -1;
              }
              co_return total;
            }),
            112);
}

TEST_P(Gcc12CoroutineTraps, ShortCircuits) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              const bool both = (co_await counted(suspends, 0)).number() == 1 &&
                                (co_await counted(suspends, 1)).number() == 1;
              const bool either = (co_await counted(suspends, 1)).number() == 1 ||
                                  (co_await counted(suspends, 0)).number() == 1;
              co_return !both && either;
            }),
            1);
}

TEST_P(Gcc12CoroutineTraps, AwaitedContainerIsNamedThenWalked) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              int total = 0;
              auto all = co_await several(suspends);
              for (const Counted& one : all) {
                total += (co_await counted(suspends, one.number())).number();
              }
              co_return total;
            }),
            3);
}

TEST_P(Gcc12CoroutineTraps, ExceptionsDestroyWhatLives) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              Counted held(1);
              int caught = 0;
              for (int i = 0; i < 2; ++i) {
                try {
                  Counted inner(2);
                  caught += co_await fails(suspends);
                  continue;
                } catch (const std::runtime_error&) {
                  caught += held.number();
                }
              }
              co_return caught;
            }),
            2);
}

TEST_P(Gcc12CoroutineTraps, ArgumentWhoseCopyThrows) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              Counted thrower(Counted::kThrows);
              std::vector<Counted> all;
              all.emplace_back(std::move(thrower));
              int caught = 0;
              try {
                auto task = sum_all(suspends, all);
                caught = co_await std::move(task);
              } catch (const std::runtime_error&) {
                caught = 9;
              }
              co_return caught;
            }),
            9);
}

TEST_P(Gcc12CoroutineTraps, TaskThatNeverStartedDestroysItsArguments) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              {
                auto never = sum(suspends, make_pair_of(1, 2));
              }
              co_await Turn(suspends);
              co_return static_cast<int>(Counted::living().size());
            }),
            0);
}

// GCC copies an awaiter that await_transform hands on by reference, and the copy ends with the
// expression; the other compilers kept what the task held as long as its name.
TEST_P(Gcc12CoroutineTraps, AwaitedTaskGivesBackItsArgumentsWithTheExpression) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              auto adding = sum(suspends, make_pair_of(1, 2));
              co_await std::move(adding);
              co_return static_cast<int>(Counted::living().size());
            }),
            0);
}

TEST_P(Gcc12CoroutineTraps, ScopedPassesArgumentsThroughItsFrame) {
  EXPECT_EQ(result_of([](bool suspends) -> vigil::Task<int> {
              auto whole = vigil::scoped(
                  [](vigil::Scope&, bool turn, Counted argument) -> vigil::Task<int> {
                    co_await Turn(turn);
                    co_return argument.number();
                  },
                  suspends, Counted(5));
              co_return co_await std::move(whole);
            }),
            5);
}

INSTANTIATE_TEST_SUITE_P(Await, Gcc12CoroutineTraps, ::testing::Bool(), [](const auto& tested) {
  return tested.param ? "Suspends" : "EndsAtOnce";
});

vigil::Task<std::uint64_t> one(std::uint64_t n) { co_return n; }

// Symmetric transfer would need a tail call for each of these; at -O0 and under sanitizers GCC
// makes none.
TEST(Gcc12Stack, MillionEndsUseNoStack) {
  EXPECT_EQ(vigil::run([]() -> vigil::Task<int> {
              std::uint64_t total = 0;
              for (std::uint64_t i = 0; i < 1'000'000; ++i) {
                total += co_await one(i);
              }
              co_return static_cast<int>(total - 499'999'500'000);
            }),
            0);
}

vigil::Task<int> chain(int depth) {
  if (depth == 0) {
    co_await Turn(true);
    co_return 0;
  }
  auto next = chain(depth - 1);
  co_return 1 + co_await std::move(next);
}

// A long chain that suspended at its end unwinds through the loop, not through the stack.
TEST(Gcc12Stack, LongChainOfAwaitersEnds) {
  EXPECT_EQ(vigil::run([]() -> vigil::Task<int> {
              auto whole = chain(2'000);
              const int depth = co_await std::move(whole);
              co_return depth - 2'000;
            }),
            0);
}

}  // namespace

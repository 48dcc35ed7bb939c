// Tasks among themselves: cancels, channels, locks, and work for lanes.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "scenarios/rows.hpp"
#include "scenarios/support.hpp"

namespace vigil::scenarios {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

Instant now() noexcept { return Loop::current()->engine().now(); }

// How late a fault may make a turn: generous, and still far below what is waited for.
constexpr Nanos kLate = seconds(1);
// Hundreds of tasks in a tree of scopes, cancelled at any moment.
Task<> storm_leaf(sim::Random* random, std::uint64_t* ended) {
  for (int i = 0; i < 3; ++i) {
    if (!co_await think(*random, milliseconds(40))) {
      break;
    }
    co_await yield();
  }
  ++*ended;
}
Task<> storm_branch(Scope& scope, unsigned depth, sim::Random* random, std::uint64_t* begun,
                    std::uint64_t* ended) {
  for (int i = 0; i < 5; ++i) {
    *begun += scope.spawn(storm_leaf, random, ended) ? 1u : 0u;
  }
  if (depth != 0) {
    for (int i = 0; i < 2; ++i) {
      auto inner = scoped(storm_branch, depth - 1, random, begun, ended);
      co_await std::move(inner);
    }
  }
  if (random->below(3) == 0) {
    scope.cancel();
  }
}
Task<> cancel_storm(Books*, sim::Random* random) {
  std::uint64_t begun = 0;
  std::uint64_t ended = 0;
  const auto body = [](Scope& scope, sim::Random* chance, std::uint64_t* in,
                       std::uint64_t* out) -> Task<> {
    scope.set_deadline(after(now(), milliseconds(chance->between(0, 200))));
    return storm_branch(scope, 3, chance, in, out);
  };
  auto storm = scoped(body, random, &begun, &ended);
  co_await std::move(storm);
  Books::must(begun == ended, "a cancelled task did not end with its scope");
}

Task<> producer(Channel<std::uint64_t>* to, std::uint64_t from, std::uint64_t count,
                sim::Random* random, std::uint64_t* sent) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (random->below(4) == 0 && !co_await think(*random, milliseconds(3))) {
      co_return;
    }
    if (!co_await to->send(from * 1000 + i)) {
      co_return;
    }
    *sent += from * 1000 + i;
  }
}
Task<> consumer(Channel<std::uint64_t>* from, std::array<std::uint64_t, 4>* next,
                std::uint64_t* got, sim::Random* random) {
  for (;;) {
    const auto value = co_await from->receive();
    if (!value) {
      co_return;
    }
    *got += *value;
    std::uint64_t& expected = (*next)[*value / 1000];
    Books::must(*value % 1000 == expected, "a channel's values changed places");
    ++expected;
    if (random->below(4) == 0 && !co_await think(*random, milliseconds(2))) {
      co_return;
    }
  }
}
Task<> through_channel(std::size_t capacity, sim::Random* random) {
  Channel<std::uint64_t> channel(capacity);
  std::uint64_t sent = 0;
  std::uint64_t got = 0;
  std::array<std::uint64_t, 4> next{};
  const auto body = [](Scope& scope, Channel<std::uint64_t>* on, sim::Random* chance,
                       std::uint64_t* in, std::uint64_t* out,
                       std::array<std::uint64_t, 4>* order) -> Task<> {
    static_cast<void>(scope.spawn(consumer, on, order, out, chance));
    const auto producers = [](Scope& inner, Channel<std::uint64_t>* to, sim::Random* when,
                              std::uint64_t* count) -> Task<> {
      for (std::uint64_t i = 0; i < 4; ++i) {
        static_cast<void>(inner.spawn(producer, to, i, std::uint64_t{20}, when, count));
      }
      co_return;
    };
    auto all = scoped(producers, on, chance, in);
    co_await std::move(all);
    on->close();
  };
  auto whole = scoped(body, &channel, random, &sent, &got, &next);
  co_await std::move(whole);
  while (const auto left = channel.try_receive()) {
    got += *left;
  }
  Books::must(sent == got, "a channel lost a value, or gave one twice");
}
Task<> channel(Books*, sim::Random* random) { return through_channel(3, random); }
Task<> rendezvous(Books*, sim::Random* random) { return through_channel(0, random); }

// Permits under cancels: none is lost, and never more are out than there are.
Task<> borrower(Semaphore* of, std::uint32_t* out, sim::Random* random) {
  const auto body = [](Scope& scope, Semaphore* from, std::uint32_t* held,
                       sim::Random* chance) -> Task<> {
    scope.set_deadline(after(now(), milliseconds(chance->between(1, 60))));
    const auto count = static_cast<std::uint32_t>(chance->between(1, 3));
    auto permit = co_await from->acquire(count);
    if (!permit) {
      co_return;
    }
    *held += count;
    Books::must(*held <= 4, "a semaphore gave out more permits than it has");
    static_cast<void>(co_await think(*chance, milliseconds(10)));
    *held -= count;
  };
  auto borrowing = scoped(body, of, out, random);
  co_await std::move(borrowing);
}
Task<> permits(Books*, sim::Random* random) {
  Semaphore semaphore(4);
  std::uint32_t out = 0;
  const auto body = [](Scope& scope, Semaphore* of, std::uint32_t* held,
                       sim::Random* chance) -> Task<> {
    for (int i = 0; i < 30; ++i) {
      static_cast<void>(scope.spawn(borrower, of, held, chance));
    }
    co_return;
  };
  auto all = scoped(body, &semaphore, &out, random);
  co_await std::move(all);
  Books::must(semaphore.available() == 4, "a semaphore's permit was lost by a cancel");
}

Task<> locker(Mutex* mutex, std::uint64_t* inside, std::uint64_t* ended, sim::Random* random) {
  const auto guard = co_await mutex->lock();
  if (guard) {
    Books::must(++*inside == 1, "two tasks had a mutex");
    static_cast<void>(co_await think(*random, milliseconds(5)));
    --*inside;
  }
  ++*ended;
}
Task<> locks(Books*, sim::Random* random) {
  Mutex mutex;
  std::uint64_t inside = 0;
  std::uint64_t ended = 0;
  const auto body = [](Scope& scope, Mutex* of, std::uint64_t* in, std::uint64_t* out,
                       sim::Random* chance) -> Task<> {
    scope.set_deadline(after(now(), milliseconds(chance->between(10, 300))));
    for (int i = 0; i < 20; ++i) {
      *out += scope.spawn(locker, of, in, out, chance) ? 0u : 1u;
    }
    co_return;
  };
  auto all = scoped(body, &mutex, &inside, &ended, random);
  co_await std::move(all);
  Books::must(ended == 20, "a task that waited for a mutex is still there");
  Books::must(!mutex.is_locked(), "a mutex stayed locked");
}

Task<Result<int>> runner(int value, Nanos span) {
  if (auto slept = co_await sleep_for(span); !slept) {
    co_return std::unexpected(slept.error());
  }
  co_return value;
}
Task<> races(Books* books, sim::Random* random) {
  const Nanos quick = milliseconds(random->between(1, 50));
  auto first = runner(1, quick);
  auto second = runner(2, quick + milliseconds(200));
  auto third = runner(3, quick + seconds(100));
  const Instant begin = now();
  auto race = any(std::move(first), std::move(second), std::move(third));
  const auto winner = co_await std::move(race);
  if (!books->interrupted()) {
    Books::must(winner.index() == 0, "a race was won by a slower task");
    Books::must(now() - begin <= quick + kLate, "a race waited for its losers");
  }
  auto one = runner(1, milliseconds(random->below(50)));
  auto two = runner(2, milliseconds(random->below(50)));
  auto both = all(std::move(one), std::move(two));
  const auto results = co_await std::move(both);
  const Result<int>& a = std::get<0>(results);
  const Result<int>& b = std::get<1>(results);
  Books::must((!a || *a == 1) && (!b || *b == 2), "results of tasks changed places");
}

std::uint64_t work(std::uint64_t of) noexcept { return of * of + 1; }

// More calls than the lane has places, some cancelled before their turn.
Task<> caller(std::uint64_t of, Nanos patience, std::uint64_t* ended) {
  auto calling = offload(work, of);
  auto limited = timeout(patience, std::move(calling));
  const Result<std::uint64_t> got = co_await std::move(limited);
  Books::must(!got || *got == work(of), "an offloaded call returned another's result");
  Books::must(got || got.error() == std::errc::timed_out || names_a_cause(got.error()) ||
                  got.error() == std::errc::operation_canceled,
              "an offloaded call failed without a cause");
  Books::must(got || got.error() != std::errc::timed_out || patience < seconds(60),
              "an offloaded call waited a minute for a thread");
  ++*ended;
}
Task<> offloads(std::uint64_t count, Nanos patience) {
  std::uint64_t ended = 0;
  const auto body = [](Scope& scope, std::uint64_t calls, Nanos limit,
                       std::uint64_t* out) -> Task<> {
    for (std::uint64_t i = 0; i < calls; ++i) {
      *out += scope.spawn(caller, i, limit, out) ? 0u : 1u;
    }
    co_return;
  };
  auto all = scoped(body, count, patience, &ended);
  co_await std::move(all);
  Books::must(ended == count, "an offloaded call never came back");
}
Task<> lanes(Books*, sim::Random* random) { return offloads(random->between(1, 20), seconds(60)); }
Task<> full_lanes(Books*, sim::Random* random) {
  const bool patient = random->below(2) == 0;
  return offloads(1100, patient ? Nanos(seconds(60)) : Nanos(milliseconds(random->below(6))));
}

template <Alone body, std::uint64_t full, std::uint64_t small>
void rounds(Run& run) {
  play_alone(run, body, run.size == Size::small ? small : full);
}

constexpr Scenario kRows[] = {
    {"cancel-storm", "trees of scopes cancelled at any moment", rounds<cancel_storm, 100, 1>},
    {"channels", "values through a bounded channel", rounds<channel, 100, 1>},
    {"rendezvous", "values through a channel that holds none", rounds<rendezvous, 100, 1>},
    {"semaphores", "permits under cancels", rounds<permits, 100, 1>},
    {"mutexes", "a lock under cancels", rounds<locks, 100, 1>},
    {"races", "the first of several tasks, and all of them", rounds<races, 200, 2>},
    {"lanes", "calls that leave the loop", rounds<lanes, 200, 2>},
    {"lanes-full", "more calls than a lane has places, cancelled in the queue",
     rounds<full_lanes, 5, 1>},
};

}  // namespace

std::span<const Scenario> task_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios

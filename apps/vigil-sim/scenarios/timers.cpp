// Time: timers of all lengths, deadlines within deadlines, goodbyes out of reach of a cancel.
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

// Timers are late by two ticks at most on a loop that does nothing else; a fault may make a turn
// late, so these are generous, and still far below what is waited for.
constexpr Nanos kLate = seconds(1);

Task<> sleeper(Nanos span, std::uint64_t* woken) {
  const Instant begin = now();
  if (!co_await sleep_for(span)) {
    co_return;
  }
  const Nanos slept = now() - begin;
  Books::must(slept >= span, "a timer fired early");
  Books::must(slept <= span + kLate, "a timer fired late");
  ++*woken;
}

Task<> many_timers(Books* books, sim::Random* random) {
  std::uint64_t woken = 0;
  std::uint64_t started = 0;
  auto all = scoped(
      [](Scope& scope, sim::Random* chance, std::uint64_t* out, std::uint64_t* count) -> Task<> {
        for (int i = 0; i < 20; ++i) {
          // From nothing to hours, on all levels of the wheel.
          const Nanos span{
              static_cast<std::int64_t>(chance->below(std::uint64_t{1} << chance->between(1, 43)))};
          *count += scope.spawn(sleeper, span, out) ? 1u : 0u;
        }
        co_return;
      },
      random, &woken, &started);
  co_await std::move(all);
  Books::must(woken == started || books->interrupted(), "a timer never fired");
}

Task<> long_timers(Books*, sim::Random* random) {
  // 2^31 and 2^32 milliseconds, and so long that sums overflow.
  constexpr std::array kSpans{milliseconds(2'147'483'648), milliseconds(4'294'967'296),
                              milliseconds(2'147'483'649), milliseconds(25LL * 24 * 3600 * 1000)};
  std::uint64_t woken = 0;
  auto sleeping = sleeper(kSpans[random->below(kSpans.size())], &woken);
  co_await std::move(sleeping);
  auto forever = [](Scope& scope) -> Task<Result<>> {
    scope.set_deadline(after(now(), seconds(1)));
    co_return co_await sleep_for(kForever - Nanos(1));
  };
  auto bounded = scoped(forever);
  const Result<> ended = co_await std::move(bounded);
  Books::must(!ended, "a timer of centuries fired");
}

// Moved to later and to sooner, stopped and set anew.
Task<> moved_timers(Books*, sim::Random* random) {
  auto whole = [](Scope& scope, sim::Random* chance) -> Task<Result<>> {
    Instant last{};
    for (int i = 0; i < 50; ++i) {
      last = after(now(), milliseconds(chance->between(5, 5000)));
      scope.set_deadline(last);
      if (i % 10 == 0 && !co_await sleep_for(milliseconds(chance->between(0, 4)))) {
        break;
      }
    }
    const Result<> waited = co_await sleep_for(hours(1));
    Books::must(!waited, "a deadline that was moved never came");
    Books::must(!scope.timed_out() || now() >= last, "a deadline that was moved came early");
    Books::must(!scope.timed_out() || now() <= last + kLate, "a deadline that was moved came late");
    co_return Result<>{};
  };
  auto moving = scoped(whole, random);
  static_cast<void>(co_await std::move(moving));
}

// A timer of no length sets itself anew while others wait for I/O and time.
Task<> busy_timers(Books*, sim::Random*) {
  auto whole = [](Scope& scope, bool* over) -> Task<> {
    const auto spinner = [](const bool* end) -> Task<> {
      while (!*end) {
        if (!co_await sleep_for(Nanos::zero())) {
          break;
        }
      }
    };
    static_cast<void>(scope.spawn(spinner, static_cast<const bool*>(over)));
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t turn = Loop::current()->turns();
      co_await yield();
      Books::must(Loop::current()->turns() != turn, "a task that yields went on before all others");
    }
    auto pipe = os::Pipe::open();
    if (pipe) {
      const std::string text = "through";
      if (co_await pipe->writer.send(as_bytes(text))) {
        const auto got = co_await pipe->reader.receive();
        Books::must(!got || as_text(got->bytes()) == text.substr(0, got->bytes().size()),
                    "a pipe gave other bytes than it was given");
      }
    }
    *over = true;
  };
  bool over = false;  // the spinner looks at it after the body has ended
  auto all = scoped(whole, &over);
  co_await std::move(all);
}

Task<Result<int>> nested(unsigned depth, sim::Random* random) {
  if (depth == 0) {
    if (auto slept = co_await think(*random, seconds(5)); !slept) {
      co_return std::unexpected(slept.error());
    }
    co_return 7;
  }
  auto inner = nested(depth - 1, random);
  auto limited = timeout(milliseconds(random->between(1, 12'000)), std::move(inner));
  co_return co_await std::move(limited);
}

// Deadlines within deadlines: the earliest counts, and is told as such.
Task<> deadline_nests(Books*, sim::Random* random) {
  const Instant begin = now();
  auto inner = nested(8, random);
  auto limited = timeout(seconds(4), std::move(inner));
  const Result<int> got = co_await std::move(limited);
  Books::must(!got || *got == 7, "a value was changed on its way up");
  Books::must(got || got.error() == std::errc::timed_out ||
                  got.error() == std::errc::operation_canceled ||
                  got.error() == std::errc::not_enough_memory,
              "a deadline ended a task with an error of another kind");
  Books::must(now() - begin <= seconds(4) + kLate, "a deadline came late");
}

Task<> shielded_end(Books* books, sim::Random* random) {
  bool said = false;
  const auto body = [](Scope& scope, sim::Random* chance, bool* goodbye) -> Task<Result<>> {
    // The cancel comes before the goodbye, or in the middle of it.
    const bool before = chance->below(2) == 0;
    scope.set_deadline(after(now(), milliseconds(before ? chance->below(50) : 50)));
    const Nanos work = before ? Nanos(seconds(10)) : Nanos(milliseconds(20));
    static_cast<void>(co_await sleep_for(work));
    const auto clean_up = [](bool* done) -> Task<Result<>> {
      const Result<> slept = co_await sleep_for(milliseconds(60));
      *done = slept.has_value();
      co_return slept;
    };
    auto cleaning = clean_up(goodbye);
    auto out_of_reach = shielded(seconds(1), std::move(cleaning));
    co_return co_await std::move(out_of_reach);
  };
  auto whole = scoped(body, random, &said);
  const Result<> ended = co_await std::move(whole);
  const bool no_memory = !ended && ended.error() == std::errc::not_enough_memory;
  Books::must(said || no_memory || books->interrupted(), "a shielded goodbye was cut off");
}
template <Alone body, std::uint64_t full, std::uint64_t small>
void rounds(Run& run) {
  play_alone(run, body, run.size == Size::small ? small : full);
}

constexpr Scenario kRows[] = {
    {"timers", "timers of all lengths, none early, none late", rounds<many_timers, 10, 1>},
    {"timers-long", "2^31 and 2^32 milliseconds, and centuries", rounds<long_timers, 1, 1>},
    {"timers-moved", "deadlines moved to sooner and to later", rounds<moved_timers, 100, 2>},
    {"timers-busy", "a timer of no length sets itself anew beside I/O",
     rounds<busy_timers, 200, 2>},
    {"deadline-nests", "deadlines within deadlines", rounds<deadline_nests, 300, 3>},
    {"shields", "a goodbye out of reach of the cancel", rounds<shielded_end, 300, 3>},
};

}  // namespace

std::span<const Scenario> time_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios

// Fairness between connections, on every engine, in counts and not in seconds: beside one that
// never stops, each of many others has its turn soon. Hazard 18.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/descriptors.hpp"
#include "tests/support/http_support.hpp"

namespace vigil::test {
namespace {

class FairnessTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(FairnessTest);

// ---- Streams: one that is never done beside a thousand that rarely have something ----

struct Crowd {
  explicit Crowd(Ends busy) noexcept : loud(std::move(busy)) {}
  Ends loud;
  std::vector<Ends> quiet;
  std::uint64_t done = 0;  // operations of the loud one
  struct Heard {
    std::uint64_t times = 0;
    std::uint64_t turn = 0;  // of the loop, the last time
    std::uint64_t done = 0;  // by the loud one until then
  };
  std::vector<Heard> heard;
  std::uint64_t turns_of_99 = 0;  // turns that 99 of 100 waited for at most
  std::uint64_t most_done = 0;    // between a quiet one's bytes and its turn
};

Task<> listen_quietly(Crowd* all, std::size_t number) {
  for (;;) {
    auto bytes = co_await all->quiet[number].stream.receive();
    if (!bytes || bytes->empty()) {
      co_return;
    }
    Crowd::Heard& heard = all->heard[number];
    ++heard.times;
    heard.turn = Loop::current()->turns();
    heard.done = all->done;
  }
}

// Some of the quiet ones have something at the same time, again and again.
Task<> speak_up(Crowd* all) {
  constexpr std::size_t kTogether = 50;
  std::vector<std::uint64_t> waited;
  std::size_t next = 0;
  while (waited.size() < 2 * all->quiet.size() || all->done < 1000) {
    const std::uint64_t turn = Loop::current()->turns();
    const std::uint64_t done = all->done;
    std::vector<std::size_t> asked;
    for (std::size_t i = 0; i != kTogether; ++i) {
      next = (next + 379) % all->quiet.size();
      asked.push_back(next);
      CO_ASSERT_TRUE(all->quiet[next].peer.write("x"));
    }
    for (const std::size_t number : asked) {
      Crowd::Heard& heard = all->heard[number];
      while (heard.times == 0) {
        CO_ASSERT_OK(co_await sleep_for(Nanos::zero()));
      }
      waited.push_back(heard.turn - turn);
      all->most_done = std::max(all->most_done, heard.done - done);
      heard.times = 0;
    }
  }
  const auto at = waited.begin() + static_cast<std::ptrdiff_t>(waited.size() * 99 / 100);
  std::ranges::nth_element(waited, at);
  all->turns_of_99 = *at;
}

using Loud = Task<> (*)(Crowd* all);

Task<> beside(Loud loud, void (*peer)(int handle), std::size_t quiet) {
  auto making = make_ends();
  Crowd all(co_await std::move(making));
  for (std::size_t i = 0; i != quiet; ++i) {
    auto one = make_ends();
    all.quiet.push_back(co_await std::move(one));
  }
  all.heard.resize(quiet);
  std::jthread other(peer, all.loud.peer.get());
  auto whole = scoped(
      [](Scope& scope, Crowd* shared, Loud busy) -> Task<> {
        for (std::size_t i = 0; i != shared->quiet.size(); ++i) {
          CO_ASSERT_OK(scope.spawn(&listen_quietly, shared, i));
        }
        CO_ASSERT_OK(scope.spawn(busy, shared));
        auto speaking = speak_up(shared);
        co_await std::move(speaking);
        scope.cancel();
      },
      &all, loud);
  co_await std::move(whole);
  ::shutdown(all.loud.peer.get(), SHUT_RDWR);  // wakes its thread
  EXPECT_LE(all.turns_of_99, 4u);
  EXPECT_LE(all.most_done, 4 * Loop::kInline);
}

// Two descriptors each; select's numbers end at 1024.
std::size_t how_many_quiet(const std::string& engine) {
  return engine != "select" && allow_descriptors(2200) ? 1000 : 400;
}

TEST_P(FairnessTest, AThousandAreHeardBesideOneThatSendsWithoutEnd) {
  run(
      [](std::size_t quiet) -> Task<> {
        const Loud gulp = [](Crowd* all) -> Task<> {
          for (;;) {
            auto bytes = co_await all->loud.stream.receive();
            if (!bytes || bytes->empty()) {
              co_return;
            }
            ++all->done;
          }
        };
        return beside(
            gulp,
            [](int handle) {
              const std::string chunk(1 << 16, 'f');
              while (::send(handle, chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
              }
            },
            quiet);
      },
      how_many_quiet(GetParam()));
}

TEST_P(FairnessTest, AThousandAreHeardBesideOneThatTakesWithoutEnd) {
  run(
      [](std::size_t quiet) -> Task<> {
        const Loud pour = [](Crowd* all) -> Task<> {
          const std::string chunk(1024, 'p');
          while (co_await all->loud.stream.send(as_bytes(chunk))) {
            ++all->done;
          }
        };
        return beside(
            pour,
            [](int handle) {
              std::string room(1 << 16, '\0');
              while (::recv(handle, room.data(), room.size(), 0) > 0) {
              }
            },
            quiet);
      },
      how_many_quiet(GetParam()));
}

// ---- HTTP: one that asks for much beside a hundred that ask once ----

constexpr std::size_t kOthers = 100;

struct Counts {
  std::uint64_t answers = 0;  // to the greedy one
  struct Other {
    bool asked = false;
    std::uint64_t turn = 0;     // when its handler began
    std::uint64_t answers = 0;  // to the greedy one until then
  };
  std::vector<Other> others{kOthers};
};

Task<> count_and_answer(http::Exchange& exchange, Counts& counts) {
  const std::string_view target = exchange.request().target();
  if (target == "/greedy") {
    ++counts.answers;
    static_cast<void>(co_await exchange.respond({}, "more"));
  } else {
    std::size_t number = 0;
    std::from_chars(target.data() + 1, target.data() + target.size(), number);
    counts.others[number] = {true, Loop::current()->turns(), counts.answers};
    static_cast<void>(co_await exchange.respond({}, "you"));
  }
}

Handle connected(const Address& to) {
  Handle made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(to.port());
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(made.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  return made;
}

// One asks `times` times for `what` in one go, and takes the answers as fast as it can. What the
// others waited for.
struct Waited {
  std::uint64_t turns = 0;    // at most
  std::uint64_t answers = 0;  // to the greedy one, at most
};
Task<> ask_beside(Served served, Counts* counts, std::string what, int times, Waited* waited) {
  std::vector<Handle> others;
  for (std::size_t i = 0; i != kOthers; ++i) {
    others.push_back(connected(served.at));
  }
  const Handle greedy = connected(served.at);
  std::jthread asks([&] {
    std::string all;
    for (int i = 0; i != times; ++i) {
      all += get(what);
    }
    for (std::size_t at = 0; at < all.size();) {
      const ssize_t sent = ::send(greedy.get(), &all[at], all.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) {
        return;
      }
      at += static_cast<std::size_t>(sent);
    }
  });
  std::jthread takes([&] {
    std::string room(1 << 20, '\0');
    while (::recv(greedy.get(), room.data(), room.size(), 0) > 0) {
    }
  });
  while (counts->answers == 0) {
    CO_ASSERT_OK(co_await sleep_for(Nanos::zero()));
  }
  const std::uint64_t turn = Loop::current()->turns();
  const std::uint64_t answers = counts->answers;
  for (std::size_t i = 0; i != kOthers; ++i) {
    CO_ASSERT_TRUE(others[i].write(get("/" + std::to_string(i))));
  }
  for (Counts::Other& other : counts->others) {
    while (!other.asked) {
      CO_ASSERT_OK(co_await sleep_for(Nanos::zero()));
    }
    waited->turns = std::max(waited->turns, other.turn - turn);
    waited->answers = std::max(waited->answers, other.answers - answers);
  }
  ::shutdown(greedy.get(), SHUT_RDWR);
}

TEST_P(FairnessTest, AHundredAreAnsweredBesideOneThatPipelinesTenThousand) {
  run([]() -> Task<> {
    Counts counts;
    Waited waited;
    auto serving = while_serving(http::Handler(&count_and_answer, counts), {}, &ask_beside, &counts,
                                 std::string("/greedy"), 10'000, &waited);
    co_await std::move(serving);
    EXPECT_LE(waited.answers, 8 * Loop::kInline);
    EXPECT_LE(waited.turns, 8u);
  });
}

}  // namespace
}  // namespace vigil::test

// Streams beside busy ones, and where buffers are short (semantics L1.3, N1.9), on every engine.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/streams.hpp"
#include "vigil/coro/scoped.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class StreamFairnessTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(StreamFairnessTest);

// L1.3, hazard 18: a socket that always has bytes gives way to the others.
Task<> gulp(TcpStream* from, std::uint64_t* count, const bool* enough) {
  while (!*enough) {
    auto bytes = co_await from->receive();
    if (!bytes || bytes->empty()) {
      break;
    }
    ++*count;
  }
}

TEST_P(StreamFairnessTest, LetsOneBusySocketStarveNobody) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends busy = co_await std::move(making);
    auto making_quiet = make_ends();
    Ends quiet = co_await std::move(making_quiet);
    std::atomic<bool> stop = false;
    std::jthread flood([&] {
      const std::string chunk(1 << 16, 'f');
      while (!stop && ::send(busy.peer.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
      }
    });
    bool enough = false;
    std::uint64_t gulps = 0;
    std::uint64_t most_between = 0;
    auto contest = scoped(
        [](Scope& scope, Ends* loud, Ends* calm, std::uint64_t* count, bool* over,
           std::uint64_t* most) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&gulp, &loud->stream, count, over));
          for (unsigned i = 0; i < 200 || *count < 1000; ++i) {
            const std::string text = payload(1, i, 32);
            CO_ASSERT_TRUE(calm->peer.write(text));
            const std::uint64_t before = *count;
            auto got = co_await calm->stream.receive();
            CO_ASSERT_OK(got);
            EXPECT_EQ(as_text(got->bytes()), text);
            *most = std::max(*most, *count - before);
          }
          *over = true;
        },
        &busy, &quiet, &gulps, &enough, &most_between);
    co_await std::move(contest);
    stop = true;
    ::shutdown(busy.peer.get(), SHUT_RDWR);  // wakes the flood out of its send
    flood.join();
    // Written before it was asked for: at most one resumption of the busy one, and its deferred
    // rest.
    EXPECT_LE(most_between, 3 * Loop::kInline);
    EXPECT_GE(gulps, 1000u);
  });
}

// N1.9: receives without a buffer wait in order; bytes stay where they are.
Task<> slow_reader(TcpStream* from, std::string* into, std::size_t size, std::vector<int>* order,
                   int self) {
  while (into->size() < size) {
    auto bytes = co_await from->receive();
    CO_ASSERT_OK(bytes);
    order->push_back(self);
    into->append(as_text(bytes->bytes()));
    co_await yield();  // holds the only buffer across a wait
  }
}

TEST_P(StreamFairnessTest, SharesTheOnlyReceiveBufferAndLosesNothing) {
  run_with({.lease_bytes = Buffers::kBlock}, []() -> Task<> {
    constexpr unsigned kStreams = 8;
    constexpr std::size_t kBytes = 60000;
    std::vector<Ends> ends;
    std::vector<std::string> got(kStreams);
    for (unsigned i = 0; i < kStreams; ++i) {
      auto making = make_ends();
      Ends one = co_await std::move(making);
      CO_ASSERT_TRUE(one.peer.write(payload(i, 0, kBytes)));
      ends.push_back(std::move(one));
    }
    std::vector<int> order;
    auto readers = scoped(
        [](Scope& scope, std::vector<Ends>* all_ends, std::vector<std::string>* texts,
           std::vector<int>* turns) -> Task<> {
          for (unsigned i = 0; i < kStreams; ++i) {
            CO_ASSERT_OK(scope.spawn(&slow_reader, &(*all_ends)[i].stream, &(*texts)[i], kBytes,
                                     turns, static_cast<int>(i)));
          }
          co_return;
        },
        &ends, &got, &order);
    co_await std::move(readers);
    for (unsigned i = 0; i < kStreams; ++i) {
      EXPECT_TRUE(got[i] == payload(i, 0, kBytes)) << i;
    }
    // Fair: among 2 * kStreams receives in a row each stream had its turn.
    for (std::size_t at = kStreams; at + 2 * kStreams < order.size() / 2; ++at) {
      std::vector<bool> seen(kStreams);
      for (std::size_t i = at; i < at + 2 * kStreams; ++i) {
        seen[static_cast<std::size_t>(order[i])] = true;
      }
      EXPECT_EQ(std::count(seen.begin(), seen.end(), true), kStreams) << "from receive " << at;
    }
  });
}

// N1.9: two floods and one buffer; a quiet third is served too.
TEST_P(StreamFairnessTest, FeedsAQuietStreamBesideFloodsWithOneBuffer) {
  run_with({.lease_bytes = Buffers::kBlock}, []() -> Task<> {
    std::vector<Ends> ends;
    for (int i = 0; i < 3; ++i) {
      auto making = make_ends();
      Ends one = co_await std::move(making);
      ends.push_back(std::move(one));
    }
    std::atomic<bool> stop = false;
    std::vector<std::jthread> floods;
    for (int i = 0; i < 2; ++i) {
      floods.emplace_back([&, i] {
        const std::string chunk(1 << 16, 'f');
        while (!stop && ::send(ends[static_cast<std::size_t>(i)].peer.get(), chunk.data(),
                               chunk.size(), MSG_NOSIGNAL) > 0) {
        }
      });
    }
    bool enough = false;
    std::uint64_t gulps = 0;
    auto contest = scoped(
        [](Scope& scope, std::vector<Ends>* all_ends, std::uint64_t* count, bool* over) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&gulp, &(*all_ends)[0].stream, count, over));
          CO_ASSERT_OK(scope.spawn(&gulp, &(*all_ends)[1].stream, count, over));
          for (unsigned i = 0; i < 50; ++i) {
            const std::string text = payload(2, i, 100);
            CO_ASSERT_TRUE((*all_ends)[2].peer.write(text));
            auto got = co_await (*all_ends)[2].stream.receive();
            CO_ASSERT_OK(got);
            EXPECT_EQ(as_text(got->bytes()), text);
          }
          *over = true;
        },
        &ends, &gulps, &enough);
    co_await std::move(contest);
    stop = true;
    for (Ends& one : ends) {
      ::shutdown(one.peer.get(), SHUT_RDWR);
    }
    floods.clear();
  });
}

}  // namespace
}  // namespace vigil::test

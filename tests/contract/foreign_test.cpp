// Descriptors that are somebody else's, listeners, and limits of descriptors (semantics L3, N2), on
// every engine.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <thread>

#include "tests/support/streams.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/coro/wait.hpp"
#include "vigil/poll/poller_error.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class ForeignTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(ForeignTest);

class Pair {
 public:
  Pair() noexcept : first(-1), second(-1) {
    int both[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both), 0);
    first = Handle(both[0]);
    second = Handle(both[1]);
  }
  Handle first;
  Handle second;
};

// L3.4
TEST_P(ForeignTest, IsWaitedForAndLeftAlone) {
  run([]() -> Task<> {
    Pair pair;
    auto writable = co_await wait_writable(pair.first.get());
    CO_ASSERT_OK(writable);
    EXPECT_NE(*writable & kWritable, 0u);
    std::jthread peer([&] {
      std::this_thread::sleep_for(3ms);
      EXPECT_TRUE(pair.second.write("hello"));
    });
    auto readable = co_await wait_readable(pair.first.get());
    CO_ASSERT_OK(readable);
    EXPECT_NE(*readable & kReadable, 0u);
    EXPECT_EQ(pair.first.read(), "hello");  // vigil took nothing
    peer.join();
    pair.second.close();
    auto end = co_await wait_readable(pair.first.get());
    CO_ASSERT_OK(end);
    EXPECT_NE(*end & (kReadable | kHungUp | kPeerClosed), 0u);
  });
}

// L3.4: one task for each direction, of one handle.
TEST_P(ForeignTest, IsWaitedForInBothDirectionsByTwoTasks) {
  run([]() -> Task<> {
    Pair pair;
    const std::string chunk(1 << 16, 'x');
    while (::send(pair.first.get(), chunk.data(), chunk.size(), MSG_DONTWAIT) > 0) {
    }
    int ended = 0;
    auto whole = scoped(
        [](Scope& scope, Pair* on, int* count) -> Task<> {
          auto reads = [](int handle, int* into) -> Task<> {
            auto ready = co_await wait_readable(handle);
            CO_ASSERT_OK(ready);
            *into += 1;
          };
          auto writes = [](int handle, int* into) -> Task<> {
            auto ready = co_await wait_writable(handle);
            CO_ASSERT_OK(ready);
            *into += 10;
          };
          CO_ASSERT_OK(scope.spawn(reads, on->first.get(), count));
          CO_ASSERT_OK(scope.spawn(writes, on->first.get(), count));
          co_await sleep_for(2ms);
          EXPECT_EQ(*count, 0);
          CO_ASSERT_TRUE(on->second.write("x"));
          while (*count == 0) {
            co_await sleep_for(1ms);
          }
          EXPECT_EQ(*count, 1);
          std::string sink(1 << 16, '\0');
          while (::recv(on->second.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
          }
        },
        &pair, &ended);
    co_await std::move(whole);
    EXPECT_EQ(ended, 11);
  });
}

// L3.4, claim 16
TEST_P(ForeignTest, RefusesARegularFileAndSaysWhatToDo) {
  run([]() -> Task<> {
    const Handle file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    auto ready = co_await wait_readable(file.get());
    CO_ASSERT_TRUE(!ready);
    EXPECT_EQ(ready.error(), PollerErrc::not_pollable);
    EXPECT_EQ(ready.error(), std::errc::operation_not_permitted);
    EXPECT_NE(ready.error().message().find("directly"), std::string::npos);
    auto closed = co_await wait_readable(987);
    EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
    auto none = co_await wait_readable(-1);
    EXPECT_EQ(none.error(), std::errc::bad_file_descriptor);
  });
}

// L3.5: closed under the wait, and its number given to a stream: the stream is not harmed by the
// end of the wait.
TEST_P(ForeignTest, HarmsNobodyWhenItsNumberIsGivenOutAgain) {
  run([]() -> Task<> {
    auto pair = std::make_unique<Pair>();
    std::error_code outcome;
    auto whole = scoped(
        [](Scope& scope, std::unique_ptr<Pair>* on, std::error_code* into) -> Task<> {
          auto waits = [](int handle, std::error_code* why) -> Task<> {
            auto ready = co_await wait_readable(handle);
            *why = ready ? std::error_code() : ready.error();
          };
          auto listener = TcpListener::listen(Address::loopback(0));
          const int number = (*on)->first.get();
          CO_ASSERT_OK(scope.spawn(waits, number, into));
          co_await sleep_for(1ms);
          on->reset();
          auto connecting = TcpStream::connect(*listener->local_address());
          auto stream = co_await std::move(connecting);
          CO_ASSERT_OK(stream);
          auto accepted = co_await listener->accept();
          CO_ASSERT_OK(accepted);
          EXPECT_EQ(stream->descriptor()->handle, number);
          co_await sleep_for(1ms);
          scope.cancel();
          co_return;
        },
        &pair, &outcome);
    co_await std::move(whole);
    EXPECT_TRUE(outcome == std::errc::bad_file_descriptor ||
                outcome == std::errc::operation_canceled);
  });
}

TEST_P(ForeignTest, StreamThatGotItsNumberGoesOn) {
  run([]() -> Task<> {
    auto pair = std::make_unique<Pair>();
    auto listener = TcpListener::listen(Address::loopback(0));
    const int number = pair->first.get();
    TcpStream stream;
    TcpStream accepted;
    auto whole = scoped(
        [](Scope& scope, std::unique_ptr<Pair>* on, TcpListener* from, TcpStream* one,
           TcpStream* other) -> Task<> {
          auto waits = [](int handle) -> Task<> {
            static_cast<void>(co_await wait_readable(handle));
          };
          CO_ASSERT_OK(scope.spawn(waits, (*on)->first.get()));
          co_await sleep_for(1ms);
          on->reset();
          auto connecting = TcpStream::connect(*from->local_address());
          auto connected = co_await std::move(connecting);
          CO_ASSERT_OK(connected);
          *one = std::move(*connected);
          auto taken = co_await from->accept();
          CO_ASSERT_OK(taken);
          *other = std::move(*taken);
          scope.cancel();
        },
        &pair, &*listener, &stream, &accepted);
    co_await std::move(whole);
    CO_ASSERT_TRUE(stream.is_open() && accepted.is_open());
    EXPECT_EQ(stream.descriptor()->handle, number);
    for (unsigned i = 0; i < 3; ++i) {
      CO_ASSERT_OK(co_await accepted.send(as_bytes(payload(6, i, 50))));
      auto limited = timeout(5s, [](TcpStream* from) -> Task<Result<std::string>> {
        auto got = co_await from->receive();
        if (!got) {
          co_return std::unexpected(got.error());
        }
        co_return std::string(as_text(got->bytes()));
      }(&stream));
      auto got = co_await std::move(limited);
      CO_ASSERT_OK(got);
      EXPECT_EQ(*got, payload(6, i, 50));
    }
  });
}

// N2.1
TEST_P(ForeignTest, ListenerAcceptsABurstAndTellsWhoCame) {
  run([]() -> Task<> {
    for (const bool shared : {false, true}) {
      auto listener = TcpListener::listen(Address::loopback(0), {.shared = shared});
      CO_ASSERT_OK(listener);
      std::vector<TcpStream> clients;
      for (int i = 0; i < 100; ++i) {
        auto connecting = TcpStream::connect(*listener->local_address());
        auto client = co_await std::move(connecting);
        CO_ASSERT_OK(client);
        clients.push_back(std::move(*client));
      }
      for (TcpStream& client : clients) {
        Address who;
        auto accepted = co_await listener->accept(&who);
        CO_ASSERT_OK(accepted);
        EXPECT_EQ(who, *client.local_address());
      }
    }
  });
}

// N2.2, hazard 12: out of descriptors the loop is told, does not spin, and goes on afterwards.
TEST_P(ForeignTest, ListenerSurvivesRunningOutOfDescriptors) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  run([]() -> Task<> {
    auto listener = TcpListener::listen(Address::loopback(0));
    CO_ASSERT_OK(listener);
    auto connecting = TcpStream::connect(*listener->local_address());
    auto client = co_await std::move(connecting);
    CO_ASSERT_OK(client);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t all = limit.rlim_cur;
    limit.rlim_cur = static_cast<rlim_t>(client->descriptor()->handle) + 1;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto refused = co_await listener->accept();
    EXPECT_EQ(refused.error(), std::errc::too_many_files_open);
    const std::uint64_t turns = Loop::current()->turns();
    co_await sleep_for(20ms);
    EXPECT_LE(Loop::current()->turns() - turns, 30u);
    limit.rlim_cur = all;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto accepted = co_await listener->accept();  // it waited in the backlog
    CO_ASSERT_OK(accepted);
    CO_ASSERT_OK(co_await client->send(as_bytes("still here")));
    auto got = co_await accepted->receive();
    CO_ASSERT_OK(got);
    EXPECT_EQ(as_text(got->bytes()), "still here");
  });
  ::setrlimit(RLIMIT_NOFILE, &before);
}

// L3.3, hazard 34
TEST_P(ForeignTest, SelectRefusesWhatItCannotWatchAndGoesOn) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  if (before.rlim_max < 1100) {
    GTEST_SKIP() << "not run: fewer than 1,100 descriptors are allowed here";
  }
  rlimit enough = before;
  enough.rlim_cur = std::max<rlim_t>(before.rlim_cur, 1100);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &enough), 0);
  run([]() -> Task<> {
    const bool limited = Loop::current()->engine().traits().name == "select";
    Pair pair;
    const Handle high(::fcntl(pair.first.get(), F_DUPFD_CLOEXEC, 1050));
    CO_ASSERT_TRUE(high.get() >= 1050);
    auto ready = co_await wait_writable(high.get());
    if (limited) {
      EXPECT_EQ(ready.error(), PollerErrc::above_limit);
      EXPECT_NE(ready.error().message().find("1024"), std::string::npos);
    } else {
      CO_ASSERT_OK(ready);
    }
    auto low = co_await wait_writable(pair.first.get());
    CO_ASSERT_OK(low);
  });
  ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace vigil::test

// Out of descriptors (Shortage), on every engine: who waits shorter than the patience is let in,
// who waits longer is told, and nobody hangs. Hazard 12.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/http_support.hpp"
#include "vigil/coro/scoped.hpp"

namespace vigil::test {
namespace {

using http::Handler;

constexpr Nanos kPatience = 250ms;

// A process that may open few descriptors more than it has: a ring asks for the limit when it is
// told to accept, so that a limit which is lowered later is none.
class ShortageTest : public EngineTest {
 protected:
  void SetUp() override {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const Handle first_free(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(first_free.get()) + 100;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  void TearDown() override { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};
INSTANTIATE_ON_EVERY_ENGINE(ShortageTest);

// Has all descriptors that are left, while it is there.
class NoDescriptors {
 public:
  NoDescriptors() {
    for (;;) {
      const int taken = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      if (taken < 0) {
        break;
      }
      taken_.emplace_back(taken);
    }
    EXPECT_EQ(errno, EMFILE);
  }

 private:
  std::vector<Handle> taken_;
};

// A client that has its descriptor before there are none.
class Newcomer {
 public:
  Newcomer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  void come(const Address& to, const std::string& says) const {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(to.port());
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    if (!says.empty()) {
      EXPECT_TRUE(socket_.write(says));
    }
  }
  // What came so far; `over` once the connection ended in order, `reset` if it did otherwise.
  const std::string& hear() {
    std::string some(4096, '\0');
    for (;;) {
      const ssize_t got = ::recv(socket_.get(), some.data(), some.size(), MSG_DONTWAIT);
      if (got <= 0) {
        over |= got == 0;
        reset |= got < 0 && errno != EAGAIN;
        return heard_;
      }
      heard_.append(some, 0, static_cast<std::size_t>(got));
    }
  }
  bool over = false;
  bool reset = false;

 private:
  Handle socket_;
  std::string heard_;
};

Task<> until_over(std::vector<Newcomer>& all) {
  for (Newcomer& each : all) {
    while (each.hear(), !each.over && !each.reset) {
      CO_ASSERT_OK(co_await sleep_for(2ms));
    }
  }
}

http::ServerOptions patient(Nanos patience) {
  http::ServerOptions options;
  options.patience = patience;
  return options;
}

TEST_P(ShortageTest, WhoWaitsLongerThanThePatienceIsAnswered503) {
  run([]() -> Task<> {
    unsigned told = 0;
    http::ServerOptions options = patient(kPatience);
    options.hook_context = &told;
    options.exhausted = [](void* times, std::error_code why) noexcept {
      EXPECT_EQ(why, std::errc::too_many_files_open);
      ++*static_cast<unsigned*>(times);
    };
    auto serving = while_serving(
        Handler(&mirror), options,
        [](Served served, const unsigned* times) -> Task<> {
          auto dialing = dial(served.at);
          Peer inside(co_await std::move(dialing));
          auto asking = ask(inside, get("/before"));
          EXPECT_EQ((co_await std::move(asking)).body, "/before");
          std::vector<Newcomer> newcomers(5);
          const Instant began = Loop::current()->engine().now();
          {
            const NoDescriptors none;
            for (std::size_t i = 0; i != newcomers.size(); ++i) {
              // One says nothing, and one has more to say than is read of it.
              const std::string body(i == 1 ? 20'000 : 0, 'b');
              newcomers[i].come(served.at, i == 0 ? "" : get("/out") + body);
            }
            auto meanwhile = ask(inside, get("/meanwhile"));
            EXPECT_EQ((co_await std::move(meanwhile)).body, "/meanwhile");
            auto waiting = until_over(newcomers);
            co_await std::move(waiting);
            EXPECT_GE(Loop::current()->engine().now() - began, kPatience);
            EXPECT_GE(*times, 1u);
            for (Newcomer& each : newcomers) {
              const std::string& heard = each.hear();
              EXPECT_FALSE(each.reset);
              EXPECT_TRUE(heard.starts_with("HTTP/1.1 503 ")) << heard;
              EXPECT_NE(heard.find("\r\nRetry-After: 1\r\n"), std::string::npos);
              EXPECT_NE(heard.find("\r\nConnection: close\r\n"), std::string::npos);
              const std::size_t body = heard.find("\r\n\r\n") + 4;
              EXPECT_NE(heard.find("\r\nContent-Length: " + std::to_string(heard.size() - body)),
                        std::string::npos);
            }
            auto still = ask(inside, get("/still"));
            EXPECT_EQ((co_await std::move(still)).body, "/still");
          }
          auto coming = ask_once(served.at, get("/after", "Connection: close\r\n"));
          EXPECT_TRUE((co_await std::move(coming)).ends_with("\r\n\r\n/after"));
        },
        static_cast<const unsigned*>(&told));
    co_await std::move(serving);
  });
}

TEST_P(ShortageTest, WhoWaitsShorterIsLetIn) {
  run([]() -> Task<> {
    auto serving = while_serving(Handler(&mirror), patient(20s), [](Served served) -> Task<> {
      std::vector<Newcomer> newcomers(3);
      {
        const NoDescriptors none;
        for (Newcomer& each : newcomers) {
          each.come(served.at, get("/in", "Connection: close\r\n"));
        }
        CO_ASSERT_OK(co_await sleep_for(250ms));  // two looks
        for (Newcomer& each : newcomers) {
          EXPECT_EQ(each.hear(), "");
          EXPECT_FALSE(each.over || each.reset);
        }
      }
      auto waiting = until_over(newcomers);
      co_await std::move(waiting);
      for (Newcomer& each : newcomers) {
        EXPECT_TRUE(each.hear().ends_with("\r\n\r\n/in")) << each.hear();
      }
    });
    co_await std::move(serving);
  });
}

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

// An echo out of descriptors: what becomes of those who come, and of its figures.
struct Echo {
  ServeFigures figures;
  Address at;
  Result<TcpListener> listener = TcpListener::listen(Address::loopback(0));
};

template <TaskBody F>
Task<> while_echoing(Echo* all, Nanos patience, F client) {
  CO_ASSERT_OK(all->listener);
  all->at = *all->listener->local_address();
  auto whole = scoped(
      [](Scope& scope, Echo* shared, Nanos span, F body) -> Task<> {
        const ServeOptions how{.figures = &shared->figures, .shortage = {.patience = span}};
        CO_ASSERT_OK(scope.spawn(
            [](Echo* of, ServeOptions options) -> Task<> {
              auto serving = serve(*of->listener, options, echo);
              const Result<> ended = co_await std::move(serving);
              EXPECT_EQ(ended.error(), std::errc::operation_canceled);
            },
            shared, how));
        CO_ASSERT_OK(co_await sleep_for(Nanos::zero()));  // it serves
        auto task = body(shared);
        co_await std::move(task);
        scope.cancel();
      },
      all, patience, client);
  co_await std::move(whole);
}

// All that wait at a look are refused at that look: more than one needs no second look each.
TEST_P(ShortageTest, WithoutAFarewellWhoWaitsIsClosed) {
  run([]() -> Task<> {
    Echo all;
    auto echoing = while_echoing(&all, kPatience, [](Echo* with) -> Task<> {
      std::vector<Newcomer> newcomers(40);
      const NoDescriptors none;
      for (Newcomer& each : newcomers) {
        each.come(with->at, "hello");
      }
      auto waiting = until_over(newcomers);
      co_await std::move(waiting);
      for (Newcomer& each : newcomers) {
        EXPECT_EQ(each.hear(), "");
        EXPECT_FALSE(each.reset);
      }
      EXPECT_EQ(with->figures.refused, newcomers.size());
      EXPECT_EQ(with->figures.accepted, 0u);
      EXPECT_LE(with->figures.exhausted, 12u) << "looks";
    });
    co_await std::move(echoing);
  });
}

TEST_P(ShortageTest, WithoutAPatienceNobodyIsRefused) {
  run([]() -> Task<> {
    Echo all;
    auto echoing = while_echoing(&all, Nanos::zero(), [](Echo* with) -> Task<> {
      std::vector<Newcomer> newcomers(2);
      {
        const NoDescriptors none;
        newcomers[0].come(with->at, "hello");
        while (with->figures.exhausted < 15) {
          CO_ASSERT_OK(co_await sleep_for(5ms));
        }
        EXPECT_EQ(newcomers[0].hear(), "");
        EXPECT_FALSE(newcomers[0].over || newcomers[0].reset);
      }
      while (newcomers[0].hear().empty()) {
        CO_ASSERT_OK(co_await sleep_for(2ms));
      }
      EXPECT_EQ(newcomers[0].hear(), "hello");
      EXPECT_EQ(with->figures.refused, 0u);
    });
    co_await std::move(echoing);
  });
}

}  // namespace
}  // namespace vigil::test

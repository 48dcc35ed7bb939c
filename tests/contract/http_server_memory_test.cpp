// The HTTP server's limit of memory: who is let go where it is too much, and who is not. On every
// engine. Hazard 38.
#include <gtest/gtest.h>

#include <deque>

#include "tests/support/http_support.hpp"
#include "vigil/coro/sync.hpp"

namespace vigil::test {
namespace {

using http::Exchange;
using http::Handler;

class HttpServerMemoryTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerMemoryTest);

constexpr std::uint64_t kMiB = 1u << 20;

const std::string& large() {
  static const std::string text(16 * kMiB, 'b');
  return text;
}

// "/large" is more than the kernel holds for a client that does not read.
Task<> small_or_large(Exchange& exchange) {
  const std::string_view body = exchange.request().target() == "/large" ? std::string_view(large())
                                                                        : std::string_view("small");
  static_cast<void>(co_await exchange.respond({}, body));
}

// What a handler holds, until it is told to go on.
struct Hoard {
  std::uint64_t bytes = 0;
  ManualResetEvent over;
};
Task<> hoard(Exchange& exchange, Hoard& what) {
  if (exchange.request().target() == "/hoard") {
    const Exchange::Charge charge(exchange, what.bytes);
    static_cast<void>(co_await what.over.wait());
    static_cast<void>(co_await exchange.respond({}, "held"));
    co_return;
  }
  static_cast<void>(co_await exchange.respond({}, "small"));
}

struct Beside {
  std::uint64_t bytes = 0;
  std::uint64_t asked = 0;
  static std::uint64_t held(void* self) noexcept { return static_cast<Beside*>(self)->bytes; }
  static void give(void* self) noexcept { ++static_cast<Beside*>(self)->asked; }
};

http::ServerOptions with_memory(std::uint64_t bytes) {
  http::ServerOptions options;
  options.limits.memory = bytes;
  options.limits.head_time = 80ms;  // so that the server looks often
  return options;
}

// Until `holds(server)`, or a time that is too long.
template <class F>
Task<bool> comes_true(http::Server* server, F holds) {
  for (int i = 0; i != 4000; ++i) {
    if (holds(server->figures())) {
      co_return true;
    }
    static_cast<void>(co_await sleep_for(5ms));
  }
  co_return false;
}

Task<> crowd_in(Address at, std::size_t count, std::deque<TcpStream>* all) {
  for (std::size_t i = 0; i != count; ++i) {
    auto dialing = dial(at);
    TcpStream stream = co_await std::move(dialing);
    CO_ASSERT_OK(stream.set(SocketOption::Name::receive_buffer, 4096));
    const std::string request = get("/large");
    static_cast<void>(co_await stream.send(as_bytes(request)));
    all->push_back(std::move(stream));
  }
}

// Takes the whole of a large answer in small pieces with pauses between; how many bytes came.
Task<> read_slowly(Address at, std::size_t* came) {
  auto dialing = dial(at);
  TcpStream stream = co_await std::move(dialing);
  CO_ASSERT_OK(stream.set(SocketOption::Name::receive_buffer, 65536));
  auto saying = say(stream, get("/large", "Connection: close\r\n"));
  co_await std::move(saying);
  for (std::size_t pieces = 0;; ++pieces) {
    auto bytes = co_await stream.receive();
    if (!bytes || bytes->empty()) {
      break;
    }
    *came += bytes->bytes().size();
    *bytes = Lease();
    if (pieces % 64 == 0) {
      static_cast<void>(co_await sleep_for(5ms));
    }
  }
}

TEST_P(HttpServerMemoryTest, ResetsReadersThatTakeNothingAndLeavesOthersAlone) {
  run([]() -> Task<> {
    return while_serving(Handler(&small_or_large), with_memory(kMiB), [](Served served) -> Task<> {
      std::size_t taken = 0;
      auto beside = scoped(
          [](Scope& scope, Served all, std::size_t* came) -> Task<> {
            CO_ASSERT_OK(scope.spawn(&read_slowly, all.at, came));
            std::deque<TcpStream> never_read;
            for (int i = 0; i != 8; ++i) {
              auto crowding = crowd_in(all.at, 10, &never_read);
              co_await std::move(crowding);
              EXPECT_LE(all.server->figures().memory.held, kMiB);
              static_cast<void>(co_await sleep_for(50ms));
            }
            auto waiting = comes_true(all.server, [](const http::ServerFigures& figures) {
              return figures.memory.reset != 0 && figures.memory.counted < kMiB / 8 * 7;
            });
            EXPECT_TRUE(co_await std::move(waiting));
            std::string heard;
            for (int tries = 0; tries != 100 && !heard.ends_with("small"); ++tries) {
              static_cast<void>(co_await sleep_for(20ms));
              auto asking = ask_once(all.at, get("/small", "Connection: close\r\n"));
              heard = co_await std::move(asking);
            }
            EXPECT_TRUE(heard.ends_with("small")) << heard.substr(0, 300);
          },
          served, &taken);
      co_await std::move(beside);
      EXPECT_GT(taken, large().size()) << "a client that reads was reset";
    });
  });
}

TEST_P(HttpServerMemoryTest, RefusesWith503AtTheLimitAndTakesPeopleInAgainBelow) {
  Hoard what{.bytes = 2 * kMiB, .over = {}};
  Beside cache;
  run(
      [](Hoard* in, Beside* owner) -> Task<> {
        http::ServerOptions options = with_memory(kMiB);
        options.beside = &Beside::held;
        options.give_back = &Beside::give;
        options.hook_context = owner;
        return while_serving(
            Handler(&hoard, *in), options,
            [](Served served, Hoard* held, Beside* giver) -> Task<> {
              auto dialing = dial(served.at);
              Peer holder(co_await std::move(dialing));
              auto saying = say(holder.stream, get("/hoard"));
              co_await std::move(saying);
              auto waiting = comes_true(served.server, [](const http::ServerFigures& figures) {
                return figures.memory.counted > kMiB;
              });
              EXPECT_TRUE(co_await std::move(waiting));
              auto refused = ask_once(served.at, get("/small"));
              const std::string heard = co_await std::move(refused);
              EXPECT_TRUE(heard.starts_with("HTTP/1.1 503 ")) << heard;
              EXPECT_NE(heard.find("Retry-After: "), std::string::npos);
              EXPECT_EQ(served.server->figures().memory.refused, 1u);
              EXPECT_EQ(served.server->figures().turned_away, 1u);
              EXPECT_GT(giver->asked, 0u);
              held->over.set();
              auto hearing = hear_reply(holder);
              EXPECT_EQ((co_await std::move(hearing)).body, "held") << "it moved nothing, but not "
                                                                       "for want of its client";
              auto ending = comes_true(served.server, [](const http::ServerFigures& figures) {
                return figures.memory.counted < kMiB;
              });
              EXPECT_TRUE(co_await std::move(ending));
              auto admitted = ask_once(served.at, get("/small", "Connection: close\r\n"));
              const std::string served_again = co_await std::move(admitted);
              EXPECT_TRUE(served_again.ends_with("small")) << served_again;
            },
            in, owner);
      },
      &what, &cache);
}

// Asked to give back, it does so until what is counted is as little above the mark below which
// nobody is let go as a test wants; and all of it when it is asked again.
struct Brim {
  http::Server* server = nullptr;
  std::uint64_t above = 0;
  std::uint64_t bytes = 0;
  std::uint64_t seen = 0;  // of the server's own, when all was counted
  bool asked = false;
  std::uint64_t own() const noexcept {
    return server != nullptr ? server->figures().memory.held : 0;
  }
  static std::uint64_t held(void* context) noexcept {
    Brim& self = *static_cast<Brim*>(context);
    self.seen = self.own();
    return self.bytes;
  }
  static void give(void* context) noexcept {
    Brim& self = *static_cast<Brim*>(context);
    const std::uint64_t now = self.server->figures().memory.counted - (self.seen - self.own());
    self.bytes = self.asked ? 0 : self.bytes + kLimit / 4 * 3 + self.above - now;
    self.asked = true;
  }
  static constexpr std::uint64_t kLimit = 4 * kMiB;
};

http::ServerOptions with_brim(Brim& brim) {
  http::ServerOptions options = with_memory(0);
  options.beside = &Brim::held;
  options.give_back = &Brim::give;
  options.hook_context = &brim;
  return options;
}

// Memory is scarce until so many that rest were closed.
Task<> press(Served served, Brim* brim, std::uint64_t closed) {
  brim->bytes = Brim::kLimit;
  http::Limits limits = with_memory(Brim::kLimit).limits;
  served.server->set_limits(limits);
  auto closing = comes_true(served.server, [closed](const http::ServerFigures& figures) {
    return figures.memory.closed >= closed;
  });
  EXPECT_TRUE(co_await std::move(closing));
  brim->bytes = 0;
  limits.memory = 0;
  served.server->set_limits(limits);
}

Task<> join(Address at, std::deque<Peer>* peers) {
  auto dialing = dial(at);
  peers->emplace_back(co_await std::move(dialing));
  auto asking = ask(peers->back(), get("/small"));
  EXPECT_EQ((co_await std::move(asking)).body, "small");
}

std::size_t frames() { return Loop::current()->ledger().frames; }

TEST_P(HttpServerMemoryTest, ClosesThoseThatRestLongestFirst) {
  Brim brim{.above = 100};  // bytes, which two who hibernate hold
  run(
      [](Brim* beside) -> Task<> {
        return while_serving(
            Handler(&small_or_large), with_brim(*beside),
            [](Served served, Brim* full) -> Task<> {
              full->server = served.server;
              const std::size_t nobody = frames();
              std::deque<Peer> peers;
              for (int i = 0; i != 6; ++i) {
                auto joining = join(served.at, &peers);
                co_await std::move(joining);
                static_cast<void>(co_await sleep_for(20ms));
              }
              while (frames() != nobody) {
                co_await sleep_for(1ms);
              }
              co_await sleep_for(50ms);
              auto pressing = press(served, full, 2);
              co_await std::move(pressing);
              for (std::size_t i = 0; i != 2; ++i) {
                auto over = hear_all(peers[i].stream);
                EXPECT_EQ(co_await std::move(over), "");
              }
              for (std::size_t i = 2; i != peers.size(); ++i) {
                auto asking = ask(peers[i], get("/small"));
                EXPECT_EQ((co_await std::move(asking)).body, "small") << i << " rested less";
              }
              const http::ServerFigures figures = served.server->figures();
              EXPECT_EQ(figures.memory.closed, 2u);
              EXPECT_EQ(figures.memory.reset, 0u);
            },
            beside);
      },
      &brim);
}

// A reader that takes nothing is left alone, as long as those who hibernate are enough.
TEST_P(HttpServerMemoryTest, ClosesThoseThatHibernateAndNoOther) {
  Brim brim{.above = 3 * sizeof(Descriptor)};
  run(
      [](Brim* beside) -> Task<> {
        http::ServerOptions options = with_brim(*beside);
        return while_serving(
            Handler(&small_or_large), options,
            [](Served served, Brim* full) -> Task<> {
              full->server = served.server;
              const std::size_t nobody = frames();
              std::deque<Peer> peers;
              for (int i = 0; i != 3; ++i) {
                auto joining = join(served.at, &peers);
                co_await std::move(joining);
              }
              while (frames() != nobody) {
                co_await sleep_for(1ms);
              }
              co_await sleep_for(50ms);
              std::deque<TcpStream> stuck;
              auto crowding = crowd_in(served.at, 1, &stuck);
              co_await std::move(crowding);
              auto waiting = comes_true(served.server, [](const http::ServerFigures& figures) {
                return figures.active == 1;
              });
              EXPECT_TRUE(co_await std::move(waiting));
              auto pressing = press(served, full, 3);
              co_await std::move(pressing);
              for (Peer& peer : peers) {
                auto over = hear_all(peer.stream);
                EXPECT_EQ(co_await std::move(over), "");
              }
              const http::ServerFigures figures = served.server->figures();
              EXPECT_EQ(figures.memory.reset, 0u);
              EXPECT_EQ(figures.connections, 1u);
              EXPECT_EQ(figures.timed_out, 0u);
              stuck.front().reset();
            },
            beside);
      },
      &brim);
}

// Every way out is counted once, from either state: by the client, at the idle limit, by the
// server.
TEST_P(HttpServerMemoryTest, CountsWhoIsThereAsleepOrAwakeWithOtherServersTogether) {
  http::ConnectionCount together;
  run(
      [](http::ConnectionCount* all) -> Task<> {
        http::ServerOptions options;
        options.limits.connections = 3;
        options.limits.idle_time = 400ms;
        options.together = all;
        return while_serving(
            Handler(&small_or_large), options,
            [](Served served, http::ConnectionCount* count) -> Task<> {
              EXPECT_TRUE(count->enter(3));  // another server's
              std::deque<Peer> peers;
              auto dialing = dial(served.at);
              peers.emplace_back(co_await std::move(dialing));
              auto joining = join(served.at, &peers);
              co_await std::move(joining);
              auto waiting = comes_true(served.server, [](const http::ServerFigures& figures) {
                return figures.connections == 2;
              });
              EXPECT_TRUE(co_await std::move(waiting));
              EXPECT_EQ(count->now(), 3u);
              auto refused = ask_once(served.at, get("/small"));
              EXPECT_TRUE((co_await std::move(refused)).starts_with("HTTP/1.1 503 "));
              auto closing = comes_true(served.server, [](const http::ServerFigures& figures) {
                return figures.timed_out == 2;
              });
              EXPECT_TRUE(co_await std::move(closing));
              EXPECT_EQ(count->now(), 1u);
              auto joining_again = join(served.at, &peers);
              co_await std::move(joining_again);
              auto last = ask_once(served.at, get("/small", "Connection: close\r\n"));
              EXPECT_TRUE((co_await std::move(last)).ends_with("small"));
              count->leave();
            },
            all);
      },
      &together);
  EXPECT_EQ(together.now(), 0u);
}

}  // namespace
}  // namespace vigil::test

// `vigil explain` of a connection whose handler has it: waiting, and keeping its loop from turning.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <source_location>
#include <string>
#include <thread>

#include "admin/explain.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/http/server.hpp"
#include "vigil/net/tcp.hpp"
#include "vigil/runtime/run.hpp"
#include "vigil/runtime/stall_watcher.hpp"

namespace {

using namespace vigil;
using namespace vigil::app;
using namespace std::chrono_literals;

struct House {
  std::unique_ptr<StallWatcher> watcher;
  std::unique_ptr<Panel> panel;
  http::Server* server = nullptr;
  Counter dropped;
  std::atomic<std::uint16_t> port{0};
  std::atomic<unsigned> line{0};  // where the handler is
  std::atomic<bool> released{false};
};

Task<> wait_there(http::Exchange& exchange, House& house) {
  while (!house.released) {
    house.line = std::source_location::current().line() + 1;
    static_cast<void>(co_await sleep_for(10ms));
  }
  static_cast<void>(co_await exchange.respond({}, "done"));
}

Task<> keep_the_loop(http::Exchange& exchange, House& house) {
  house.line = std::source_location::current().line() + 1;
  static_cast<void>(co_await sleep_for(1ms));
  while (!house.released) {
    // The processor is the others', too.
    std::this_thread::yield();
  }
  static_cast<void>(co_await exchange.respond({}, "done"));
}

Task<> serve(Scope& scope, House* house, TcpListener* listener) {
  auto serving = house->server->serve(*listener);
  static_cast<void>(scope.spawn(
      [](Scope* all, House* of) -> Task<> {
        while (!of->released) {
          static_cast<void>(co_await sleep_for(5ms));
        }
        static_cast<void>(co_await sleep_for(50ms));
        all->cancel();
      },
      &scope, house));
  static_cast<void>(co_await std::move(serving));
}

using Body = Task<> (*)(http::Exchange&, House&);

Task<> live(House* house, Body body) {
  auto watch = house->watcher->watch("vigil/0");
  EXPECT_TRUE(watch);
  auto listener = TcpListener::listen(Address::loopback(0));
  if (!watch || !listener) {
    co_return;
  }
  http::Server server(http::Handler(body, *house), {});
  house->server = &server;
  house->panel->show(0, {Loop::current(), &server, &house->dropped});
  house->port = listener->local_address()->port();
  auto serving = scoped(&serve, house, &*listener);
  co_await std::move(serving);
  house->panel->hide(0);
}

Task<> ask(const Panel* panel, std::uint16_t port, std::string* into) {
  auto explaining = explain(panel, *peer_name(std::to_string(port)), true);
  const Explained explained = co_await std::move(explaining);
  *into = explained.text;
}

// Asks from a loop of its own until the sentence is there, and lets the handler go.
std::string watch_from_beside(House& house, const std::string& sentence) {
  while (house.port == 0) {
    std::this_thread::yield();
  }
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(house.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  EXPECT_EQ(::getsockname(client, reinterpret_cast<sockaddr*>(&own), &size), 0);
  const std::string request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(::send(client, request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  std::string said;
  for (int i = 0; i != 200 && said.find(sentence) == std::string::npos; ++i) {
    run(LoopOptions{}, &ask, house.panel.get(), ntohs(own.sin_port), &said);
  }
  house.released = true;
  ::close(client);
  return said;
}

std::string explained(Body body, const std::string& sentence, unsigned& line) {
  House house;
  auto watcher = StallWatcher::start(native_host(), {.report = [](const StallReport&) {}});
  EXPECT_TRUE(watcher);
  house.watcher = std::move(*watcher);
  house.panel = std::make_unique<Panel>(house.watcher.get());
  house.panel->resize(1);
  std::string said;
  std::thread beside([&] { said = watch_from_beside(house, sentence); });
  run(LoopOptions{}, &live, &house, body);
  beside.join();
  line = house.line;
  return nlohmann::json::parse(said, nullptr, false).value("sentence", said);
}

TEST(ExplainShard, FindsTheTaskOfAHandlerThatWaitsForSomethingElse) {
  unsigned line = 0;
  const std::string sentence = explained(&wait_there, "it waits for a timer", line);
  EXPECT_EQ(sentence,
            "The handler of GET has the connection: it waits for a timer (explain_shard_test.cpp:" +
                std::to_string(line) + ").");
}

TEST(ExplainShard, NamesTheLoopThatAHandlerKeepsFromTurning) {
  unsigned line = 0;
  const std::string sentence = explained(&keep_the_loop, "is stuck", line);
  EXPECT_TRUE(
      sentence.starts_with("A shard that may have the connection, vigil/0, is stuck in "
                           "explain_shard_test.cpp:" +
                           std::to_string(line) + " for "))
      << sentence;
}

}  // namespace

// Clocks: a monotonic clock that stands where numbers overflow elsewhere (a time namespace), and a
// wall clock that jumps. Hazards 20, 22, 63.
#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"
#include "vigil/http/server.hpp"
#include "vigil/loop/host.hpp"

namespace vigil::test {
namespace {

// Seconds of the monotonic clock at which milliseconds or seconds leave 31 or 32 bits, and a far
// one.
class HostileClock : public testing::TestWithParam<long> {};

INSTANTIATE_TEST_SUITE_P(MonotonicAt, HostileClock,
                         testing::Values(2'147'482L, 4'294'966L, 1'000'000'000L, 4'294'967'295L),
                         [](const auto& at) { return std::to_string(at.param); });

TEST_P(HostileClock, AnywhereTimersFireInTime) {
  VIGIL_NEEDS_PROGRAM("unshare");
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::string offset = std::to_string(std::max(0L, GetParam() - now.tv_sec));
  const std::vector<std::string> elsewhere{find_program("unshare"), "--time", "--monotonic",
                                           offset};
  int status = 0;
  auto probe = elsewhere;
  probe.push_back("/bin/true");
  const std::string said = run_tool(probe, &status);
  if (status != 0) {
    VIGIL_NOT_RUN("no time namespace here: " + said);
  }
  TemporaryDirectory root;
  root.write("a", "content");
  for (const std::string& engine : engine_names()) {
    Program server({"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--log", "off",
                    "--engine", engine, "--head-timeout", "200ms", "--idle-timeout", "400ms"},
                   {.under = elsewhere});
    const std::uint16_t port = server.port();
    Peer slow(port);
    slow.send("GET /a HTTP/1.1\r\nHo");
    EXPECT_EQ(slow.answer(5s).status, 408) << engine;
    slow.close();
    Peer idle(port);
    EXPECT_EQ(idle.get("/a").body, "content") << engine;
    bool ended = false;
    idle.read_to_end(&ended, 5s);
    EXPECT_TRUE(ended) << engine << " keeps who is idle";
    // Limits that are far away, and none that has passed.
    Peer busy(port);
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(busy.get("/a").body, "content") << engine;
    }
    const auto cpu = server.cpu();
    std::this_thread::sleep_for(200ms);  // what is measured
    EXPECT_LT(server.cpu() - cpu, 100ms) << engine << " spins";
    EXPECT_EQ(server.end(), 0) << engine;
  }
}

// The machine, but for a wall clock that is set.
class SetClock final : public Host {
 public:
  Nanos wall_time() noexcept override { return wall; }
  void entropy(std::span<std::byte> fill) noexcept override { native_host().entropy(fill); }
  std::optional<std::string> environment(const char* name) override {
    return native_host().environment(name);
  }
  void log(std::string_view line) noexcept override { native_host().log(line); }
  Result<std::unique_ptr<Crew>> start(Body& body, Role role, unsigned most) noexcept override {
    return native_host().start(body, role, most);
  }
  Nanos wall = std::chrono::seconds(1'700'000'000);
};

Task<> say_hello(http::Exchange& exchange) {
  static_cast<void>(co_await exchange.respond({.content_type = "text/plain"}, "hello"));
}

std::string date_of(const std::string& answer) {
  const std::size_t at = answer.find("Date: ");
  return at == std::string::npos ? answer : answer.substr(at + 6, 29);
}

Task<> hear(std::uint16_t port, std::string* into) {
  auto connecting = TcpStream::connect(Address::loopback(port));
  auto stream = co_await std::move(connecting);
  CO_ASSERT_OK(stream);
  constexpr std::string_view kAsk = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  CO_ASSERT_OK(co_await stream->send(as_bytes(kAsk)));
  for (;;) {
    auto bytes = co_await stream->receive();
    if (!bytes || bytes->empty()) {
      break;
    }
    into->append(reinterpret_cast<const char*>(bytes->bytes().data()), bytes->bytes().size());
  }
}

Task<> follow_the_wall(SetClock* clock) {
  auto listener = TcpListener::listen(Address::loopback(0));
  CO_ASSERT_OK(listener);
  const std::uint16_t port = listener->local_address()->port();
  http::Server server(http::Handler(say_hello), {});
  auto serving = scoped(
      [](Scope& scope, http::Server* server_, TcpListener* from, std::uint16_t at,
         SetClock* wall) -> Task<> {
        auto serve = [](http::Server* s, TcpListener* l) -> Task<> {
          auto all = s->serve(*l);
          static_cast<void>(co_await std::move(all));
        };
        static_cast<void>(scope.spawn(serve, server_, from));
        const struct {
          std::int64_t seconds;
          const char* date;
        } kSteps[] = {{1'700'000'000, "Tue, 14 Nov 2023 22:13:20 GMT"},
                      {1'600'000'000, "Sun, 13 Sep 2020 12:26:40 GMT"},
                      {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
                      {4'102'444'800, "Fri, 01 Jan 2100 00:00:00 GMT"}};
        for (const auto& step : kSteps) {
          wall->wall = std::chrono::seconds(step.seconds);
          const Instant before = Loop::current()->now();
          static_cast<void>(co_await sleep_for(std::chrono::milliseconds(150)));
          EXPECT_LT(Loop::current()->now() - before, std::chrono::seconds(5));
          std::string answer;
          auto asking = hear(at, &answer);
          co_await std::move(asking);
          EXPECT_EQ(date_of(answer), step.date);
        }
        scope.cancel();
      },
      &server, &*listener, port, clock);
  co_await std::move(serving);
}

class HostileWallClock : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HostileWallClock);

// Set back by years, to the beginning, and far ahead: dates follow it, timers do not care.
TEST_P(HostileWallClock, MovesDatesAndNoTimer) {
  SetClock clock;
  LoopOptions options;
  options.host = &clock;
  run_with(options, &follow_the_wall, &clock);
}

}  // namespace
}  // namespace vigil::test

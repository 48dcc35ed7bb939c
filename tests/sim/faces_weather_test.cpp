// The faces in bad weather: nothing is lost, nothing reaches the wrong owner, and the same seed
// gives the same run.
#include "tests/sim/faces_fixture.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/net/serve.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::sim {
namespace {

using namespace std::chrono_literals;

Faults storm(std::initializer_list<Fault> which, std::uint32_t rate) {
  Faults faults = Faults::none();
  for (const Fault fault : which) {
    faults[fault].rate = rate;
    faults[fault].longest = describe(fault).longest;
  }
  return faults;
}

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

struct Count {
  int answered = 0;
  int wrong = 0;
  int cancelled = 0;
  int timed_out = 0;
  ServeFigures served;
};

Task<> serve_for(Address at, Nanos span, Count* count) {
  auto listener = TcpListener::listen(at);
  EXPECT_TRUE(listener) << listener.error().message();
  auto serving = timeout(span, serve(*listener, {.figures = &count->served}, &echo));
  co_await std::move(serving);
}

// Short connections, so that numbers and places are reused at once.
Task<> come_and_go(Address at, int which, int rounds, Count* count) {
  static_cast<void>(co_await sleep_for(1ms));
  for (int i = 0; i < rounds; ++i) {
    auto connected = co_await TcpStream::connect(at);
    if (!connected) {
      continue;
    }
    for (int j = 0; j < 3; ++j) {
      const std::string asked = std::to_string(which) + "/" + std::to_string(i) + "/" +
                                std::to_string(j) +
                                std::string(static_cast<std::size_t>(which) * 700, '.');
      if (!co_await connected->send(as_bytes(asked))) {
        break;
      }
      std::string got;
      while (got.size() < asked.size()) {
        auto receiving = [](TcpStream* from) -> Task<Result<std::string>> {
          auto bytes = co_await from->receive();
          if (!bytes) {
            co_return std::unexpected(bytes.error());
          }
          co_return std::string(as_text(bytes->bytes()));
        }(&*connected);
        // Some of these end while the bytes arrive.
        auto limited = timeout(i % 3 == 0 ? Nanos(1ms) : Nanos(2s), std::move(receiving));
        auto bytes = co_await std::move(limited);
        if (!bytes && bytes.error() == std::errc::timed_out) {
          ++count->timed_out;
          continue;
        }
        if (!bytes || bytes->empty()) {
          break;
        }
        got += *bytes;
      }
      if (got == asked) {
        ++count->answered;
      } else if (asked.compare(0, got.size(), got) != 0) {
        ++count->wrong;
      }
    }
  }
}

class World : public FacesTest {
 public:
  World(const Faults& faults, std::uint64_t with_seed) : FacesTest(faults, with_seed) {}
  void TestBody() override {}
  Count run(Face face) {
    const auto at = Address::parse("127.0.0.1:7000");
    Count count;
    start(face, &serve_for, *at, Nanos(20s), &count);
    for (int i = 0; i < 4; ++i) {
      start(face, &come_and_go, *at, i, 10, &count);
    }
    run_to_end();
    return count;
  }
  std::uint64_t hash() const { return tracer.hash; }
  std::uint64_t struck() const { return weather.struck().size(); }
};

class FacesWeather : public testing::TestWithParam<Face> {
 protected:
  void hold(std::initializer_list<Fault> which, std::uint32_t rate, std::uint64_t least = 100) {
    std::uint64_t struck = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      World world(storm(which, rate), seed);
      const Count count = world.run(GetParam());
      EXPECT_EQ(count.wrong, 0);
      EXPECT_EQ(count.answered, 4 * 10 * 3);
      struck += world.struck();
      if (HasFailure()) {
        return;
      }
    }
    EXPECT_GE(struck, least) << "the weather never struck";
  }
};
INSTANTIATE_ON_EVERY_FACE(FacesWeather);

TEST_P(FacesWeather, ShortCounts) { hold({Fault::short_read, Fault::short_write}, 200'000); }

TEST_P(FacesWeather, SameSeedSameRun) {
  const auto hash_of = [](Face face, std::uint64_t seed) {
    World world(storm({Fault::short_read, Fault::late_event, Fault::late_completion,
                       Fault::interrupted, Fault::lost_cancel, Fault::spurious_event},
                      50'000),
                seed);
    world.run(face);
    return world.hash();
  };
  EXPECT_EQ(hash_of(GetParam(), 7), hash_of(GetParam(), 7));
  EXPECT_NE(hash_of(GetParam(), 7), hash_of(GetParam(), 8));
}

class SelectorWeather : public FacesWeather {};
INSTANTIATE_TEST_SUITE_P(On, SelectorWeather, testing::Values(Face::readiness, Face::level),
                         name_of_face);

TEST_P(SelectorWeather, InterruptedWaits) { hold({Fault::interrupted}, 300'000); }
TEST_P(SelectorWeather, EventsWithoutACause) { hold({Fault::spurious_event}, 300'000); }
TEST_P(SelectorWeather, LateEvents) { hold({Fault::late_event}, 200'000); }
TEST_P(SelectorWeather, AllOfThem) {
  hold({Fault::interrupted, Fault::spurious_event, Fault::late_event}, 100'000);
}

class CompletionWeather : public FacesWeather {};
INSTANTIATE_TEST_SUITE_P(On, CompletionWeather, testing::Values(Face::completion), name_of_face);

TEST_P(CompletionWeather, LateEnds) { hold({Fault::late_completion}, 300'000); }
TEST_P(CompletionWeather, CancelsThatLose) { hold({Fault::lost_cancel}, 1'000'000, 20); }
TEST_P(CompletionWeather, Both) { hold({Fault::late_completion, Fault::lost_cancel}, 300'000); }

}  // namespace
}  // namespace vigil::sim

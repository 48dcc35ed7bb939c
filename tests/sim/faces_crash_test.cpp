// A program dies at each of its suspension points: every frame goes, with its destructors, nothing
// is left, and its peers are told nothing by it.
#include <array>
#include <csignal>

#include "kernel/file_system.hpp"
#include "tests/sim/faces_fixture.hpp"
#include "vigil/coro/channel.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/coro/when.hpp"
#include "vigil/fs/directory.hpp"
#include "vigil/fs/file.hpp"
#include "vigil/fs/watch.hpp"
#include "vigil/net/resolve.hpp"
#include "vigil/net/serve.hpp"
#include "vigil/net/tcp.hpp"
#include "vigil/net/udp.hpp"
#include "vigil/os/pipe.hpp"
#include "vigil/os/signals.hpp"

namespace vigil::sim {
namespace {

using namespace std::chrono_literals;

// Counts who lives, so that a frame whose destructors did not run is seen.
struct Counted {
  explicit Counted(int* count) : live(count) { ++*live; }
  Counted(Counted&& other) noexcept : live(other.live) { ++*live; }
  Counted(const Counted& other) noexcept : live(other.live) { ++*live; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --*live; }
  int* live;
};

struct Life {
  int live = 0;
  bool ended = false;
};

Task<> hold_locks(Mutex* mutex, Semaphore* permits, Counted) {
  for (int i = 0; i < 4; ++i) {
    auto guard = co_await mutex->lock();
    if (!guard) {
      co_return;
    }
    auto permit = co_await permits->acquire(2);
    if (!permit) {
      co_return;
    }
    if (!co_await sleep_for(3ms)) {
      co_return;
    }
  }
}

Task<> produce(Channel<std::string>* out, Counted) {
  for (int i = 0; i < 12; ++i) {
    std::string value(static_cast<std::size_t>(100 + i), 'x');
    if (!co_await out->send(std::move(value))) {
      break;
    }
  }
  out->close();
}

Task<> consume(Channel<std::string>* in, Counted) {
  while (auto value = co_await in->receive()) {
    if (!co_await sleep_for(1ms)) {
      break;
    }
  }
}

Task<int> nap(Nanos span, Counted) {
  static_cast<void>(co_await sleep_for(span));
  co_return 1;
}

Task<Result<int>> slow(Nanos span, Counted) {
  auto slept = co_await sleep_for(span);
  if (!slept) {
    co_return std::unexpected(slept.error());
  }
  co_return 2;
}

// Tasks that wait for each other, in scopes inside scopes.
Task<> wait_for_each_other(Life* life) {
  const Counted here(&life->live);
  Mutex mutex;
  Semaphore permits(3);
  Channel<std::string> values(2);
  ManualResetEvent over;
  auto together = scoped(
      [](Scope& scope, Mutex* one, Semaphore* some, Channel<std::string>* through,
         Counted counted) -> Task<> {
        for (int i = 0; i < 3; ++i) {
          EXPECT_TRUE(scope.spawn(&hold_locks, one, some, counted));
        }
        EXPECT_TRUE(scope.spawn(&produce, through, counted));
        EXPECT_TRUE(scope.spawn(&consume, through, counted));
        auto first = any(nap(2ms, counted), nap(40ms, counted));
        co_await std::move(first);
        auto both = all(nap(1ms, counted), nap(4ms, counted));
        co_await std::move(both);
        auto limited = timeout(2ms, slow(1s, counted));
        auto result = co_await std::move(limited);
        EXPECT_FALSE(result);
        auto kept = shielded(5ms, slow(1ms, counted));
        co_await std::move(kept);
      },
      &mutex, &permits, &values, here);
  co_await std::move(together);
  over.set();
  co_await over.wait();
}

// What the machine gives: lanes, files, names, signals, pipes, datagrams.
Task<> use_machine(Life* life) {
  const Counted here(&life->live);
  auto file = co_await fs::File::open("/data", {.read = true, .write = true, .create = true});
  EXPECT_TRUE(file) << file.error().message();
  if (file) {
    const std::string text = "some content";
    EXPECT_TRUE(co_await file->write_at(as_bytes(text), 0));
    std::array<std::byte, 64> room;
    auto got = co_await file->read_at(room, 0);
    EXPECT_EQ(got.value_or(0), text.size());
  }
  auto computing = offload([](int a) { return a * 2; }, 21);
  auto computed = co_await std::move(computing);
  EXPECT_EQ(computed.value_or(0), 42);
  auto asking = resolve("machine", 1);
  auto found = co_await std::move(asking);
  EXPECT_TRUE(found);
  auto impatient = timeout(100us, resolve("machine", 2));
  co_await std::move(impatient);
  auto watch = fs::Watch::open();
  EXPECT_TRUE(watch);
  auto directory = co_await fs::Directory::open("/tmp");
  EXPECT_TRUE(directory);
  if (watch && directory) {
    EXPECT_TRUE(watch->add("/tmp", kEntryAdded));
    auto change = timeout(5ms, watch->next());
    co_await std::move(change);
  }
}

Task<> serve_one(TcpStream peer, Life* life) {
  const Counted here(&life->live);
  Lease kept;  // held while it waits
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) {
      break;
    }
    kept = std::move(*bytes);
    if (!co_await peer.send(kept.bytes())) {
      break;
    }
  }
}

Task<> everything(Life* life, Address at) {
  const Counted here(&life->live);
  auto listener = TcpListener::listen(at);
  EXPECT_TRUE(listener) << listener.error().message();
  auto whole = scoped(
      [](Scope& scope, TcpListener* from, Life* of) -> Task<> {
        EXPECT_TRUE(scope.spawn(&wait_for_each_other, of));
        EXPECT_TRUE(scope.spawn(&use_machine, of));
        auto accepting = timeout(50ms, serve(
                                           *from, {},
                                           [](TcpStream peer, Life* each) -> Task<> {
                                             auto serving = serve_one(std::move(peer), each);
                                             co_await std::move(serving);
                                           },
                                           of));
        co_await std::move(accepting);
      },
      &*listener, life);
  co_await std::move(whole);
  life->ended = true;
}

struct Ends {
  int live = 0;
  int answered = 0;
};

// A peer in a process of its own: it goes on when the other dies.
Task<> talk(Address at, Ends* ends) {
  const Counted here(&ends->live);
  static_cast<void>(co_await sleep_for(1ms));
  auto connecting = timeout(20ms, TcpStream::connect(at));
  auto connected = co_await std::move(connecting);
  if (!connected) {
    co_return;
  }
  for (int i = 0; i < 10; ++i) {
    const std::string asked = "request " + std::to_string(i);
    if (!co_await connected->send(as_bytes(asked))) {
      break;
    }
    auto bytes = co_await connected->receive();
    if (!bytes || bytes->empty()) {
      break;
    }
    EXPECT_EQ(as_text(bytes->bytes()), asked);
    ++ends->answered;
    static_cast<void>(co_await sleep_for(2ms));
  }
}

class FacesCrash : public testing::TestWithParam<Face> {};
INSTANTIATE_ON_EVERY_FACE(FacesCrash);

// One run, in which the first program dies after `steps`; false: it had ended by then.
class Dying : public FacesTest {
 public:
  void TestBody() override {}
  bool die_after(Face face, std::uint64_t steps, bool with_machine) {
    const auto at = Address::parse("127.0.0.1:7000");
    Life life;
    Ends ends;
    Program& program = start(face, &everything, &life, *at);
    Program& peer = start(face, &talk, *at, &ends);
    bool moves = true;
    for (std::uint64_t i = 0; i != steps && moves && !life.ended; ++i) {
      moves = step();
    }
    const bool ended = life.ended;
    EXPECT_TRUE(ended || life.live > 0);
    if (!ended) {
      kill(program);
      EXPECT_EQ(life.live, 0) << "a frame was not destroyed, or twice";
      if (with_machine) {
        kill(peer);
        EXPECT_EQ(ends.live, 0);
        kernel.crash();
      } else {
        kernel.end_process(*program.process, SIGKILL);
        run_to_end();
        EXPECT_EQ(ends.live, 0);
      }
    } else {
      run_to_end();
    }
    return !ended;
  }
};

TEST_P(FacesCrash, AtEachStepNothingIsLeft) {
  std::uint64_t steps = 0;
  for (bool going = true; going; ++steps) {
    SCOPED_TRACE("after " + std::to_string(steps) + " steps");
    Dying run;
    going = run.die_after(GetParam(), steps, false);
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_GT(steps, 100u);
}

TEST_P(FacesCrash, OfTheWholeMachineLikewise) {
  for (std::uint64_t steps = 1; steps < 400; steps += 7) {
    SCOPED_TRACE("after " + std::to_string(steps) + " steps");
    Dying run;
    if (!run.die_after(GetParam(), steps, true) || HasFailure()) {
      return;
    }
  }
}

// One whose task has had its share of a turn, and goes on in the next: the bytes wait in a buffer.
class Deferred : public FacesTest {};
INSTANTIATE_ON_EVERY_FACE(Deferred);

TEST_P(Deferred, BuffersComeBack) {
  constexpr std::size_t kMuch = 600'000;
  kernel.limits().receive_buffer = kernel.limits().send_buffer = 2 * kMuch;
  const auto at = Address::parse("127.0.0.1:7000");
  std::size_t received = 0;
  Program& program = start(
      GetParam(),
      [](Address address, std::size_t* count) -> Task<> {
        auto listener = TcpListener::listen(address);
        auto stream = co_await listener->accept();
        static_cast<void>(co_await sleep_for(100ms));
        while (auto bytes = co_await stream->receive()) {
          *count += bytes->bytes().size();
        }
      },
      *at, &received);
  start(
      GetParam(),
      [](Address address) -> Task<> {
        auto connected = co_await TcpStream::connect(address);
        const std::string much(kMuch, 'm');
        static_cast<void>(co_await connected->send(as_bytes(much)));
        static_cast<void>(co_await sleep_for(1h));
      },
      *at);
  // With edges the first turn stops after its share, an operation short of the next one's buffer.
  while (received == 0 && step()) {
  }
  EXPECT_LT(received, kMuch);
  kill(program);
}

// What a destructor would say on its way is not heard.
class Farewell : public FacesTest {};
INSTANTIATE_ON_EVERY_FACE(Farewell);

TEST_P(Farewell, IsNotSaid) {
  const auto at = Address::parse("127.0.0.1:7000");
  struct Peer {
    std::string got;
    bool over = false;
  } peer;
  start(
      GetParam(),
      [](Address address, Peer* told) -> Task<> {
        auto listener = TcpListener::listen(address);
        auto stream = co_await listener->accept();
        while (auto bytes = co_await stream->receive()) {
          if (bytes->empty()) {
            break;
          }
          told->got += as_text(bytes->bytes());
        }
        told->over = true;
      },
      *at, &peer);
  struct Polite {
    explicit Polite(TcpStream of) : stream(std::move(of)) {}
    Polite(Polite&&) = default;
    ~Polite() {
      if (stream.is_open()) {
        static_cast<void>(Loop::current()->syscalls().send(
            stream.descriptor()->handle, reinterpret_cast<const std::byte*>("bye"), 3));
        static_cast<void>(stream.shutdown(Direction::write));
      }
    }
    TcpStream stream;
  };
  Program& rude = start(
      GetParam(),
      [](Address address) -> Task<> {
        auto connected = co_await TcpStream::connect(address);
        Polite polite(std::move(*connected));
        const std::string hello = "hello";
        EXPECT_TRUE(co_await polite.stream.send(as_bytes(hello)));
        static_cast<void>(co_await sleep_for(1h));
      },
      *at);
  while (peer.got.empty() && step()) {
  }
  kill(rude);
  for (int i = 0; i < 50 && clock.now() < Clock::kBegin + 30min && step(); ++i) {
  }
  EXPECT_EQ(peer.got, "hello");
  EXPECT_FALSE(peer.over) << "only the kernel could have told it, and it did not die";
  kernel.end_process(*rude.process, SIGKILL);
  run_to_end();
  EXPECT_TRUE(peer.over);
}

}  // namespace
}  // namespace vigil::sim

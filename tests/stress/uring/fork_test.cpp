// A forked child and its parent's ring (semantics L1.6): each use there is an error that says to
// make a new loop, none reaches the ring, and a new loop works. Hazard 36.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/stress/uring/ring_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/base/errc.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/fs/file.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class Forked : public RingTest {};
INSTANTIATE_ON_RINGS(Forked);

constexpr int kRight = 7;

// What a child's exit status was; 0 in the child.
int fork_and_wait() {
  const pid_t child = ::fork();
  if (child == 0) {
    return 0;
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_P(Forked, ChildThatTurnsIsToldToMakeALoopOfItsOwn) {
  auto loop = Loop::create({.engine = GetParam()});
  ASSERT_TRUE(loop);
  if (const int status = fork_and_wait(); status != 0) {
    EXPECT_EQ(status, kRight);
    EXPECT_TRUE((*loop)->turn(Instant{})) << "the parent goes on";
    return;
  }
  for (const Instant until : {Instant{}, Instant{}, kNever}) {
    const auto turned = (*loop)->turn(until);
    if (turned || turned.error() != Errc::forked ||
        turned.error() != std::errc::operation_not_permitted ||
        turned.error().message().find("make a new Loop in the child") == std::string::npos) {
      ::_exit(1);
    }
  }
  ::_exit(kRight);
}

// A loop around turn() that does not listen would spin.
TEST_P(Forked, ChildThatGoesOnWaitingIsStopped) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string engine = GetParam();
  EXPECT_EXIT(
      {
        auto loop = Loop::create({.engine = engine});
        const pid_t child = ::fork();
        while (child == 0) {
          static_cast<void>((*loop)->turn());
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        ::_exit(WIFSIGNALED(status) ? kRight : 1);
      },
      testing::ExitedWithCode(kRight), "make a new Loop in the child");
}

// 0, or the number of the operation that did not say so.
Task<int> try_everything(Ends* ends, TcpListener* listener, fs::File* file) {
  const std::error_code forked = Errc::forked;
  if ((co_await ends->stream.send(as_bytes("from the child"))).error() != forked) {
    co_return 1;
  }
  if ((co_await ends->stream.send_zero_copy(as_bytes("from the child"))).error() != forked) {
    co_return 2;
  }
  std::array<std::byte, 8> room;
  if ((co_await ends->stream.read(room)).error() != forked) {
    co_return 3;
  }
  if (!ends->stream.receive_now().empty()) {
    co_return 4;
  }
  if ((co_await listener->accept()).error() != forked) {
    co_return 5;
  }
  auto connecting = TcpStream::connect(*listener->local_address());
  if ((co_await std::move(connecting)).error() != forked) {
    co_return 6;
  }
  if ((co_await file->read_at(room, 0)).error() != forked) {
    co_return 7;
  }
  co_return 0;
}

// In the middle of a task, where no turn comes first; the ring's queue holds some of the parent's.
TEST_P(Forked, OperationsInTheChildAreErrorsAndNeverReachTheRing) {
  const TemporaryDirectory directory;
  directory.write("file", "content");
  run(
      [](std::string path) -> Task<> {
        auto making = make_ends();
        Ends ends = co_await std::move(making);
        auto listener = TcpListener::listen(Address::loopback(0));
        CO_ASSERT_OK(listener);
        auto opening = fs::File::open(path);
        auto file = co_await std::move(opening);
        CO_ASSERT_OK(file);
        CO_ASSERT_TRUE(ends.peer.write("for the parent"));
        const int status = fork_and_wait();
        if (status == 0) {
          auto trying = try_everything(&ends, &*listener, &*file);
          const int wrong = co_await std::move(trying);
          ::_exit(wrong == 0 ? kRight : 20 + wrong);
        }
        EXPECT_EQ(status, kRight);
        auto bytes = co_await ends.stream.receive();
        CO_ASSERT_OK(bytes);
        EXPECT_EQ(as_text(bytes->bytes()), "for the parent");
        CO_ASSERT_OK(co_await ends.stream.send(as_bytes("from the parent")));
        EXPECT_EQ(ends.peer.read(), "from the parent");
        auto closing = file->close();
        CO_ASSERT_OK(co_await std::move(closing));
      },
      directory / "file");
}

Task<> wait_for_bytes(Ends* ends, std::string* got) {
  co_await arm(ends);
  auto bytes = co_await ends->stream.receive();
  if (bytes) {
    got->assign(as_text(bytes->bytes()));
  }
}

Task<> converse(bool* right) {
  auto making = make_ends();
  Ends ends = co_await std::move(making);
  CO_ASSERT_TRUE(ends.peer.write("asked"));
  auto bytes = co_await ends.stream.receive();
  CO_ASSERT_OK(bytes);
  CO_ASSERT_OK(co_await ends.stream.send(bytes->bytes()));
  *right = ends.peer.read() == "asked";
}

// What waits in the copy of the parent's loop is cancelled; then the child has a loop of its own.
int go_on_in_the_child(std::unique_ptr<Loop>& loop, Scope& root, const std::string& engine) {
  root.cancel();
  for (int i = 0; i < 10 && root.live() != 0; ++i) {
    static_cast<void>(loop->turn(Instant{}));
  }
  if (root.live() != 0) {
    return 1;
  }
  loop.reset();
  auto own = Loop::create({.engine = engine});
  if (!own) {
    return 2;
  }
  bool right = false;
  run_to_end(**own, &converse, &right);
  return right && !testing::Test::HasFailure() ? kRight : 3;
}

TEST_P(Forked, ChildMakesALoopOfItsOwnAndTheParentHearsNothingOfIt) {
  auto loop = Loop::create({.engine = GetParam()});
  ASSERT_TRUE(loop);
  {
    std::unique_ptr<Ends> ends;
    std::string got;
    Scope root(nullptr);
    ASSERT_TRUE(root.spawn(
        [](std::unique_ptr<Ends>* into, std::string* text) -> Task<> {
          auto making = make_ends();
          Ends made = co_await std::move(making);
          *into = std::make_unique<Ends>(std::move(made));
          co_await wait_for_bytes(into->get(), text);
          into->reset();
        },
        &ends, &got));
    while (!ends || ends->stream.descriptor()->reader == nullptr) {
      static_cast<void>((*loop)->turn());
    }
    for (int i = 0; i < 5; ++i) {
      static_cast<void>((*loop)->turn(Instant{}));
    }
    const int peer = ends->peer.get();
    const int status = fork_and_wait();
    if (status == 0) {
      ::_exit(go_on_in_the_child(*loop, root, GetParam()));
    }
    EXPECT_EQ(status, kRight);
    ASSERT_EQ(::send(peer, "for the parent", 14, MSG_NOSIGNAL), 14);
    while (root.live() != 0) {
      static_cast<void>((*loop)->turn());
    }
    EXPECT_EQ(got, "for the parent") << "the child's close reached the parent's connection";
  }
  expect_clean(**loop);
}

}  // namespace
}  // namespace vigil::test

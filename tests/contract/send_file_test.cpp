// send_file: the whole of a file arrives, and a large one does not keep the loop for itself.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/streams.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil::test {
namespace {

constexpr std::size_t kSize = std::size_t{48} << 20;

// Reads to the end on a thread of its own, as fast as it can: never a reason to wait for it.
std::string read_all(int handle) {
  std::string got;
  std::vector<char> room(1 << 20);
  for (ssize_t n = 0; (n = ::recv(handle, room.data(), room.size(), 0)) > 0;) {
    got.append(room.data(), static_cast<std::size_t>(n));
  }
  ::close(handle);
  return got;
}

std::string content() {
  std::string text(kSize, '\0');
  std::uint32_t state = 7;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

Task<> count_turns(const bool* over, std::uint64_t* turns) {
  while (!*over) {
    co_await yield();
    ++*turns;
  }
}

Task<> send_it(TcpStream* to, int file, bool* over) {
  EXPECT_TRUE(co_await to->send_file(file, 0, kSize));
  to->close();
  *over = true;
}

class SendFileTest : public EngineTest {};

// L1.3, hazard 18: sent by shares, so that another task has a turn at least every 2 MiB.
TEST_P(SendFileTest, OfALargeFileToAFastReaderLetsOthersHaveTheirTurn) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/large";
  const std::string sent = content();
  std::ofstream(path, std::ios::binary) << sent;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  std::string got;
  std::thread reader([&] { got = read_all(pair[1]); });
  std::uint64_t turns = 0;
  run(
      [](int socket, int from, std::uint64_t* counted) -> Task<> {
        auto stream = TcpStream::adopt(::dup(socket));
        CO_ASSERT_OK(stream);
        auto both = scoped(
            [](Scope& scope, TcpStream* to, int source, std::uint64_t* count) -> Task<> {
              bool over = false;
              static_cast<void>(scope.spawn(count_turns, &over, count));
              co_await send_it(to, source, &over);
              co_await yield();
              co_await yield();
            },
            &*stream, from, counted);
        co_await std::move(both);
      },
      pair[0], file, &turns);
  ::close(pair[0]);
  reader.join();
  ::close(file);
  EXPECT_EQ(got.size(), sent.size());
  EXPECT_TRUE(got == sent);
  EXPECT_GE(turns, kSize / (std::size_t{2} << 20) - 1);
}

// Hazard 33: sendfile(2) has no MSG_NOSIGNAL, and the disposition here is the default.
TEST_P(SendFileTest, ToWhoHasLeftIsAnErrorAndNoSignal) {
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  const TemporaryDirectory directory;
  directory.write("small", "content");
  const std::string path = directory / "small";
  const Handle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_GE(file.get(), 0);
  run(
      [](int from) -> Task<> {
        int pair[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ::close(pair[1]);
        auto stream = TcpStream::adopt(pair[0]);
        CO_ASSERT_OK(stream);
        for (int i = 0; i < 2; ++i) {
          auto sending = stream->send_file(from, 0, 7);
          EXPECT_EQ((co_await std::move(sending)).error(), std::errc::broken_pipe);
        }
        sigset_t pending;
        sigset_t blocked;
        ::sigpending(&pending);
        ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
        EXPECT_EQ(::sigismember(&blocked, SIGPIPE), 0);
      },
      file.get());
}

INSTANTIATE_ON_EVERY_ENGINE(SendFileTest);

}  // namespace
}  // namespace vigil::test

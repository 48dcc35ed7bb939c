// Standard streams, whatever they are: each test puts something in the place of handles 0 and 1.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/not_run.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/os/pipe.hpp"

namespace vigil {
namespace {

using test::TemporaryDirectory;
using namespace std::chrono_literals;

// Puts an open handle in the place of a standard one until the end of the test.
class Redirected {
 public:
  Redirected(int standard, int handle) : standard_(standard) {
    std::fflush(stdout);
    kept_ = ::fcntl(standard, F_DUPFD_CLOEXEC, 100);
    EXPECT_GE(kept_, 0);
    EXPECT_EQ(::dup2(handle, standard), standard);
  }
  ~Redirected() {
    ::dup2(kept_, standard_);
    ::close(kept_);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  int standard_;
  int kept_;
};

class StdioStreams : public test::EngineTest {
 protected:
  // Copies standard input to standard output until it ends.
  void copy() {
    run([]() -> Task<> {
      auto input = os::standard_input();
      CO_ASSERT_OK(input);
      auto output = os::standard_output();
      CO_ASSERT_OK(output);
      for (;;) {
        auto bytes = co_await input->receive();
        CO_ASSERT_OK(bytes);
        if (bytes->empty()) {
          break;
        }
        CO_ASSERT_OK(co_await output->send(bytes->bytes()));
      }
    });
  }
  TemporaryDirectory here_;
};
INSTANTIATE_ON_EVERY_ENGINE(StdioStreams);

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + (i * 7 + i / 97) % 26);
  }
  return text;
}

TEST_P(StdioStreams, RegularFilesGoThroughTheLaneAndKeepTheirPlace) {
  const std::string content = pattern(50'000);
  here_.write("in", content);
  const int in = ::open((here_ / "in").c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open((here_ / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::lseek(in, 10, SEEK_SET), 10);
  {
    const Redirected input(0, in);
    const Redirected output(1, out);
    copy();
    EXPECT_EQ(::lseek(out, 0, SEEK_CUR), 49'990) << "the place is shared with other processes";
  }
  ::close(in);
  ::close(out);
  EXPECT_EQ(here_.read("out"), content.substr(10));
}

// Hazard: O_NONBLOCK set on what a shell shares with its next program.
TEST_P(StdioStreams, PipesKeepTheirFlags) {
  int in[2];
  int out[2];
  ASSERT_EQ(::pipe2(in, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
  const std::string content = pattern(30'000);
  ASSERT_EQ(::write(in[1], content.data(), content.size()), 30'000);
  ::close(in[1]);
  {
    const Redirected input(0, in[0]);
    const Redirected output(1, out[1]);
    copy();
  }
  EXPECT_EQ(::fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(out[1], F_GETFL) & O_NONBLOCK, 0);
  ::close(out[1]);
  std::string got(40'000, '\0');
  const ssize_t size = ::read(out[0], got.data(), got.size());
  ASSERT_GT(size, 0);
  EXPECT_EQ(got.substr(0, static_cast<std::size_t>(size)), content);
  ::close(in[0]);
  ::close(out[0]);
}

TEST_P(StdioStreams, ASocketIsAStream) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  ASSERT_EQ(::write(pair[1], "over", 4), 4);
  ::shutdown(pair[1], SHUT_WR);
  {
    const Redirected input(0, pair[0]);
    const Redirected output(1, pair[0]);
    copy();
  }
  EXPECT_EQ(::fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0);
  char got[8] = {};
  EXPECT_EQ(::read(pair[1], got, sizeof got), 4);
  EXPECT_STREQ(got, "over");
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST_P(StdioStreams, TheNullDeviceEndsAtOnceAndTakesAll) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  {
    const Redirected input(0, null);
    const Redirected output(1, null);
    copy();
    run([]() -> Task<> {
      auto output_stream = os::standard_output();
      CO_ASSERT_OK(output_stream);
      CO_ASSERT_OK(co_await output_stream->send(as_bytes("gone")));
    });
  }
  ::close(null);
}

TEST_P(StdioStreams, ATerminalKeepsItsFlagsAndCanBeCancelled) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) {
    VIGIL_NOT_RUN("there are no terminals (/dev/ptmx, a devpts file system)");
  }
  ASSERT_EQ(::grantpt(terminal), 0);
  ASSERT_EQ(::unlockpt(terminal), 0);
  const int user = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(user, 0);
  {
    const Redirected input(0, user);
    run(
        [](int keyboard) -> Task<> {
          auto stream = os::standard_input();
          CO_ASSERT_OK(stream);
          const auto receive = [](os::PipeStream* from) -> Task<Result<>> {
            auto lease = co_await from->receive();
            if (!lease) {
              co_return std::unexpected(lease.error());
            }
            EXPECT_EQ(as_text(lease->bytes()), "typed\n");
            co_return Result<>{};
          };
          auto waiting = receive(&*stream);
          auto limited = timeout(5ms, std::move(waiting));
          auto nothing = co_await std::move(limited);
          EXPECT_EQ(nothing.error(), std::errc::timed_out);
          CO_ASSERT_TRUE(::write(keyboard, "typed\n", 6) == 6);
          auto reading = receive(&*stream);
          auto read = co_await std::move(reading);
          CO_ASSERT_OK(read);
        },
        terminal);
  }
  EXPECT_EQ(::fcntl(user, F_GETFL) & O_NONBLOCK, 0);
  ::close(user);
  ::close(terminal);
}

TEST_P(StdioStreams, AClosedOneIsAnError) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  {
    const Redirected input(0, null);
    run([]() -> Task<> {
      ::close(0);
      auto stream = os::standard_input();
      EXPECT_EQ(stream.error(), std::errc::bad_file_descriptor);
      EXPECT_EQ(::open("/dev/null", O_RDWR | O_CLOEXEC), 0);
      co_return;
    });
  }
  ::close(null);
}

}  // namespace
}  // namespace vigil

// Pipes as streams: bytes in order, the end once, and no signal when nobody reads.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "vigil/os/pipe.hpp"

namespace vigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSize = 1'000'003;

class PipeStreams : public test::EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(PipeStreams);

std::byte expected_at(std::size_t at) {
  return static_cast<std::byte>((at * 31 + at / 251) & 0xff);
}

Task<> write_pattern(os::PipeStream writer, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = expected_at(i);
  }
  const ByteView all(bytes);
  CO_ASSERT_OK(co_await writer.send(all.first(size / 2)));
  std::array<ByteView, 3> parts{all.subspan(size / 2, 1), ByteView(), all.subspan(size / 2 + 1)};
  CO_ASSERT_OK(co_await writer.send(parts));
}

// A megabyte through 64 KiB: the writer waits for the reader again and again.
TEST_P(PipeStreams, BytesArriveInOrderThroughAFullPipe) {
  run([]() -> Task<> {
    auto pipe = os::Pipe::open();
    CO_ASSERT_OK(pipe);
    auto both = scoped(
        [](Scope& scope, os::PipeStream reader, os::PipeStream writer) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&write_pattern, std::move(writer), kSize));
          std::size_t at = 0;
          std::array<std::byte, 1000> room;
          for (bool ended = false; !ended;) {
            if (at % 3 == 0) {
              auto got = co_await reader.read(room);
              CO_ASSERT_OK(got);
              ended = *got == 0;
              for (std::size_t i = 0; i < *got; ++i) {
                CO_ASSERT_TRUE(room[i] == expected_at(at + i));
              }
              at += *got;
            } else {
              auto lease = co_await reader.receive();
              CO_ASSERT_OK(lease);
              ended = lease->empty();
              for (const std::byte byte : lease->bytes()) {
                CO_ASSERT_TRUE(byte == expected_at(at));
                ++at;
              }
            }
          }
          EXPECT_EQ(at, kSize);
        },
        std::move(pipe->reader), std::move(pipe->writer));
    co_await std::move(both);
  });
}

// Hazard: a hang-up without readable (wingo/fibers#38) read as nothing, or again and again.
TEST_P(PipeStreams, TheEndComesOnceAfterAllBytes) {
  run([]() -> Task<> {
    auto pipe = os::Pipe::open();
    CO_ASSERT_OK(pipe);
    auto both = scoped(
        [](Scope& scope, os::PipeStream* reader, os::PipeStream writer) -> Task<> {
          const auto leave = [](os::PipeStream last) -> Task<> {
            CO_ASSERT_OK(co_await last.send(as_bytes("bye")));
          };
          const auto turns = Loop::current()->turns();
          CO_ASSERT_OK(scope.spawn(leave, std::move(writer)));
          auto bytes = co_await reader->receive();
          CO_ASSERT_OK(bytes);
          EXPECT_EQ(as_text(bytes->bytes()), "bye");
          *bytes = Lease();
          auto end = co_await reader->receive();
          CO_ASSERT_OK(end);
          EXPECT_TRUE(end->empty());
          EXPECT_LT(Loop::current()->turns() - turns, 10u) << "it spins on the hang-up";
        },
        &pipe->reader, std::move(pipe->writer));
    co_await std::move(both);
  });
}

// The writer closes while the reader is parked: only the hang-up comes.
TEST_P(PipeStreams, AParkedReaderSeesTheEnd) {
  run([]() -> Task<> {
    auto pipe = os::Pipe::open();
    CO_ASSERT_OK(pipe);
    auto both = scoped(
        [](Scope& scope, os::PipeStream* reader, os::PipeStream writer) -> Task<> {
          const auto read_end = [](os::PipeStream* from) -> Task<> {
            auto end = co_await from->receive();
            CO_ASSERT_OK(end);
            EXPECT_TRUE(end->empty());
          };
          CO_ASSERT_OK(scope.spawn(read_end, reader));
          writer.close();
          co_return;
        },
        &pipe->reader, std::move(pipe->writer));
    co_await std::move(both);
  });
}

// Hazard: SIGPIPE. Its disposition here is the default, which ends the program.
TEST_P(PipeStreams, WritingToNobodyIsAnErrorAndNoSignal) {
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  run([]() -> Task<> {
    auto pipe = os::Pipe::open();
    CO_ASSERT_OK(pipe);
    pipe->reader.close();
    for (int i = 0; i < 2; ++i) {
      auto sent = co_await pipe->writer.send(as_bytes("x"));
      EXPECT_EQ(sent.error(), std::errc::broken_pipe);
    }
    sigset_t pending;
    sigset_t blocked;
    ::sigpending(&pending);
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
    EXPECT_EQ(::sigismember(&blocked, SIGPIPE), 0);
  });
}

TEST_P(PipeStreams, CancelTakesNoBytes) {
  run([]() -> Task<> {
    auto pipe = os::Pipe::open();
    CO_ASSERT_OK(pipe);
    const auto receive = [](os::PipeStream* from) -> Task<Result<>> {
      auto lease = co_await from->receive();
      if (!lease) {
        co_return std::unexpected(lease.error());
      }
      co_return Result<>{};
    };
    auto waiting = receive(&pipe->reader);
    auto limited = timeout(1ms, std::move(waiting));
    auto nothing = co_await std::move(limited);
    EXPECT_EQ(nothing.error(), std::errc::timed_out);
    CO_ASSERT_OK(co_await pipe->writer.send(as_bytes("kept")));
    auto bytes = co_await pipe->reader.receive();
    CO_ASSERT_OK(bytes);
    EXPECT_EQ(as_text(bytes->bytes()), "kept");
  });
}

}  // namespace
}  // namespace vigil

// Sending without a copy (TcpStream::send_zero_copy): on every engine what send() means, and the
// bytes are the caller's again when it ends.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "tests/support/streams.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/when.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

class SendZeroCopyTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(SendZeroCopyTest);

std::size_t size_of(unsigned round) {
  constexpr std::size_t kSizes[] = {0, 1, 4096, 65'537, 1'500'000};
  return kSizes[round % std::size(kSizes)];
}
constexpr unsigned kRounds = 15;

Task<> send_all(TcpStream* to, unsigned connection) {
  const Engine& engine = Loop::current()->engine();
  for (unsigned round = 0; round < kRounds; ++round) {
    std::string text = payload(connection, round, size_of(round));
    const Instant before = engine.now();
    CO_ASSERT_OK(co_await to->send_zero_copy(as_bytes(text)));
    if (engine.traits().name == "sim-completion") {
      EXPECT_GE(engine.now() - before, 1ms) << "its kernel keeps the bytes for a while";
    }
    text.assign(text.size(), '#');  // ours again: whoever still reads it is found out
  }
  to->close();
}

Task<> expect_all(TcpStream* from, unsigned connection) {
  for (unsigned round = 0; round < kRounds; ++round) {
    const std::string sent = payload(connection, round, size_of(round));
    std::string got(sent.size(), '\0');
    for (std::size_t at = 0; at < got.size();) {
      const auto room = std::as_writable_bytes(std::span(got)).subspan(at);
      auto count = co_await from->read(room.first(std::min<std::size_t>(room.size(), 50'000)));
      CO_ASSERT_OK(count);
      CO_ASSERT_TRUE(*count != 0);
      at += *count;
    }
    CO_ASSERT_TRUE(got == sent);
  }
  auto end = co_await from->receive();
  CO_ASSERT_OK(end);
  EXPECT_TRUE(end->empty());
}

Task<> exchange(Address at, unsigned connections) {
  auto listener = TcpListener::listen(at);
  CO_ASSERT_OK(listener);
  const Address reached = *listener->local_address();
  for (unsigned connection = 0; connection < connections; ++connection) {
    auto connecting = TcpStream::connect(reached);
    auto first = co_await std::move(connecting);
    CO_ASSERT_OK(first);
    auto second = co_await listener->accept();
    CO_ASSERT_OK(second);
    auto both = scoped(
        [](Scope& scope, TcpStream* to, TcpStream* from, unsigned number) -> Task<> {
          CO_ASSERT_OK(scope.spawn(&send_all, to, number));
          CO_ASSERT_OK(scope.spawn(&expect_all, from, number));
          co_return;
        },
        &*second, &*first, connection);
    co_await std::move(both);
  }
}

TEST_P(SendZeroCopyTest, ArrivesWholeAndItsBytesAreTheCallersAgain) {
  run(&exchange, Address::loopback(0), 3u);
}

// Local streams cannot: there it is a plain send.
TEST_P(SendZeroCopyTest, SendsOverALocalStreamToo) {
  const TemporaryDirectory directory;
  auto at = Address::local(directory / "socket");
  ASSERT_TRUE(at);
  run(&exchange, *at, 2u);
}

Task<Result<>> send_to_nobody_who_reads(TcpStream* to, const std::string* much) {
  co_return co_await to->send_zero_copy(as_bytes(*much));
}

// N1.7, N1.5
TEST_P(SendZeroCopyTest, EndsAtItsDeadlineThoughNobodyReads) {
  run([]() -> Task<> {
    auto making = make_both();
    Both both = co_await std::move(making);
    std::string much(std::size_t{24} << 20, 'm');
    auto limited = timeout(30ms, send_to_nobody_who_reads(&both.first, &much));
    const auto sent = co_await std::move(limited);
    CO_ASSERT_TRUE(!sent);
    EXPECT_EQ(sent.error(), std::errc::timed_out) << sent.error().message();
    much.assign(much.size(), '#');
    both.first.close();
    for (bool over = false; !over;) {  // what had been sent, and then an end of some kind
      auto bytes = co_await both.second.receive();
      over = !bytes || bytes->empty();
      EXPECT_TRUE(over || bytes->bytes().front() == std::byte{'m'});
    }
  });
}

TEST_P(SendZeroCopyTest, TellsThatThePeerHasLeft) {
  run([]() -> Task<> {
    auto making = make_both();
    Both both = co_await std::move(making);
    both.second.reset();
    const std::string much(std::size_t{24} << 20, 'm');
    auto limited = timeout(10s, send_to_nobody_who_reads(&both.first, &much));
    const auto sent = co_await std::move(limited);
    CO_ASSERT_TRUE(!sent);
    EXPECT_TRUE(sent.error() == std::errc::connection_reset ||
                sent.error() == std::errc::broken_pipe)
        << sent.error().message();
  });
}

}  // namespace
}  // namespace vigil::test

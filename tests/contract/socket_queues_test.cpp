// What the kernel tells of a connection's bytes (Opcode::socket_queues).
#include <gtest/gtest.h>

#include <array>
#include <cerrno>

#include "tests/support/streams.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil::test {
namespace {

class SocketQueuesTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(SocketQueuesTest);

std::int32_t look(NativeHandle handle, SocketQueues& into) {
  Descriptor probe;
  probe.handle = handle;
  Op op;
  op.code = Opcode::socket_queues;
  op.on = &probe;
  op.data = reinterpret_cast<std::byte*>(&into);
  return Loop::current()->syscalls().perform(op);
}

NativeHandle handle_of(const TcpStream& stream) { return stream.descriptor()->handle; }

// Looks again until it holds: what is sent within a machine arrives a moment later.
Task<SocketQueues> settled(NativeHandle handle, bool (*holds)(const SocketQueues&)) {
  SocketQueues seen;
  for (int i = 0; i != 500; ++i) {
    EXPECT_EQ(look(handle, seen), 0);
    if (holds(seen)) {
      break;
    }
    static_cast<void>(co_await sleep_for(std::chrono::milliseconds(10)));
  }
  EXPECT_TRUE(holds(seen)) << "to_read " << seen.to_read << ", unsent " << seen.unsent
                           << ", in_flight " << seen.in_flight;
  co_return seen;
}

TEST_P(SocketQueuesTest, TellsWhatIsThereAndNothingOfAnIdleOne) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    SocketQueues seen;
    CO_ASSERT_TRUE(look(handle_of(ends.stream), seen) == 0);
    EXPECT_EQ(seen.to_read, 0u);
    EXPECT_EQ(seen.unsent, 0u);
    EXPECT_EQ(seen.in_flight, 0u);
    EXPECT_TRUE(seen.is_tcp);
    EXPECT_EQ(seen.state, SocketQueues::State::open);
    EXPECT_GT(seen.peer_window, 0u);
    EXPECT_TRUE(ends.peer.write("hello"));
    auto coming =
        settled(handle_of(ends.stream), [](const SocketQueues& now) { return now.to_read == 5; });
    static_cast<void>(co_await std::move(coming));
    auto receiving = receive_exactly(ends.stream, 5);
    const std::string got = co_await std::move(receiving);
    EXPECT_EQ(got, "hello");
    CO_ASSERT_TRUE(look(handle_of(ends.stream), seen) == 0);
    EXPECT_EQ(seen.to_read, 0u);
  });
}

TEST_P(SocketQueuesTest, CountsEveryByteThatThePeerDoesNotRead) {
  run([]() -> Task<> {
    auto making = make_ends(4096);
    Ends ends = co_await std::move(making);
    static const std::array<std::byte, 65536> kBytes{};
    std::uint64_t total = 0;
    Syscalls& calls = Loop::current()->syscalls();
    for (std::int32_t sent = 0; sent >= 0 && total < 64'000'000;) {
      sent = calls.send(handle_of(ends.stream), kBytes.data(), kBytes.size());
      total += sent > 0 ? static_cast<std::uint64_t>(sent) : 0;
    }
    auto coming = settled(handle_of(ends.stream), [](const SocketQueues& now) {
      return now.unsent != 0 && now.in_flight == 0;
    });
    const SocketQueues ours = co_await std::move(coming);
    SocketQueues theirs;
    CO_ASSERT_TRUE(look(ends.peer.get(), theirs) == 0);
    EXPECT_EQ(ours.unsent + theirs.to_read, total);
    ends.peer.reset();
  });
}

TEST_P(SocketQueuesTest, TellsWhoEndedAndRefusesWhatIsNoConnection) {
  run([]() -> Task<> {
    auto making = make_ends();
    Ends ends = co_await std::move(making);
    ::shutdown(ends.peer.get(), SHUT_WR);
    auto coming = settled(handle_of(ends.stream), [](const SocketQueues& now) {
      return now.state == SocketQueues::State::peer_ended;
    });
    static_cast<void>(co_await std::move(coming));
    auto listener = TcpListener::listen(Address::loopback(0));
    CO_ASSERT_OK(listener);
    SocketQueues seen;
    EXPECT_EQ(look(listener->native_handle(), seen), -ENOTCONN);
    EXPECT_EQ(look(-1, seen), -EBADF);
  });
}

}  // namespace
}  // namespace vigil::test

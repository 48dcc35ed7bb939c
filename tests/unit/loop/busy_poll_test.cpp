// SO_BUSY_POLL of a listener, and of what it accepts.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/support/not_run.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;

int busy_poll_of(int handle) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(handle, SOL_SOCKET, SO_BUSY_POLL, &value, &size), 0);
  return value;
}

class BusyPoll : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(BusyPoll);

TEST_P(BusyPoll, IsTheListenersAndItsConnections) {
  bool allowed = true;
  run(
      [](bool* may) -> Task<> {
        const ListenOptions options{.busy_poll = 70us};
        auto listener = TcpListener::listen(Address::loopback(0), options);
        *may = listener || listener.error() != std::errc::operation_not_permitted;
        if (!*may) {
          co_return;
        }
        CO_ASSERT_OK(listener);
        EXPECT_EQ(busy_poll_of(listener->native_handle()), 70);
        auto connecting = TcpStream::connect(*listener->local_address());
        auto near = co_await std::move(connecting);
        auto far = co_await listener->accept();
        CO_ASSERT_OK(near);
        CO_ASSERT_OK(far);
        EXPECT_EQ(busy_poll_of(far->native_handle()), 70);
        CO_ASSERT_OK(near->set(SocketOption::Name::busy_poll, 30));
        EXPECT_EQ(busy_poll_of(near->native_handle()), 30);
      },
      &allowed);
  if (!allowed) {
    VIGIL_NOT_RUN("SO_BUSY_POLL takes CAP_NET_ADMIN");
  }
}

}  // namespace
}  // namespace vigil::test

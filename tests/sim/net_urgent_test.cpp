// TCP's byte out of band, held against the machine that the test runs on.
#include "net_both.hpp"

namespace vigil::sim {
namespace {

using TcpUrgent = BothTest;

TEST_F(TcpUrgent, IsToldApartAndReadApart) {
  const Connected all = connected();
  watch(all.server, kEdges | EPOLLPRI);
  edges(all.server);
  EXPECT_EQ(receive(all.server, 1, MSG_OOB), std::to_string(-EINVAL)) << "nobody sent one";
  EXPECT_EQ(send(all.client, "ab!", MSG_OOB), 3);
  EXPECT_EQ(edges(all.server) & (EPOLLPRI | EPOLLIN), EPOLLPRI | EPOLLIN);
  EXPECT_NE(poll(all.server) & POLLPRI, 0u);
  EXPECT_EQ(receive(all.server, 1, MSG_OOB | MSG_PEEK), "!");
  EXPECT_EQ(receive(all.server, 1, MSG_OOB), "!");
  EXPECT_EQ(receive(all.server, 1, MSG_OOB), std::to_string(-EINVAL)) << "it was taken";
  EXPECT_EQ(poll(all.server) & POLLPRI, 0u);
  EXPECT_EQ(receive(all.server), "ab");
  EXPECT_EQ(receive(all.server), std::to_string(-EAGAIN));
}

TEST_F(TcpUrgent, IsGoneWhenWhatCameAfterItWasRead) {
  const Connected all = connected();
  EXPECT_EQ(send(all.client, "!", MSG_OOB), 1);
  EXPECT_EQ(poll(all.server), POLLPRI | POLLOUT | POLLWRNORM);
  EXPECT_EQ(send(all.client, "after"), 5);
  EXPECT_EQ(receive(all.server), "after");
  EXPECT_EQ(poll(all.server), POLLOUT | POLLWRNORM);
  EXPECT_EQ(receive(all.server, 1, MSG_OOB), std::to_string(-EINVAL));
}

TEST_F(TcpUrgent, WaitsForNoMoreAsOtherBytesDo) {
  const Connected all = connected();
  set(all.client, IPPROTO_TCP, 3 /* TCP_CORK */, 1);
  EXPECT_EQ(send(all.client, "!", MSG_OOB), 1);
  EXPECT_NE(poll(all.server) & POLLPRI, 0u);
  EXPECT_EQ(receive(all.server, 1, MSG_OOB), "!");
}

}  // namespace
}  // namespace vigil::sim

// VIGIL_AUDIT: forgotten drains and blocking descriptors are named, and nobody else. Clause P8.
#include <cstdlib>

#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerAudit : public PollerTest {
 protected:
  PollerAudit() { poller = make(audited()); }

  PollerOptions audited() {
    return {.audit = Audit::on,
            .audit_sink = [this](std::string_view sentence) { found.emplace_back(sentence); }};
  }

  std::vector<std::string> found;
};
VIGIL_ON_EVERY_BACKEND(PollerAudit);

TEST_P(PollerAudit, EdgeThatWasNotDrainedIsNamedWithItsPlace) {  // P8.2
  const Pair pair = socket_pair();
  const auto token = poller.add(Source::descriptor(pair.ours.get(), kReadable, Trigger::edge));
  const std::string place = std::string("poller_audit_test.cpp:") + std::to_string(__LINE__ - 1);
  ASSERT_TRUE(token);
  put(pair.theirs, "abcdef");
  next();
  char some[3];
  ASSERT_EQ(::read(pair.ours.get(), some, 3), 3);  // and three are left
  EXPECT_TRUE(wait(1ms).empty());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].find(place), std::string::npos) << found[0];
  EXPECT_NE(found[0].find("descriptor " + std::to_string(pair.ours.get())), std::string::npos);
  EXPECT_NE(found[0].find("would block"), std::string::npos) << found[0];
  wait(1ms);
  EXPECT_EQ(found.size(), 1U) << "once an edge";
}

TEST_P(PollerAudit, ListenerThatWasNotEmptiedIsNamed) {
  sockaddr_in address;
  const Fd listener = tcp_listener(address);
  ASSERT_TRUE(poller.add(Source::descriptor(listener.get(), kReadable, Trigger::edge)));
  const Fd one = tcp_connect(address);
  const Fd two = tcp_connect(address);
  next();
  const Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  wait(1ms);
  EXPECT_EQ(found.size(), 1U);
}

TEST_P(PollerAudit, DrainedEdgeIsNotNamed) {
  const Pair pair = socket_pair();
  const Token token =
      add(Source::descriptor(pair.ours.get(), kReadable | kWritable, Trigger::edge));
  for (int i = 0; i < 10; ++i) {
    put(pair.theirs, "x");
    next();
    drain(pair.ours);
    poller.would_block(token, kReadable);
    wait(1ms);
  }
  EXPECT_TRUE(found.empty()) << found[0];
}

TEST_P(PollerAudit, NewBytesAfterTheDrainAreNoFinding) {
  const Pair pair = socket_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable, Trigger::edge));
  put(pair.theirs, "x");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(next().size(), 1U);
    drain(pair.ours);
    put(pair.theirs, "y");
    poller.would_block(token, kReadable);
  }
  EXPECT_TRUE(found.empty()) << found[0];
}

TEST_P(PollerAudit, EndOfAStreamIsNoFinding) {
  Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable | kPeerClosed, Trigger::edge));
  put(pair.theirs, "x");
  pair.theirs.reset();
  next();
  EXPECT_EQ(drain(pair.ours), "x");
  wait(1ms);
  wait(1ms);
  EXPECT_TRUE(found.empty()) << found[0];
}

TEST_P(PollerAudit, WaitOfNoLengthIsNoReason) {  // P8.2: the program keeps a list of its own
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kReadable, Trigger::edge));
  put(pair.theirs, "x");
  next();
  now();
  EXPECT_TRUE(found.empty()) << found[0];
  wait(1ms);
  EXPECT_EQ(found.size(), 1U);
}

TEST_P(PollerAudit, LevelAndRemovedSourcesAreNotNamed) {
  const Pair level = socket_pair();
  const Pair removed = socket_pair();
  add(Source::descriptor(level.ours.get(), kReadable));
  const Token token = add(Source::descriptor(removed.ours.get(), kReadable, Trigger::edge));
  put(level.theirs, "x");
  put(removed.theirs, "x");
  next();
  ASSERT_TRUE(poller.remove(token));
  drain(level.ours);
  wait(1ms);
  EXPECT_TRUE(found.empty()) << found[0];
}

TEST_P(PollerAudit, BlockingDescriptorIsNamed) {  // P8.1
  const Pair pair = socket_pair();
  ASSERT_EQ(::fcntl(pair.ours.get(), F_SETFL, 0), 0);
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable));
  EXPECT_TRUE(found.empty()) << "level-triggered it may block";
  const auto edge = Source::descriptor(pair.ours.get(), kReadable, Trigger::edge);
  ASSERT_TRUE(poller.modify(token, edge));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].find("O_NONBLOCK"), std::string::npos) << found[0];
  EXPECT_NE(found[0].find("poller_audit_test.cpp:"), std::string::npos) << found[0];
}

TEST_P(PollerAudit, IsAskedForByTheEnvironment) {
  ASSERT_EQ(::setenv("VIGIL_AUDIT", "1", 1), 0);
  PollerOptions options = audited();
  options.audit = Audit::from_environment;
  Poller asked = make(options);
  ASSERT_EQ(::setenv("VIGIL_AUDIT", "0", 1), 0);
  Poller not_asked = make(options);
  ASSERT_EQ(::unsetenv("VIGIL_AUDIT"), 0);
  const Pair pair = socket_pair();
  ASSERT_EQ(::fcntl(pair.ours.get(), F_SETFL, 0), 0);
  const auto edge = Source::descriptor(pair.ours.get(), kReadable, Trigger::edge);
  ASSERT_TRUE(not_asked.add(edge));
  EXPECT_TRUE(found.empty());
  ASSERT_TRUE(asked.add(edge));
  EXPECT_EQ(found.size(), 1U);
}

}  // namespace
}  // namespace vigil::test

// Many descriptors: each is told with its own cookie, and a small room starves nobody. Clauses
// P1.4, P3.5.
#include <set>

#include "tests/support/not_run.hpp"
#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerManyDescriptors : public PollerTest {
 protected:
  void SetUp() override {
    if (!allow_descriptors(4100)) {
      VIGIL_NOT_RUN("fewer than 4100 descriptors are allowed");
    }
    const std::size_t count = poller.backend() == "select" ? 400 : 2000;
    for (std::size_t i = 0; i < count; ++i) {
      pairs.push_back(socket_pair());
      tokens.push_back(add(Source::descriptor(pairs[i].ours.get(), kReadable).with_cookie(i)));
    }
  }

  std::vector<Pair> pairs;
  std::vector<Token> tokens;
};
VIGIL_ON_EVERY_BACKEND(PollerManyDescriptors);

TEST_P(PollerManyDescriptors, OnlyTheReadyOnesAreTold) {
  EXPECT_TRUE(now().empty());
  for (const std::size_t i : {3U, 200U, 399U}) {
    put(pairs[i].theirs, std::to_string(i));
  }
  std::set<std::uint64_t> told;
  for (const Event& event : now()) {
    EXPECT_EQ(event.slot, tokens[event.cookie]);
    EXPECT_EQ(drain(pairs[event.cookie].ours), std::to_string(event.cookie));
    told.insert(event.cookie);
  }
  EXPECT_EQ(told, (std::set<std::uint64_t>{3, 200, 399}));
  EXPECT_TRUE(now().empty());
}

TEST_P(PollerManyDescriptors,
       SmallRoomStarvesNobody) {  // P1.4: all are ready for ever, five are told a wait
  for (const Pair& pair : pairs) {
    put(pair.theirs, "x");
  }
  std::set<std::uint64_t> told;
  Event room[5];
  for (std::size_t waits = 0; waits < pairs.size() / 5 + 1; ++waits) {
    const auto events = poller.wait(room, kPatience);
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 5U);
    for (const Event& event : *events) {
      told.insert(event.cookie);
    }
  }
  EXPECT_EQ(told.size(), pairs.size());
}

TEST_P(PollerManyDescriptors, RemovingEveryOtherLeavesTheRest) {
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    ASSERT_TRUE(poller.remove(tokens[i]));
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    put(pairs[i].theirs, "x");
  }
  std::set<std::uint64_t> told;
  for (auto events = now(); !events.empty(); events = now()) {
    for (const Event& event : events) {
      EXPECT_EQ(event.cookie % 2, 1U);
      EXPECT_EQ(event.slot, tokens[event.cookie]);
      drain(pairs[event.cookie].ours);
      told.insert(event.cookie);
    }
  }
  EXPECT_EQ(told.size(), pairs.size() / 2);
  EXPECT_EQ(poller.size(), pairs.size() / 2);
}

}  // namespace
}  // namespace vigil::test

// RingTest: runs tasks on the engine on io_uring, with queues as shipped ("uring") and with queues
// of 8 entries ("uring-8"), where everything overflows.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "loop/engines.hpp"
#include "loop/uring/engine.hpp"
#include "loop/uring/probe.hpp"
#include "tests/support/engine_fixture.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {

inline Result<std::unique_ptr<Engine>> make_ring_of_eight(EngineParts parts) {
  return make_uring_engine(parts, {.submissions = 8, .completions = 8});
}

inline void register_ring_of_eight() noexcept {
  static constinit EngineRow row{"uring-8", make_ring_of_eight};
  add_engine(row);
}

class RingTest : public EngineTest {
 protected:
  static void SetUpTestSuite() { register_ring_of_eight(); }
  void SetUp() override {
    if (!uring::probe(uring::Feature::ring).available) {
      GTEST_SKIP() << "not run: io_uring is " << uring::probe(uring::Feature::ring).why;
    }
  }
};

// Leaves a stream's multishot receive in the kernel: its second receive arms it.
inline Task<> arm(Ends* ends) {
  for (int i = 0; i < 2; ++i) {
    CO_ASSERT_TRUE(ends->peer.write("x"));
    auto one = co_await ends->stream.receive();
    CO_ASSERT_OK(one);
  }
}

#define INSTANTIATE_ON_RINGS(Suite)                                                     \
  INSTANTIATE_TEST_SUITE_P(On, Suite, testing::Values("uring", "uring-8"),              \
                           [](const testing::TestParamInfo<std::string>& engine_name) { \
                             return ::vigil::test::as_test_name(engine_name.param);     \
                           })

}  // namespace vigil::test

// The contract on the simulated kernel: the same object files as on the system's own, all of them,
// on the faces of the simulation.
#include <gmock/gmock.h>

#include <sys/resource.h>

#include <cstdlib>

#include "tests/support/afresh.hpp"
#include "tests/support/sim/live.hpp"

namespace {

// A test leaves no handle and no child behind.
class Leaks final : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    before_ = vigil::test::Live::instance().open_handles();
  }
  void OnTestEnd(const testing::TestInfo&) override {
    auto& live = vigil::test::Live::instance();
    live.wait_for_children(std::chrono::seconds(5));
    EXPECT_EQ(live.children(), 0) << "a simulated child runs still";
    EXPECT_EQ(live.open_handles(), before_) << "a simulated handle leaked";
  }
  std::size_t before_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  vigil::test::start_afresh();
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = vigil::test::Live::kFirst;  // the process's own handles stay below
  ::setrlimit(RLIMIT_NOFILE, &limit);
  vigil::test::Live::instance();
  vigil::test::register_live_faces();
  ::setenv("VIGIL_TEST_ENGINES", "sim,sim-level,sim-completion", 1);
  testing::GTEST_FLAG(filter) = "*/sim*";
  ::testing::InitGoogleMock(&argc, argv);
  ::testing::UnitTest::GetInstance()->listeners().Append(new Leaks);
  return RUN_ALL_TESTS();
}

// The page on testing under a seed: its server passes, and its first version is caught.
#include <gtest/gtest.h>

#include "tests/support/program.hpp"

namespace vigil::test {
namespace {

TEST(GuideUnderASeed, PassesOnceEachPieceHasAName) {
  Program program({"guide_sim_tally", "--seeds", "100"});
  EXPECT_EQ(program.wait(), 0) << program.output() << program.errors();
}

TEST(GuideUnderASeed, CatchesWhatIsCountedTwiceAndSaysHowToSeeItAgain) {
  Program program({"guide_sim_tally", "--naive"});
  EXPECT_EQ(program.wait(), 1) << program.errors();
  const std::string report = program.output();
  EXPECT_NE(report.find("of 40 pieces of work "), std::string::npos) << report;
  EXPECT_NE(report.find(" --naive --seed "), std::string::npos) << report;
  EXPECT_NE(report.find("reset_stream"), std::string::npos) << report;
}

}  // namespace
}  // namespace vigil::test

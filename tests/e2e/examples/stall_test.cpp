// The example `stall`: the block that it plants is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/program.hpp"

namespace vigil::test {
namespace {

using testing::HasSubstr;

class Stall : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(By, Stall, testing::Values("cpu", "sleep", "read"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(Stall, IsNamedWithFileAndLine) {
  Program stall({"stall", "--block", "500ms", "--how", GetParam()});
  EXPECT_EQ(stall.wait(), 0) << stall.output() << stall.errors();
  EXPECT_THAT(stall.output(), HasSubstr("vigil/0 did not turn for "));
  EXPECT_THAT(stall.output(), HasSubstr("examples/stall.cpp:"));
  EXPECT_THAT(stall.output(), HasSubstr("  task: stall.cpp:"));
}

TEST(StallUse, SaysWhatIsWrong) {
  for (const char* wrong : {"5", "0ms", "61s", "ms"}) {
    Program stall({"stall", "--block", wrong});
    EXPECT_EQ(stall.wait(), 2);
    EXPECT_THAT(stall.errors(), HasSubstr("--block takes a time from 1ms to 60s"));
  }
  Program unknown({"stall", "--blok"});
  EXPECT_EQ(unknown.wait(), 2);
  EXPECT_THAT(unknown.errors(), HasSubstr("there is no option \"--blok\""));
  Program help({"stall", "--help"});
  EXPECT_EQ(help.wait(), 0);
  EXPECT_THAT(help.output(), HasSubstr("Exit status: 0"));
}

}  // namespace
}  // namespace vigil::test

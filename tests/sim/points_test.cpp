// Fault points that once failed: each is failed again.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/program.hpp"

namespace {

std::string fail(const std::string& scenario, const std::string& point, int* status) {
  return vigil::test::run_tool(
      {std::string(VIGIL_BINARY_DIR) + "/bin/vigil-sim", "points", scenario, "--point", point},
      status);
}

// Cause: a Channel and a fs::Watch held a std::deque, whose empty state has memory; their noexcept
// constructors ended the program where there was none.
TEST(FaultPoints, OfMakingAChannelOrAWatchEndNoProgram) {
  for (const char* scenario : {"channels", "rendezvous", "changes"}) {
    int status = 0;
    const std::string said = fail(scenario, "allocation:0", &status);
    EXPECT_EQ(status, 0) << scenario << ": " << said;
  }
}

// Cause: a user's handler let bad_alloc out and destroyed the user while the room had its address
// and a writer its stream.
TEST(FaultPoints, OfAChatUsersLinesLeaveTheOthersAlone) {
  for (const char* point : {"allocation:5", "allocation:12", "allocation:20", "allocation:30"}) {
    int status = 0;
    const std::string said = fail("chat-crowd", point, &status);
    EXPECT_EQ(status, 0) << point << ": " << said;
  }
}

// Cause: a line of the access log was written in a noexcept function.
TEST(FaultPoints, OfALogLineDropTheLineAlone) {
  for (const char* point : {"allocation:14", "allocation:15", "allocation:42"}) {
    int status = 0;
    const std::string said = fail("serve", point, &status);
    EXPECT_EQ(status, 0) << point << ": " << said;
  }
}

TEST(FaultPoints, AreFailedInEveryKindOfASmallScenario) {
  int status = 0;
  const std::string said = vigil::test::run_tool(
      {std::string(VIGIL_BINARY_DIR) + "/bin/vigil-sim", "points", "echo-bytes", "--json"},
      &status);
  EXPECT_EQ(status, 0) << said;
  EXPECT_NE(said.find("\"failed\": 0"), std::string::npos) << said;
}

}  // namespace

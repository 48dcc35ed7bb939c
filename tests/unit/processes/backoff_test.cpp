// How long a process that died waits to be started again.
#include "processes/backoff.hpp"

#include <gtest/gtest.h>

namespace {

using namespace vigil;
using namespace vigil::app;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, does_not_wait_the_first_time) { EXPECT_EQ(Backoff().next(Nanos{}), Nanos{}); }

TEST(Backoff, doubles_up_to_a_limit) {
  Backoff backoff;
  std::vector<Nanos> all;
  for (int i = 0; i < 12; ++i) {
    all.push_back(backoff.next(milliseconds(1)));
  }
  EXPECT_EQ(all[1], milliseconds(50));
  EXPECT_EQ(all[2], milliseconds(100));
  EXPECT_EQ(all[3], milliseconds(200));
  EXPECT_EQ(all[8], seconds(5));
  EXPECT_EQ(all[11], seconds(5));
}

TEST(Backoff, begins_anew_behind_one_that_lived) {
  Backoff backoff;
  for (int i = 0; i < 5; ++i) {
    backoff.next(seconds(9));
  }
  EXPECT_EQ(backoff.next(seconds(10)), Nanos{});
  EXPECT_EQ(backoff.next(Nanos{}), milliseconds(50));
}

}  // namespace

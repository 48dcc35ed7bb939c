// What a stall is taken for, whose code it is said to be, how it is said, and how often.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/stall_places.hpp"
#include "runtime/stall_report.hpp"
#include "runtime/stall_seen.hpp"

namespace vigil::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

StallShares shares(Nanos processor, Nanos queued, Nanos asleep, bool stopped = false) {
  return {.processor = processor, .queued = queued, .asleep = asleep, .stopped = stopped};
}

TEST(Judging, BlamesWhoHadTheProcessorForLonger) {
  EXPECT_EQ(judge_stall(20ms, shares(48ms, 1ms, 1ms)), StallCause::computing);
  EXPECT_EQ(judge_stall(20ms, shares(30ms, 20ms, 0ms)), StallCause::computing);
  // Another took the processor for most of the time, but it was too long without that, too.
  EXPECT_EQ(judge_stall(20ms, shares(100ms, 400ms, 0ms)), StallCause::computing);
}

TEST(Judging, BlamesNobodyForAProcessorThatWasNotThere) {
  EXPECT_EQ(judge_stall(20ms, shares(2ms, 47ms, 0ms)), StallCause::not_run);
  EXPECT_EQ(judge_stall(20ms, shares(10ms, 30ms, 9ms)), StallCause::not_run);
}

TEST(Judging, TellsASleeperFromOneThatWaitsForAProcessor) {
  EXPECT_EQ(judge_stall(20ms, shares(1ms, 2ms, 47ms)), StallCause::blocked);
  EXPECT_EQ(judge_stall(20ms, shares(2ms, 400ms, 98ms)), StallCause::blocked);
}

TEST(Judging, KnowsOneThatWasStopped) {
  EXPECT_EQ(judge_stall(20ms, shares(0ms, 0ms, 5s, true)), StallCause::stopped);
}

ThreadState in_state(char letter) { return {.letter = letter, .call = {}}; }

TEST(Looks, AddUpToShares) {
  StallSeen seen(3, Instant(1s), 100ms);
  seen.look(Instant(1s + 5ms), 105ms, in_state('R'));   // it ran
  seen.look(Instant(1s + 15ms), 106ms, in_state('R'));  // it could have
  seen.look(Instant(1s + 30ms), 107ms, in_state('S'));
  EXPECT_EQ(seen.shares.processor, 7ms);
  EXPECT_EQ(seen.shares.queued, 9ms);
  EXPECT_EQ(seen.shares.asleep, 14ms);
  // A clock that is read a little later than the other gives no more than there was.
  seen.look(Instant(1s + 31ms), 110ms, in_state('R'));
  EXPECT_EQ(seen.shares.processor, 8ms);
  EXPECT_FALSE(seen.shares.stopped);
  seen.look(Instant(1s + 32ms), 110ms, in_state('T'));
  EXPECT_TRUE(seen.shares.stopped);
}

CodePlace at(const char* function, const char* file, unsigned line) {
  return {.function = function, .file = file, .line = line};
}

TEST(WhoseCode, IsTheInnermostThatIsNeitherTheSystemsNorTheLibrarys) {
  const std::vector<CodePlace> stack{at("read", "../sysdeps/unix/sysv/linux/read.c", 26),
                                     at("now", "/usr/include/c++/12/chrono", 10),
                                     at("memcpy", "", 0),
                                     at("drain", "/src/of/vigil/src/loop/loop.cpp", 5),
                                     at("await", "/usr/local/include/vigil/coro/task.hpp", 7),
                                     at("parse", "/src/of/vigil/apps/vigil/site.cpp", 40),
                                     at("main", "/src/of/vigil/apps/vigil/main.cpp", 4)};
  EXPECT_EQ(whose_code(stack, "/src/of/vigil/").line, 40u);
  EXPECT_EQ(whose_code(stack, "").line, 5u) << "without its root it cannot know its own sources";
}

TEST(WhoseCode, IsWhatIsKnownWhenNothingElseIs) {
  EXPECT_EQ(whose_code({at("", "", 0), at("memcpy", "", 0)}, "").function, "memcpy");
  EXPECT_EQ(whose_code({}, "").function, "");
}

StallReport spin() {
  StallReport report;
  report.loop = "vigil/0";
  report.wall = 52ms;
  report.shares.processor = 50ms;
  report.place = at("spin", "/x/stall.cpp", 41);
  report.stack = {report.place, at("vigil::Loop::resume", "/x/loop.hpp", 3)};
  return report;
}

TEST(Sentences, NameTheCodeAndWhatItHad) {
  const auto lines = text_of(spin());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0],
            "vigil/0 did not turn for 52 ms: spin at /x/stall.cpp:41 kept the processor (50 ms of "
            "a processor).");
  EXPECT_EQ(lines[2], "  at spin at /x/stall.cpp:41");
  StallReport plain = spin();  // as line tables alone say it
  plain.stack.back() = at("resume", "/x/include/vigil/loop/loop.hpp", 3);
  EXPECT_EQ(text_of(plain).size(), 3u) << "where the loop begins it is the same for all";
}

TEST(Sentences, NameTheSystemCall) {
  StallReport report = spin();
  report.cause = StallCause::blocked;
  report.call = "read(2)";
  report.goes_on = true;
  report.wall = 3200ms;
  EXPECT_THAT(text_of(report)[0],
              HasSubstr("has not turned for 3.2 s: spin at /x/stall.cpp:41 is blocked in read(2)"));
}

TEST(Sentences, BlameNobodyForAProcessorThatWasNotThere) {
  StallReport report = spin();
  report.cause = StallCause::not_run;
  report.shares.processor = 1ms;
  report.shares.queued = 50ms;
  const auto lines = text_of(report);
  ASSERT_EQ(lines.size(), 1u) << "no stack: it is not its code's fault";
  EXPECT_EQ(lines[0],
            "vigil/0 did not turn for 52 ms, for want of a processor: it had 1 ms of one, and "
            "waited for one for 50 ms. Nothing in it is to blame.");
}

class Counted : public testing::Test {
 protected:
  void stall(StallReport report, Nanos when) {
    places_.take(std::move(report), Instant(when), told_);
  }
  std::vector<StallReport> look(Nanos when) {
    places_.count_out(Instant(when), told_);
    return std::exchange(told_, {});
  }

  StallPlaces places_{10s};
  std::vector<StallReport> told_;
};

TEST_F(Counted, AreThoseThatComeAgain) {
  stall(spin(), 100s);
  EXPECT_EQ(look(100s).size(), 1u);
  for (int i = 0; i != 7; ++i) {
    StallReport again = spin();
    again.place.line += static_cast<unsigned>(i);  // another line of the same function
    again.wall = 60ms + i * 1ms;
    stall(again, 101s);
  }
  EXPECT_TRUE(look(109s).empty()) << "too early";
  const auto said = look(110s);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].kind, StallReport::Kind::again);
  EXPECT_EQ(text_of(said[0])[0],
            "vigil/0: 7 more stalls in spin at /x/stall.cpp:41, of at most 66 ms.");
  EXPECT_TRUE(look(130s).empty()) << "nothing came since";
  stall(spin(), 131s);
  EXPECT_EQ(look(131s).size(), 1u) << "after a long time it is news again";
}

TEST_F(Counted, AreOtherPlacesForThemselves) {
  stall(spin(), 1s);
  StallReport other = spin();
  other.place.function = "parse";
  stall(other, 1s);
  StallReport elsewhere = spin();
  elsewhere.loop = "vigil/1";
  stall(elsewhere, 1s);
  EXPECT_EQ(look(1s).size(), 3u);
}

TEST_F(Counted, AreManyPlacesTogether) {
  for (int i = 0; i != 1000; ++i) {
    StallReport report = spin();
    report.place.function = "f" + std::to_string(i);
    stall(report, 1s);
  }
  EXPECT_EQ(look(1s).size(), StallPlaces::kMost + 1);
  const auto said = look(11s);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].times, 1000u - StallPlaces::kMost - 1);
}

TEST_F(Counted, AreNotThoseThatGoOn) {
  stall(spin(), 1s);
  StallReport stuck = spin();
  stuck.goes_on = true;
  stall(stuck, 2s);
  EXPECT_EQ(look(2s).size(), 2u);
}

}  // namespace
}  // namespace vigil::test

// The file of faults, and what the table promises.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "vigil/sim/faults.hpp"

namespace vigil::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string complaint(std::string_view text) {
  const auto parsed = Faults::parse(text, Faults::none());
  return parsed ? "" : parsed.error();
}

TEST(FaultTable, names_each_fault_once) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i != kFaults; ++i) {
    const FaultRow& row = describe(static_cast<Fault>(i));
    EXPECT_EQ(row.fault, static_cast<Fault>(i));
    EXPECT_FALSE(row.meaning.empty()) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(fault_named(row.name), row.fault);
  }
  EXPECT_EQ(fault_named("short_raed").error(), std::errc::invalid_argument);
}

TEST(FaultTable, ordinary_weather_is_its_rates_and_none_is_no_weather) {
  const Faults ordinary = Faults::ordinary();
  const Faults none = Faults::none();
  for (std::size_t i = 0; i != kFaults; ++i) {
    const auto fault = static_cast<Fault>(i);
    EXPECT_EQ(ordinary[fault].rate, describe(fault).rate);
    EXPECT_GT(ordinary[fault].rate, 0U);
    EXPECT_EQ(none[fault].rate, 0U);
    EXPECT_EQ(none[fault].longest, describe(fault).longest);
  }
}

TEST(Faults, scale_stays_between_never_and_always) {
  Faults faults = Faults::none();
  faults[Fault::short_read].rate = 300'000;
  EXPECT_EQ(Faults(faults).scale(2)[Fault::short_read].rate, 600'000U);
  EXPECT_EQ(Faults(faults).scale(100)[Fault::short_read].rate, 1'000'000U);
  EXPECT_EQ(Faults(faults).scale(0)[Fault::short_read].rate, 0U);
  EXPECT_EQ(Faults(faults).scale(100)[Fault::crash].rate, 0U);
}

TEST(FaultFile, changes_what_it_names_and_leaves_the_rest) {
  const auto parsed = Faults::parse(R"(
[short_read]
rate = 0.25
[late_event]   # only for a while, and only there
rate = 1
longest_ms = 1.5
from_s = 10
until_s = 60
hosts = ["server", "other"]
)",
                                    Faults::ordinary());
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ((*parsed)[Fault::short_read].rate, 250'000U);
  EXPECT_EQ((*parsed)[Fault::short_read].until, kForever);
  const FaultRule& late = (*parsed)[Fault::late_event];
  EXPECT_EQ(late.rate, 1'000'000U);
  EXPECT_EQ(late.longest, std::chrono::microseconds(1500));
  EXPECT_EQ(late.from, seconds(10));
  EXPECT_EQ(late.until, seconds(60));
  EXPECT_EQ(late.hosts, (std::vector<std::string>{"server", "other"}));
  EXPECT_EQ((*parsed)[Fault::crash].rate, describe(Fault::crash).rate);
}

TEST(FaultFile, complaints_say_where_and_what_was_meant) {
  EXPECT_EQ(complaint("\n[short_raed]\nrate = 1\n"),
            "line 2, column 2: there is no fault \"short_raed\"; did you mean \"short_read\"?");
  EXPECT_EQ(complaint("[crash]\nraet = 1\n"),
            "line 2, column 1: [crash] has no \"raet\"; did you mean \"rate\"?");
  EXPECT_EQ(complaint("[crash]\nrate = 1.5\n"),
            "line 2, column 8: \"rate\" of [crash] is a share from 0 (never) to 1 (always)");
  EXPECT_EQ(complaint("[crash]\nrate = nan\n"),
            "line 2, column 8: \"rate\" of [crash] is a share from 0 (never) to 1 (always)");
  EXPECT_EQ(complaint("[crash]\nlongest_ms = -1\n"),
            "line 2, column 14: \"longest_ms\" of [crash] is a number that is not negative, and "
            "below 285 years");
  EXPECT_EQ(complaint("[crash]\nfrom_s = 1e300\n"),
            "line 2, column 10: \"from_s\" of [crash] is a number that is not negative, and below "
            "285 years");
  EXPECT_EQ(complaint("[crash]\nhosts = [1]\n"),
            "line 2, column 9: \"hosts\" of [crash] is a list of names, as [\"server\"]; leave it "
            "out for every host");
  EXPECT_EQ(complaint("crash = 1\n"),
            "line 1, column 1: \"crash\" is a table: write [crash], and rate = ... below it");
}

TEST(FaultFile, that_is_no_toml_is_named_with_its_place) {
  const std::string said = complaint("[crash]\nrate = \n");
  EXPECT_EQ(said.substr(0, 16), "line 2, column 8") << said;
}

}  // namespace
}  // namespace vigil::sim

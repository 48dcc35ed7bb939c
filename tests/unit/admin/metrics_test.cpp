// The metrics of a server, as a scraper reads them.
#include "admin/metrics.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "admin/json.hpp"
#include "admin/merge.hpp"

namespace {

using namespace vigil;
using namespace vigil::app;

Snapshot two_shards() {
  Snapshot made;
  made.version = "1.2.3";
  made.engine = "epoll";
  made.uptime = std::chrono::milliseconds(1500);
  made.process = {.id = 4711,
                  .processor_time = std::chrono::milliseconds(250),
                  .resident_bytes = 1 << 20,
                  .descriptors = 12,
                  .descriptor_limit = 1024};
  made.shards.resize(2);
  made.shards[1].number = 1;
  made.shards[0].http.requests = 10;
  made.shards[1].http.requests = 32;
  made.shards[1].loop.operations[static_cast<std::size_t>(Opcode::receive)] = 5;
  made.shards[1].loop.operations[static_cast<std::size_t>(Opcode::read)] = 2;
  made.shards[0].loop.turn_times.counts[3] = 4;
  made.shards[0].loop.turn_times.counts[Durations::kBuckets - 1] = 1;
  made.listeners.push_back({.at = "unix:/a\"b\\c\nd",
                            .accept = "reuseport",
                            .shards = {{.accepted = 30, .live = 1, .empty = 0},
                                       {.accepted = 20, .live = 2, .empty = 3}}});
  return made;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, give_each_shard_a_sample) {
  const std::string text = as_open_metrics(two_shards());
  EXPECT_TRUE(has_line(text, "vigil_http_requests_total{shard=\"0\"} 10")) << text;
  EXPECT_TRUE(has_line(text, "vigil_http_requests_total{shard=\"1\"} 32"));
  EXPECT_TRUE(has_line(text, "vigil_loop_operations_total{shard=\"1\",kind=\"receive\"} 7"));
  EXPECT_TRUE(has_line(text, "vigil_build_info{version=\"1.2.3\",engine=\"epoll\"} 1"));
  EXPECT_TRUE(has_line(text, "vigil_uptime_seconds 1.5"));
  EXPECT_TRUE(has_line(text, "process_cpu_seconds_total 0.25"));
}

TEST(Metrics, sum_buckets_up_to_the_count) {
  const std::string text = as_open_metrics(two_shards());
  EXPECT_TRUE(has_line(text, "vigil_loop_turn_seconds_bucket{shard=\"0\",le=\"4e-06\"} 0"));
  EXPECT_TRUE(has_line(text, "vigil_loop_turn_seconds_bucket{shard=\"0\",le=\"8e-06\"} 4"));
  EXPECT_TRUE(has_line(text, "vigil_loop_turn_seconds_bucket{shard=\"0\",le=\"+Inf\"} 5"));
  EXPECT_TRUE(has_line(text, "vigil_loop_turn_seconds_count{shard=\"0\"} 5"));
}

TEST(Metrics, escape_what_a_path_may_hold) {
  const std::string text = as_open_metrics(two_shards());
  EXPECT_TRUE(
      has_line(text, "vigil_accepted_total{listener=\"unix:/a\\\"b\\\\c\\nd\",shard=\"0\"} 30"));
  EXPECT_TRUE(has_line(
      text, "vigil_accept_skew{listener=\"unix:/a\\\"b\\\\c\\nd\",accept=\"reuseport\"} 1.5"));
}

// By the specification: a type before its samples, families not interleaved, "# EOF" at the end.
TEST(Metrics, are_well_formed) {
  std::istringstream lines(as_open_metrics(two_shards()));
  const std::regex sample(
      R"(([a-z_]+)(\{[a-z]+="([^"\\\n]|\\["\\n])*"(,[a-z]+="([^"\\\n]|\\["\\n])*")*\})? [0-9+.e-]+)");
  std::set<std::string> families;
  std::string family;
  std::string last;
  for (std::string line; std::getline(lines, line); last = line) {
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family;
    } else if (!line.starts_with("# ")) {
      std::smatch parts;
      ASSERT_TRUE(std::regex_match(line, parts, sample)) << line;
      EXPECT_TRUE(parts[1].str().starts_with(family)) << line;
    }
  }
  EXPECT_EQ(last, "# EOF");
  EXPECT_EQ(families.size(), metric_families().size());
}

// docs/metrics.md has a row for each family, under the kind and unit that it has, and no other.
TEST(Metrics, are_all_on_their_page) {
  std::ifstream file(VIGIL_SOURCE_DIR "/docs/metrics.md");
  ASSERT_TRUE(file) << "docs/metrics.md cannot be read";
  std::map<std::string, std::string> rows;
  const std::regex row(R"(\| `([a-z_]+)` \| ([a-z, ]+) \| [^|]+ \| [^|]*\|)");
  for (std::string line; std::getline(file, line);) {
    std::smatch parts;
    if (std::regex_match(line, parts, row)) {
      rows[parts[1]] = parts[2];
    }
  }
  constexpr std::array<std::string_view, 4> kinds{"counter", "gauge", "histogram", "info"};
  for (const MetricFamily& family : metric_families()) {
    std::string kind(kinds[static_cast<std::size_t>(family.kind)]);
    kind.append(family.unit.empty() ? "" : ", ").append(family.unit);
    EXPECT_EQ(rows[std::string(family.name)], kind) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
  }
  for (const ParentFamily& family : parent_families()) {
    EXPECT_EQ(rows[std::string(family.name)], family.counts ? "counter" : "gauge") << family.name;
  }
  EXPECT_EQ(rows.size(), metric_families().size() + parent_families().size())
      << "the page has a family that is not there";
}

TEST(StatusJson, comes_back_as_what_a_screen_shows) {
  const auto seen = overview_of(as_json(two_shards()));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->process, 4711u);
  EXPECT_EQ(seen->engine, "epoll");
  EXPECT_EQ(seen->listeners, std::vector<std::string>{"unix:/a\"b\\c\nd"});
  ASSERT_EQ(seen->shards.size(), 2u);
  EXPECT_EQ(seen->shards[1].requests, 32u);
  EXPECT_EQ(seen->shards[1].operations, 7u);
  EXPECT_EQ(seen->shards[0].longest_turn, kForever);
  EXPECT_EQ(seen->uptime, std::chrono::milliseconds(1500));
}

TEST(StatusJson, of_others_is_refused) {
  for (const char* text : {"", "[]", "{}", "null", "{\"process\": 1}", "nonsense", "{\"vigil\":"}) {
    EXPECT_FALSE(overview_of(text)) << text;
  }
}

}  // namespace

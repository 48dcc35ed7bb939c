// What several processes say, as one answer.
#include "admin/merge.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "admin/json.hpp"
#include "admin/metrics.hpp"

namespace {

using namespace vigil;
using namespace vigil::app;
using nlohmann::json;

Snapshot one(std::uint64_t id, std::uint64_t requests, std::uint64_t accepted) {
  Snapshot made;
  made.version = "1.2.3";
  made.engine = "epoll";
  made.process = {.id = id,
                  .processor_time = std::chrono::milliseconds(250),
                  .resident_bytes = 1000,
                  .descriptors = 12,
                  .descriptor_limit = 1024};
  made.shards.resize(1);
  made.shards[0].http.requests = requests;
  made.stalls.push_back({.number = 0, .stalls = 3});
  made.listeners.push_back({.at = "127.0.0.1:80",
                            .accept = "reuseport",
                            .shards = {{.accepted = accepted, .live = 1, .empty = 0}}});
  return made;
}

Snapshot parent() {
  Snapshot own;
  own.version = "1.2.3";
  own.engine = "poll";
  own.uptime = std::chrono::seconds(3);
  own.process = {.id = 10, .resident_bytes = 500, .descriptors = 5, .descriptor_limit = 1024};
  return own;
}

// Two that answer, and one that does not.
std::vector<FromProcess> three(std::string (*as)(const Snapshot&)) {
  return {{.number = 0, .id = 11, .answered = true, .text = as(one(11, 7, 30)), .restarts = 0},
          {.number = 1, .id = 12, .answered = true, .text = as(one(12, 5, 10)), .restarts = 2},
          {.number = 2, .id = 0, .answered = false, .text = "is being started", .restarts = 9}};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) {
    ++found;
  }
  return found;
}

TEST(Merge, metrics_get_a_label_on_each_sample) {
  const std::string text = merged_metrics(three(&as_open_metrics), as_open_metrics(parent()));
  EXPECT_TRUE(has_line(text, "vigil_http_requests_total{process=\"0\",shard=\"0\"} 7")) << text;
  EXPECT_TRUE(has_line(text, "vigil_http_requests_total{process=\"1\",shard=\"0\"} 5"));
  EXPECT_TRUE(has_line(text, "process_open_fds{process=\"0\"} 12"));
  EXPECT_TRUE(has_line(text, "process_open_fds{process=\"parent\"} 5"));
  EXPECT_TRUE(has_line(text, "vigil_uptime_seconds{process=\"parent\"} 3"));
  EXPECT_TRUE(
      has_line(text, "vigil_build_info{process=\"parent\",version=\"1.2.3\",engine=\"poll\"} 1"));
}

TEST(Merge, metrics_have_each_family_once_and_one_end) {
  const std::string text = merged_metrics(three(&as_open_metrics), as_open_metrics(parent()));
  EXPECT_EQ(count(text, "# TYPE "), metric_families().size() + parent_families().size());
  for (const MetricFamily& family : metric_families()) {
    EXPECT_EQ(count(text, "# TYPE " + std::string(family.name) + " "), 1u) << family.name;
  }
  EXPECT_EQ(count(text, "# EOF\n"), 1u);
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(Merge, metrics_name_who_does_not_answer) {
  const std::string text = merged_metrics(three(&as_open_metrics), as_open_metrics(parent()));
  EXPECT_TRUE(has_line(text, "vigil_process_up{process=\"1\"} 1"));
  EXPECT_TRUE(has_line(text, "vigil_process_up{process=\"2\"} 0"));
  EXPECT_TRUE(has_line(text, "vigil_process_restarts_total{process=\"2\"} 9"));
}

// A value may have what looks like the end of the labels.
TEST(Merge, metrics_keep_values_as_they_are) {
  std::vector<FromProcess> all(1);
  all[0].answered = true;
  all[0].text = "# TYPE a gauge\na{at=\"x{ y}\"} 1\na 2\n# EOF\n";
  const std::string text = merged_metrics(all, "# EOF\n");
  EXPECT_TRUE(has_line(text, "a{process=\"0\",at=\"x{ y}\"} 1")) << text;
  EXPECT_TRUE(has_line(text, "a{process=\"0\"} 2"));
}

TEST(Merge, status_has_the_shards_of_all_and_sums) {
  const json said = json::parse(merged_status(three(&as_json), parent()));
  EXPECT_EQ(said.at("process").at("id"), 10);
  EXPECT_EQ(said.at("process").at("descriptors"), 29);
  EXPECT_EQ(said.at("process").at("resident_bytes"), 2500);
  EXPECT_DOUBLE_EQ(said.at("process").at("cpu_seconds").get<double>(), 0.5);
  ASSERT_EQ(said.at("shards").size(), 2u);
  EXPECT_EQ(said.at("shards")[1].at("process"), 1);
  EXPECT_EQ(said.at("shards")[1].at("http").at("requests"), 5);
  EXPECT_EQ(said.at("stalls").size(), 2u);
  ASSERT_EQ(said.at("processes").size(), 3u);
  EXPECT_EQ(said.at("processes")[1].at("id"), 12);
  EXPECT_EQ(said.at("processes")[1].at("restarts"), 2);
  EXPECT_EQ(said.at("processes")[2].at("serves"), false);
  EXPECT_EQ(said.at("processes")[2].at("error"), "is being started");
  EXPECT_EQ(said.at("engine"), "epoll");
}

TEST(Merge, status_has_a_listener_of_all_once) {
  const json said = json::parse(merged_status(three(&as_json), parent()));
  ASSERT_EQ(said.at("listeners").size(), 1u);
  EXPECT_EQ(said.at("listeners")[0].at("shards").size(), 2u);
  EXPECT_DOUBLE_EQ(said.at("listeners")[0].at("skew").get<double>(), 3.0);
}

TEST(Merge, status_is_what_a_screen_shows) {
  const auto seen = overview_of(merged_status(three(&as_json), parent()));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->process, 10u);
  EXPECT_EQ(seen->processes, 3u);
  ASSERT_EQ(seen->shards.size(), 2u);
  EXPECT_EQ(seen->shards[1].process, 1u);
}

// A process may be of another version, or have lost its mind.
TEST(Merge, status_takes_no_harm_from_what_is_none) {
  std::vector<FromProcess> all = three(&as_json);
  all[0].text = "]";
  all[1].text = "{\"a\":1}";
  const json said = json::parse(merged_status(all, parent()));
  EXPECT_EQ(said.at("shards").size(), 0u);
  EXPECT_EQ(said.at("processes").size(), 3u);
}

TEST(Merge, dumps_stand_one_after_the_other) {
  std::vector<FromProcess> all = three(&as_json);
  all[0].text = "vigil/0, after 3 turns:\n";
  all[1].text = "vigil/0, after 4 turns:\n";
  EXPECT_EQ(merged_dump(all),
            "process 0 (11):\nvigil/0, after 3 turns:\nprocess 1 (12):\nvigil/0, after 4 turns:\n"
            "process 2 is being started.\n");
  all[0].text = "[{\"loop\":\"vigil/0\"}]";
  all[1].text = "[{\"loop\":\"vigil/0\"}]";
  const json said = json::parse(merged_dump_json(all));
  ASSERT_EQ(said.size(), 3u);
  EXPECT_EQ(said[1].at("process"), 1);
  EXPECT_EQ(said[2].at("error"), "is being started");
}

TEST(Merge, a_connection_is_explained_by_who_has_it) {
  std::vector<FromProcess> all = three(&as_json);
  all[0].text = "no connection with that peer is open. `vigil dump` shows who is there.\n";
  all[1].text = "127.0.0.1:5, descriptor 19\n";
  unsigned answer = 0;
  EXPECT_EQ(merged_explanation(all, std::vector<unsigned>{404, 200, 0}, false, &answer),
            "process 1 (12)\n127.0.0.1:5, descriptor 19\n");
  EXPECT_EQ(answer, 200u);
}

// Who did not answer may have it.
TEST(Merge, a_connection_that_nobody_has_names_who_was_not_asked) {
  std::vector<FromProcess> all = three(&as_json);
  all[0].text = all[1].text = "no connection with that peer is open. `vigil dump` shows more.\n";
  unsigned answer = 0;
  EXPECT_EQ(merged_explanation(all, std::vector<unsigned>{404, 404, 0}, false, &answer),
            "no connection with that peer is open. process 2 is being started.\n");
  EXPECT_EQ(answer, 404u);
  all[1].text = "several connections have a peer with that port: a, b.\n";
  EXPECT_EQ(merged_explanation(all, std::vector<unsigned>{404, 404, 0}, false, &answer),
            all[1].text);
}

}  // namespace

// The access log: every byte in every field leaves one well-formed line; what is dropped is counted
// and said.
#include "site/access_log.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <vector>

#include "site/request_id.hpp"
#include "site/text.hpp"

namespace vigil::site {
namespace {

LogRecord sample() {
  LogRecord record;
  record.wall_ns = 784'111'777'042'000'000;
  record.peer = "127.0.0.1:50000";
  record.method = "GET";
  record.target = "/a?b=c";
  record.version = "HTTP/1.1";
  record.status = 200;
  record.bytes = 1024;
  record.duration_ns = 1'234'567;
  record.host = "localhost:8080";
  record.user_agent = "curl/7.88.1";
  record.request_id = "0123456789abcdef0123456789abcdef";
  return record;
}
std::string written(LogFormat format, const LogRecord& record) {
  std::string out;
  LogWriter(format).append(out, record);
  return out;
}

TEST(AccessLog, writes_json) {
  EXPECT_EQ(
      written(LogFormat::json, sample()),
      "{\"time\":\"1994-11-06T08:49:37.042Z\",\"peer\":\"127.0.0.1:50000\",\"method\":\"GET\","
      "\"target\":\"/a?b=c\","
      "\"version\":\"HTTP/"
      "1.1\",\"status\":200,\"bytes\":1024,\"duration_us\":1234,\"host\":\"localhost:8080\","
      "\"user_agent\":\"curl/7.88.1\",\"request_id\":\"0123456789abcdef0123456789abcdef\"}\n");
}

TEST(AccessLog, writes_the_combined_format_with_request_id_and_seconds) {
  EXPECT_EQ(written(LogFormat::common, sample()),
            "127.0.0.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b=c HTTP/1.1\" 200 1024 \"-\" "
            "\"curl/7.88.1\" "
            "0123456789abcdef0123456789abcdef 0.001234\n");
  LogRecord record = sample();
  record.peer = "[::1]:80";
  record.method = {};
  record.complete = false;
  const std::string line = written(LogFormat::common, record);
  EXPECT_TRUE(line.starts_with("::1 - - [")) << line;
  EXPECT_NE(line.find("] \"-\" 200"), std::string::npos);
  EXPECT_TRUE(line.ends_with(" incomplete\n")) << line;
}

TEST(AccessLog, when_off_writes_nothing) { EXPECT_EQ(written(LogFormat::off, sample()), ""); }

TEST(AccessLog, dates_each_second) {
  LogWriter writer(LogFormat::json);
  std::string out;
  LogRecord record = sample();
  writer.append(out, record);
  record.wall_ns += 1'000'000'000;
  writer.append(out, record);
  record.wall_ns = -1'000'000;
  writer.append(out, record);
  EXPECT_NE(out.find("08:49:37.042Z"), std::string::npos);
  EXPECT_NE(out.find("08:49:38.042Z"), std::string::npos);
  EXPECT_NE(out.find("1969-12-31T23:59:59.999Z"), std::string::npos);
}

// CVE-2009-4487: bytes of a request, written raw, make lines of their own or drive the terminal
// that shows the log.
TEST(AccessLog, stays_one_printable_line_for_every_byte_in_every_field) {
  std::string_view LogRecord::* const fields[] = {
      &LogRecord::peer, &LogRecord::method,  &LogRecord::target,     &LogRecord::version,
      &LogRecord::host, &LogRecord::referer, &LogRecord::user_agent, &LogRecord::request_id};
  for (const auto field : fields) {
    for (int byte = 0; byte < 256; ++byte) {
      const std::string value = std::string("a") + static_cast<char>(byte) + "b:c";
      LogRecord record = sample();
      record.*field = value;
      for (const LogFormat format : {LogFormat::json, LogFormat::common}) {
        const std::string line = written(format, record);
        ASSERT_EQ(line.find('\n'), line.size() - 1) << byte;
        for (const char c : line.substr(0, line.size() - 1)) {
          const auto b = static_cast<unsigned char>(c);
          ASSERT_TRUE(b >= 0x20 && b < 0x7f) << byte;
        }
      }
      const auto json = nlohmann::json::parse(written(LogFormat::json, record));
      bool found = false;
      std::string expected = byte < 0x80 ? value
                                         : std::string("a") + static_cast<char>(0xc0 | byte >> 6) +
                                               static_cast<char>(0x80 | (byte & 0x3f)) + "b:c";
      for (const auto& [key, member] : json.items()) {
        found = found || (member.is_string() && member.get<std::string>() == expected);
      }
      ASSERT_TRUE(found) << byte;
    }
  }
}

TEST(AccessLog, quotes_cannot_be_left_in_either_format) {
  LogRecord record = sample();
  record.user_agent = R"(x" 500 "evil\)";
  EXPECT_NE(written(LogFormat::common, record).find(R"("x\" 500 \"evil\\")"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(written(LogFormat::json, record))["user_agent"],
            record.user_agent);
}

TEST(AccessLog, is_valid_json_for_any_bytes_and_keeps_what_is_utf8) {
  std::mt19937 random(57);
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes(random() % 24, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random() % 3 == 0 ? random() : 0xc0 + random() % 64);
    }
    LogRecord record = sample();
    record.target = bytes;
    ASSERT_TRUE(nlohmann::json::accept(written(LogFormat::json, record)));
  }
  LogRecord record = sample();
  record.target =
      "/Gr\xc3\xb6\xc3\x9f"
      "e/\xe2\x82\xac/\xf0\x9f\x98\x80";
  EXPECT_EQ(nlohmann::json::parse(written(LogFormat::json, record))["target"], record.target);
}

TEST(AccessLog, cuts_long_fields) {
  const std::string target(100'000, '\x01');
  LogRecord record = sample();
  record.target = target;
  for (const LogFormat format : {LogFormat::json, LogFormat::common}) {
    const std::string line = written(format, record);
    EXPECT_LT(line.size(), 26'000U);
    EXPECT_NE(line.find("...\""), line.find("... HTTP"));
  }
}

TEST(LogBuffer, hands_out_whole_lines_and_fills_meanwhile) {
  LogBuffer buffer(LogFormat::json, 64 * 1024);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.take(0), "");
  ASSERT_TRUE(buffer.append(sample()));
  const std::string_view first = buffer.take(0);
  EXPECT_EQ(first, written(LogFormat::json, sample()));
  ASSERT_TRUE(buffer.append(sample()));
  EXPECT_EQ(buffer.take(0), "") << "the first is still being written";
  EXPECT_EQ(first, written(LogFormat::json, sample()));
  buffer.written();
  EXPECT_EQ(buffer.take(0), written(LogFormat::json, sample()));
  buffer.written();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.dropped().get(), 0U);
}

TEST(LogBuffer, when_full_drops_lines_and_says_how_many) {
  for (const LogFormat format : {LogFormat::json, LogFormat::common}) {
    LogBuffer buffer(format, 8192);
    std::uint64_t kept = 0;
    std::uint64_t refused = 0;
    for (int i = 0; i < 100; ++i) {
      ++(buffer.append(sample()) ? kept : refused);
    }
    EXPECT_GT(kept, 10U);
    EXPECT_GT(refused, 10U);
    EXPECT_EQ(buffer.dropped().get(), refused);
    const std::string lines(buffer.take(784'111'777'000'000'000));
    EXPECT_EQ(static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')), kept + 1);
    const std::string last = lines.substr(lines.rfind('\n', lines.size() - 2) + 1);
    EXPECT_EQ(last, format == LogFormat::json
                        ? "{\"time\":\"1994-11-06T08:49:37Z\",\"dropped_lines\":" +
                              std::to_string(refused) + "}\n"
                        : "# [06/Nov/1994:08:49:37 +0000] " + std::to_string(refused) +
                              " lines dropped: they could not be written as fast as they came\n");
    buffer.written(5);  // the write failed for five of them: said next time
    EXPECT_FALSE(buffer.empty());
    EXPECT_NE(buffer.take(0).find("5"), std::string_view::npos);
    EXPECT_EQ(buffer.dropped().get(), refused + 5);
  }
}

TEST(LogBuffer, does_not_grow) {
  LogBuffer buffer(LogFormat::common, 4096);
  const std::string agent(4096, '\xff');
  LogRecord record = sample();
  record.user_agent = agent;  // this line alone is larger than the buffer
  EXPECT_FALSE(buffer.append(record));
  EXPECT_TRUE(buffer.append(sample()));
  EXPECT_EQ(buffer.dropped().get(), 1U);
}

TEST(RequestId, is_32_digits_of_which_half_are_the_process) {
  RequestIds ids(0x0123456789abcdef, 42);
  std::set<std::string> seen;
  for (int i = 0; i < 100'000; ++i) {
    const RequestId id = ids.name(ids.take());
    ASSERT_EQ(id.text().substr(0, 16), "0123456789abcdef");
    ASSERT_EQ(id.text().find_first_not_of("0123456789abcdef"), std::string_view::npos);
    ASSERT_TRUE(seen.emplace(id.text()).second);
  }
}

TEST(RequestId, is_found_by_the_tag_of_its_number) {
  // The low half and the whole go around somewhere.
  for (const std::uint64_t start : {0ULL, 42ULL, 0xffffffffULL, ~0ULL, 0xfffffffe00000000ULL}) {
    RequestIds ids(1, start);
    std::vector<std::uint64_t> taken;
    for (int i = 0; i < 10'000; ++i) {
      taken.push_back(ids.take());
      ASSERT_EQ(ids.number_of(RequestIds::tag_of(taken.back())), taken.back());
    }
    for (const std::uint64_t number : taken) {
      ASSERT_EQ(ids.number_of(RequestIds::tag_of(number)), number);
    }
  }
}

TEST(RequestId, has_no_tag_of_zero) {
  const std::uint64_t step = RequestIds(1, 0).take();
  for (const std::uint64_t start : {0 - step, (std::uint64_t{7} << 32U) - step}) {
    RequestIds ids(1, start);  // the next number would have one
    const std::uint64_t number = ids.take();
    EXPECT_NE(RequestIds::tag_of(number), 0U);
    EXPECT_EQ(ids.number_of(RequestIds::tag_of(number)), number);
  }
}

}  // namespace
}  // namespace vigil::site

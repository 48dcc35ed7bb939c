// The request parser's limits, and that it reads the same however the bytes come.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "request_parsing.hpp"

namespace vigil::http {
namespace {

using testing::reading_in_steps;
using testing::reading_of;
using testing::RequestReader;

TEST(RequestParser, LimitsTheNumberOfFields) {  // 10^5 header lines: CVE-2024-37890
  std::string lines;
  for (int i = 0; i < 99; ++i) {
    lines += "X: 1\r\n";
  }
  EXPECT_EQ(fault_with(lines), Fault::none);
  EXPECT_EQ(fault_with(lines + "X: 1\r\n"), Fault::too_many_fields);
  EXPECT_EQ(describe(Fault::too_many_fields).status, 431);
  std::string endless = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100'000; ++i) {
    endless += "Upgrade: x\r\n";
  }
  EXPECT_EQ(fault_of(endless), Fault::too_many_fields);
  std::array<FieldSlot, 2> slots;
  RequestHead head(slots);
  RequestParser parser;
  const std::string three = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n";
  EXPECT_EQ(parser.parse(as_bytes(three), head), Progress::refused);
  EXPECT_EQ(parser.fault(), Fault::too_many_fields);
}

TEST(RequestParser, LimitsHeadAndRequestLineToTheByte) {
  const HeadLimits limits{.request_line = 100, .head = 200};
  const auto line_of = [](std::size_t size) {
    return "GET /" + std::string(size - 5 - 11, 'x') + " HTTP/1.1\r\n";
  };
  EXPECT_EQ(Parsed(line_of(100) + "Host: a\r\n\r\n", limits).progress, Progress::complete);
  const Parsed long_line(line_of(101) + "Host: a\r\n\r\n", limits);
  EXPECT_EQ(long_line.parser.fault(), Fault::request_line_too_long);
  EXPECT_EQ(describe(Fault::request_line_too_long).status, 414);

  const auto head_of = [&](std::size_t size) {
    const std::string start = line_of(50) + "Host: a\r\nX: ";
    return start + std::string(size - start.size() - 4, 'y') + "\r\n\r\n";
  };
  EXPECT_EQ(Parsed(head_of(200), limits).progress, Progress::complete);
  const Parsed large(head_of(201), limits);
  EXPECT_EQ(large.parser.fault(), Fault::head_too_large);
  EXPECT_EQ(describe(Fault::head_too_large).status, 431);
  EXPECT_EQ(Parsed(head_of(200).substr(0, 199), limits).progress, Progress::need_more);
}

TEST(RequestParser, ReadsTheSameHoweverTheBytesAreSplit) {
  const std::string stream =
      "\r\nGET /a/b?c HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: x/1 (y; z)\r\nEmpty:\r\n\r\n"
      "POST http://h:1/ HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\nConnection: te, "
      "keep-alive\r\n\r\n1234567"
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1 \r\n\r\n"
      "OPTIONS * HTTP/1.0\r\n\r\n";
  const std::string whole = reading_of<RequestReader>(stream);
  EXPECT_TRUE(whole.ends_with("ended")) << whole;
  for (std::size_t step = 1; step < 40; ++step) {
    EXPECT_EQ(reading_in_steps<RequestReader>(stream, step), whole) << step;
  }
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    RequestReader reader;
    reader.feed(stream.substr(0, cut));
    reader.feed(stream.substr(cut));
    EXPECT_EQ(reader.reading(), whole) << cut;
  }
}

TEST(RequestParser, FindsTheSameFaultHoweverTheBytesAreSplit) {
  for (const std::string stream :
       {"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/3.0\r\n",
        "G\x01T / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", "\r\n\r\n",
        "CONNECT  HTTP/1.1\r\n", "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n"}) {
    const std::string whole = reading_of<RequestReader>(stream);
    EXPECT_NE(whole.find("refused"), std::string::npos) << stream;
    EXPECT_EQ(reading_in_steps<RequestReader>(stream, 1), whole);
    EXPECT_EQ(reading_in_steps<RequestReader>(stream, 3), whole);
  }
}

// A head that drips byte by byte must not be read again from its start each time: it would cost its
// square.
TEST(RequestParser, LooksAtNoByteTwice) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(30'000, 'x') + "\r\n\r\n";
  RequestStorage storage;
  RequestParser parser;
  std::size_t size = 1;
  while (parser.parse(as_bytes({text.data(), size}), storage.head) == Progress::need_more) {
    // What was read is made unreadable: a second look would find a control byte. (The head's own CR
    // is looked at again.)
    if (size > 200 && size < text.size() - 4) {
      text[size - 100] = '\x01';
    }
    ++size;
  }
  EXPECT_EQ(parser.fault(), Fault::none);
  EXPECT_EQ(size, text.size());
}

TEST(RequestParser, LeavesWhatFollowsUntouched) {  // pipelining
  const std::string one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string stream;
  for (int i = 0; i < 16; ++i) {
    stream += one;
  }
  RequestStorage storage;
  RequestParser parser;
  std::size_t at = 0;
  int count = 0;
  while (at < stream.size()) {
    ASSERT_EQ(parser.parse(as_bytes(std::string_view(stream).substr(at)), storage.head),
              Progress::complete);
    EXPECT_EQ(storage.head.size(), one.size());
    EXPECT_EQ(storage.head.fields().size(), 1u);
    at += storage.head.size();
    ++count;
  }
  EXPECT_EQ(count, 16);
}

TEST(RequestParser, StaysRefusedUntilReset) {
  RequestStorage storage;
  RequestParser parser;
  EXPECT_EQ(parser.parse(as_bytes("\n"), storage.head), Progress::refused);
  EXPECT_EQ(parser.parse(as_bytes("GET / HTTP/1.0\r\n\r\n"), storage.head), Progress::refused);
  EXPECT_EQ(parser.fault(), Fault::bare_lf);
  parser.reset();
  EXPECT_EQ(parser.parse(as_bytes("GET / HTTP/1.0\r\n\r\n"), storage.head), Progress::complete);
}

TEST(RequestParser, ForgetsTheHeadBefore) {
  RequestStorage storage;
  RequestParser parser;
  EXPECT_EQ(
      parser.parse(
          as_bytes("POST http://x/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                   "Expect: 100-continue\r\nUpgrade: x\r\nConnection: upgrade, close\r\n\r\n"),
          storage.head),
      Progress::complete);
  EXPECT_EQ(parser.parse(as_bytes("GET / HTTP/1.1\r\nHost: b\r\n\r\n"), storage.head),
            Progress::complete);
  EXPECT_EQ(testing::text_of(storage.head),
            "GET / 1.1 path=/ query=- authority=b keep-alive body=none\n  Host=b\n");
  EXPECT_FALSE(storage.head.fields().has(KnownField::upgrade));
}

TEST(RequestParser, TakesNothingFromNoBytes) {
  RequestStorage storage;
  RequestParser parser;
  EXPECT_EQ(parser.parse({}, storage.head), Progress::need_more);
  EXPECT_EQ(parser.parse({}, storage.head), Progress::need_more);
  EXPECT_FALSE(parser.in_head());
  EXPECT_EQ(parser.parse(as_bytes("\r"), storage.head), Progress::need_more);
  EXPECT_TRUE(parser.in_head());
}

TEST(RequestParser, IsSmallBetweenRequests) {
  EXPECT_LE(sizeof(RequestParser), 16u);
  EXPECT_LE(sizeof(BodyReader), 24u);
  EXPECT_LE(sizeof(RequestStorage), 1'408u);
}

TEST(Faults, EachHasAStatusAndASentence) {
  for (int f = 1; f <= static_cast<int>(Fault::trailer_forbidden); ++f) {
    const Refusal refusal = describe(static_cast<Fault>(f));
    EXPECT_TRUE(refusal.status >= 400 && refusal.status <= 505) << f;
    EXPECT_GT(refusal.reason.size(), 10u) << f;
    EXPECT_NE(refusal.reason, "the message is malformed") << f;
  }
}

}  // namespace
}  // namespace vigil::http

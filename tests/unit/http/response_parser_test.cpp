// The response parser and the trailer parser against RFC 9112 sections 4, 6.3 and 7.1.2.
#include <gtest/gtest.h>

#include <string>

#include "tests/fuzz/http_reading.hpp"

namespace vigil::http {
namespace {

using testing::reading_in_steps;
using testing::reading_of;
using testing::ResponseReader;

struct Parsed {
  explicit Parsed(std::string bytes, Method asked = Method::get) : text(std::move(bytes)) {
    progress = parser.parse(as_bytes(text), storage.head, asked);
  }
  std::string framing() const { return testing::text_of(storage.head.framing()); }

  std::string text;
  ResponseParser parser;
  ResponseStorage storage;
  Progress progress;
};

TEST(ResponseParser, ReadsStatusAndReason) {
  const Parsed p("HTTP/1.1 404 Not \xe9 Found\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(p.progress, Progress::complete);
  EXPECT_EQ(p.storage.head.status(), 404);
  EXPECT_EQ(p.storage.head.reason(), "Not \xe9 Found");
  EXPECT_EQ(p.storage.head.fields().find(KnownField::content_length), "0");
  EXPECT_EQ(p.storage.head.size(), p.text.size());
  EXPECT_EQ(Parsed("HTTP/1.1 200 \r\n\r\n").storage.head.reason(), "");
  EXPECT_EQ(Parsed("HTTP/1.1 200\r\n\r\n").storage.head.reason(), "");
  EXPECT_EQ(Parsed("HTTP/1.0 599 x\r\n\r\n").storage.head.version(), Version::http_1_0);
}

TEST(ResponseParser, RefusesMalformedStatusLines) {  // RFC 9112 section 4
  struct Case {
    std::string line;
    Fault fault;
  };
  for (const Case& c : {
           Case{"HTTP/1.1  200 OK\r\n", Fault::bad_status},
           {"HTTP/1.1 20 OK\r\n", Fault::bad_status},
           {"HTTP/1.1 2000 OK\r\n", Fault::bad_reason},
           {"HTTP/1.1 099 OK\r\n", Fault::bad_status},
           {"HTTP/1.1 600 OK\r\n", Fault::bad_status},
           {"HTTP/1.1 +20 OK\r\n", Fault::bad_status},
           {"HTTP/1.1 200\tOK\r\n", Fault::bad_reason},
           {"HTTP/1.1\t200 OK\r\n", Fault::bad_version},
           {"HTTP/2 200 OK\r\n", Fault::unsupported_version},
           {"HTTP/1 200 OK\r\n", Fault::bad_version},
           {"ICY 200 OK\r\n", Fault::bad_version},
           {"\r\nHTTP/1.1 200 OK\r\n", Fault::bad_version},
           {"HTTP/1.1 200 OK\n", Fault::bare_lf},
           {"HTTP/1.1 200\n", Fault::bare_lf},
           {"HTTP/1.1 200 OK\rX", Fault::bare_cr},
           {"HTTP/1.1 200 O\x01K\r\n", Fault::control_byte},
           {std::string("HTTP/1.1 200 O\0K\r\n", 18), Fault::null_byte},
       }) {
    EXPECT_EQ(Parsed(c.line + "\r\n").parser.fault(), c.fault) << c.line;
  }
}

TEST(ResponseParser, KnowsWhereTheBodyEnds) {  // RFC 9112 section 6.3, rule by rule
  const std::string length = "\r\nContent-Length: 5\r\n\r\n";
  const std::string chunked = "\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(Parsed("HTTP/1.1 200 OK" + length).framing(), "5");
  EXPECT_EQ(Parsed("HTTP/1.1 200 OK" + chunked).framing(), "chunked");
  EXPECT_EQ(Parsed("HTTP/1.1 200 OK\r\n\r\n").framing(), "until close");
  EXPECT_EQ(Parsed("HTTP/1.1 200 OK" + length, Method::head).framing(), "none");
  EXPECT_EQ(Parsed("HTTP/1.1 200 OK" + chunked, Method::head).framing(), "none");
  for (const char* status : {"100", "103", "204", "304"}) {
    EXPECT_EQ(Parsed("HTTP/1.1 " + std::string(status) + " x" + length).framing(), "none")
        << status;
    EXPECT_EQ(Parsed("HTTP/1.1 " + std::string(status) + " x" + chunked).framing(), "none")
        << status;
  }
  EXPECT_EQ(Parsed("HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\n").framing(), "tunnel");
  EXPECT_EQ(Parsed("HTTP/1.1 200 x" + length, Method::connect).framing(), "tunnel");
  EXPECT_EQ(Parsed("HTTP/1.1 407 x" + length, Method::connect).framing(), "5");
}

TEST(ResponseParser, RefusesTwoFramings) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(Parsed(ok + chunked + "Content-Length: 1\r\n\r\n").parser.fault(),
            Fault::length_and_coding);
  EXPECT_EQ(Parsed(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n").parser.fault(),
            Fault::length_repeated);
  EXPECT_EQ(Parsed("HTTP/1.0 200 OK\r\n" + chunked + "\r\n").parser.fault(), Fault::coding_in_1_0);
  EXPECT_EQ(Parsed(ok + "Transfer-Encoding: gzip\r\n\r\n").parser.fault(),
            Fault::coding_not_chunked_last);
}

TEST(ResponseParser, DecidesOnTheConnection) {
  const auto keeps = [](const std::string& head) {
    return Parsed(head + "\r\n").storage.head.keep_alive();
  };
  EXPECT_TRUE(keeps("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1 200 OK\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n"));
  EXPECT_TRUE(keeps("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1 101 x\r\n"));
}

TEST(ResponseParser, PreservesTheBytesBehindAnUpgrade) {
  const std::string stream =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x01x\r\n\r\n";
  EXPECT_TRUE(reading_of<ResponseReader>(stream).ends_with("tunnel \x81\x01x\r\n\r\n"));
  EXPECT_EQ(reading_in_steps<ResponseReader>(stream, 1), reading_of<ResponseReader>(stream));
}

TEST(ResponseParser, ReadsTheSameHoweverTheBytesAreSplit) {
  const std::string stream =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nTransfer-Encoding: "
      "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
      "HTTP/1.1 204 No Content\r\nX:  y \r\n\r\nHTTP/1.0 200 OK\r\n\r\nuntil the end";
  const std::string whole = reading_of<ResponseReader>(stream);
  EXPECT_TRUE(whole.ends_with("until the endended")) << whole;
  for (std::size_t step = 1; step < 30; ++step) {
    EXPECT_EQ(reading_in_steps<ResponseReader>(stream, step), whole) << step;
  }
}

TEST(ResponseParser, TellsACutOffBodyFromAWholeOne) {  // RFC 9112 section 8
  EXPECT_TRUE(reading_of<ResponseReader>("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")
                  .ends_with("abccut off"));
  EXPECT_TRUE(
      reading_of<ResponseReader>("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
          .ends_with("cut off"));
  EXPECT_TRUE(reading_of<ResponseReader>("HTTP/1.1 200 OK\r\nContent-Len").ends_with("cut off"));
}

TEST(TrailerParser, ReadsFieldsApart) {
  TrailerStorage storage;
  TrailerParser parser;
  const std::string text = "X-Sum: 1\r\nY: \r\n\r\nGET";
  ASSERT_EQ(parser.parse(as_bytes(text), storage.head), Progress::complete);
  EXPECT_EQ(storage.head.size(), 2u);
  EXPECT_EQ(storage.head.find("x-sum"), "1");
  EXPECT_EQ(parser.size(), text.size() - 3);
  ASSERT_EQ(parser.parse(as_bytes("\r\n"), storage.head), Progress::complete);
  EXPECT_EQ(storage.head.size(), 0u);
  EXPECT_EQ(parser.size(), 2u);
}

TEST(TrailerParser, RefusesFieldsThatFrameOrRoute) {  // RFC 9110 section 6.5.1
  for (const char* name :
       {"Content-Length", "Transfer-Encoding", "Host", "Connection", "Authorization", "Trailer"}) {
    TrailerStorage storage;
    TrailerParser parser;
    EXPECT_EQ(parser.parse(as_bytes(std::string(name) + ": 1\r\n\r\n"), storage.head),
              Progress::refused)
        << name;
    EXPECT_EQ(parser.fault(), Fault::trailer_forbidden);
  }
}

TEST(TrailerParser, IsBounded) {
  TrailerStorage storage;
  TrailerParser parser;
  const std::string text = "X: " + std::string(TrailerParser::kLimit, 'x');
  EXPECT_EQ(parser.parse(as_bytes(text), storage.head), Progress::refused);
  EXPECT_EQ(parser.fault(), Fault::trailer_too_large);
  parser.reset();
  std::string many;
  for (int i = 0; i < 101; ++i) {
    many += "a:\r\n";
  }
  EXPECT_EQ(parser.parse(as_bytes(many), storage.head), Progress::refused);
  EXPECT_EQ(parser.fault(), Fault::too_many_fields);
}

}  // namespace
}  // namespace vigil::http

// A head that remembers the lines it read last reads what every other head reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "tests/fuzz/http_reading.hpp"

namespace vigil::http {
namespace {

using testing::reading_in_steps;
using testing::reading_of;
using testing::RememberingReader;
using testing::RememberingStorage;
using testing::RequestReader;

const std::string kLines = "Host: a\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n";

std::string kept(const RememberingStorage& storage) {
  return {storage.room.begin(), storage.room.end()};
}

Progress parse(RememberingStorage& storage, std::string_view text) {
  RequestParser parser;
  return parser.parse(as_bytes(text), storage.head);
}

TEST(RememberedLines, AreSeenWhereTheyStandThisTime) {
  RememberingStorage storage;
  const std::string first = "GET / HTTP/1.1\r\n" + kLines;
  const std::string second = "POST /a/longer/one?q HTTP/1.1\r\n" + kLines + "GET ";
  ASSERT_EQ(parse(storage, first), Progress::complete);
  ASSERT_EQ(parse(storage, second), Progress::complete);
  EXPECT_EQ(testing::text_of(storage.head),
            "POST /a/longer/one?q 1.1 path=/a/longer/one query=q authority=a keep-alive body=none\n"
            "  Host=a\n  User-Agent=x\n  Accept=*/*\n");
  EXPECT_EQ(storage.head.size(), second.size() - 4);
  const std::string_view host = *storage.head.fields().find(KnownField::host);
  EXPECT_GE(host.data(), second.data());
  EXPECT_LT(host.data(), second.data() + second.size());
}

// What follows from the lines is kept with them; what follows from the request line is not.
TEST(RememberedLines, MeanWhatTheyMeantBefore) {
  for (const std::string lines :
       {"Host: a\r\nContent-Length: 3\r\n\r\nabc", "Host: a\r\nConnection: close\r\n\r\n",
        "Host: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "Host: a\r\nHost: a\r\n\r\n",
        "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "\r\n",
        "Host: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"}) {
    std::string stream;
    for (const char* line :
         {"GET / HTTP/1.1", "GET /b HTTP/1.1", "HEAD * HTTP/1.1", "GET http://h/ HTTP/1.1",
          "GET / HTTP/1.0", "GET / HTTP/1.1", "CONNECT a:1 HTTP/1.1", "GET / HTTP/1.1"}) {
      stream.append(line).append("\r\n").append(lines);
      const std::string whole = reading_of<RequestReader>(stream);
      EXPECT_EQ(reading_of<RememberingReader>(stream), whole);
      for (const std::size_t step : {1u, 7u, 30u}) {
        EXPECT_EQ(reading_in_steps<RememberingReader>(stream, step), whole) << step;
      }
    }
  }
}

TEST(RememberedLines, AreForgottenWhenOthersCome) {
  const std::string a = "GET / HTTP/1.1\r\n" + kLines;
  for (const std::string other :
       {"GET / HTTP/1.1\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: y\r\nAc",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
    RememberingStorage storage;
    ASSERT_EQ(parse(storage, a), Progress::complete);
    const std::string expected = testing::text_of(storage.head);
    static_cast<void>(parse(storage, other));
    ASSERT_EQ(parse(storage, a), Progress::complete);
    EXPECT_EQ(testing::text_of(storage.head), expected);
  }
}

TEST(RememberedLines, CountInTheLimitOfTheHead) {
  RememberingStorage storage;
  const std::string text = "GET / HTTP/1.1\r\n" + kLines;
  ASSERT_EQ(parse(storage, text), Progress::complete);
  const std::string longer = "GET /longer HTTP/1.1\r\n" + kLines;
  RequestParser parser;
  EXPECT_EQ(parser.parse(as_bytes(longer), storage.head,
                         {.head = static_cast<std::uint16_t>(text.size())}),
            Progress::refused);
  EXPECT_EQ(parser.fault(), Fault::head_too_large);
}

// Cause: a copy of them would outlive its request, and be told by the time that the next one takes.
TEST(RememberedLines, HoldNoCredentials) {
  for (const std::string name : {"Cookie", "authorization", "Proxy-Authorization"}) {
    RememberingStorage storage;
    storage.room.fill('.');
    ASSERT_EQ(parse(storage, "GET / HTTP/1.1\r\nHost: a\r\n" + name + ": secret\r\n\r\n"),
              Progress::complete);
    EXPECT_EQ(kept(storage).find("secret"), std::string::npos) << name;
  }
}

TEST(RememberedLines, AreKeptAsFarAsTheRoomGoes) {
  RememberingStorage storage;
  storage.room.fill('.');
  const std::string fits = std::string(storage.room.size() - 16, 'x');
  ASSERT_EQ(parse(storage, "GET / HTTP/1.1\r\nHost: a\r\nX: " + fits + "y\r\n\r\n"),
            Progress::complete);
  EXPECT_EQ(kept(storage), std::string(storage.room.size(), '.'));
  ASSERT_EQ(parse(storage, "GET / HTTP/1.1\r\nHost: a\r\nX: " + fits + "\r\n\r\n"),
            Progress::complete);
  EXPECT_TRUE(kept(storage).starts_with("Host: a\r\nX: xx"));
}

}  // namespace
}  // namespace vigil::http

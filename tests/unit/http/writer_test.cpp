// The head writer: what it writes, what it refuses to write, and that its own parsers read it back.
#include "vigil/http/writer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/fuzz/http_reading.hpp"

namespace vigil::http {
namespace {

// The text written by `write`, or the error's message.
template <class Write>
std::string written(Write write, std::size_t room = 512) {
  std::string memory(room, '?');
  HeadWriter out(memory);
  write(out);
  const auto size = out.finish();
  return size ? memory.substr(0, *size)
              : std::make_error_code(static_cast<std::errc>(size.error().value())).message();
}

const std::string kRefused = std::make_error_code(std::errc::invalid_argument).message();
const std::string kNoRoom = std::make_error_code(std::errc::no_buffer_space).message();

TEST(HeadWriter, WritesAResponse) {
  DateLine date;
  EXPECT_EQ(
      written([&](HeadWriter& out) {
        out.status(200).date(date, 784'111'777).lines("Server: vigil\r\n");
        out.field(KnownField::content_type, "text/plain").field("X-Own", "").content_length(13);
      }),
      "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: vigil\r\n"
      "Content-Type: text/plain\r\nX-Own: \r\nContent-Length: 13\r\n\r\n");
  EXPECT_EQ(written([](HeadWriter& out) { out.status(404).chunked(); }),
            "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(written([](HeadWriter& out) { out.status(299, "Own"); }), "HTTP/1.1 299 Own\r\n\r\n");
  EXPECT_EQ(written([](HeadWriter& out) { out.status(599); }), "HTTP/1.1 599 \r\n\r\n");
}

TEST(HeadWriter, WritesARequest) {
  EXPECT_EQ(written([](HeadWriter& out) {
              out.request(Method::post, "/a?b").field(KnownField::host, "h:1").content_length(0);
            }),
            "POST /a?b HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(written([](HeadWriter& out) { out.request("BREW", "*"); }), "BREW * HTTP/1.1\r\n\r\n");
}

TEST(HeadWriter, WritesTrailers) {
  EXPECT_EQ(written([](HeadWriter& out) { out.last_chunk().field("X-Sum", "1"); }),
            "0\r\nX-Sum: 1\r\n\r\n");
  EXPECT_EQ(written([](HeadWriter& out) { out.last_chunk(); }), kLastChunk);
}

TEST(HeadWriter, RefusesToSplitTheResponse) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const std::string text = std::string("a") + byte + "b";
    const bool in_value = c == '\t' || (c >= 0x20 && c != 0x7f);
    EXPECT_EQ(written([&](HeadWriter& out) { out.status(200).field("X", text); }) != kRefused,
              in_value)
        << c;
    EXPECT_EQ(written([&](HeadWriter& out) {
                out.status(302).field(KnownField::location, text);
              }) != kRefused,
              in_value)
        << c;
    EXPECT_EQ(written([&](HeadWriter& out) { out.status(200, text); }) != kRefused, in_value) << c;
    const bool in_name =
        written([&](HeadWriter& out) { out.status(200).field(text, "x"); }) != kRefused;
    EXPECT_EQ(in_name, (std::isalnum(c) != 0 && c < 128) ||
                           (c != 0 && std::string_view("!#$%&'*+-.^_`|~").contains(byte)))
        << c;
    const bool in_target =
        written([&](HeadWriter& out) { out.request(Method::get, "/" + text); }) != kRefused;
    EXPECT_EQ(in_target, c > 0x20 && c < 0x7f && c != '#') << c;
  }
}

TEST(HeadWriter, RefusesWhatIsNoMessage) {
  const auto refused = [](auto write) { return written(write) == kRefused; };
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(99); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(600); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(200).status(200); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.field("X", "y"); }));
  EXPECT_TRUE(refused([](HeadWriter&) {}));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(200).field("", "y"); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(200).field("X", " y"); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(200).field("X", "y\t"); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(200).field(KnownField::other, "y"); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.request("GET", ""); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.request("G T", "/"); }));
}

TEST(HeadWriter, WritesOneFramingAtMost) {
  const auto refused = [](auto write) { return written(write) == kRefused; };
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(200).content_length(1).chunked(); }));
  EXPECT_TRUE(
      refused([](HeadWriter& out) { out.status(200).content_length(1).content_length(1); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(200).field("content-LENGTH", "1"); }));
  EXPECT_TRUE(
      refused([](HeadWriter& out) { out.status(200).field("transfer-encoding", "chunked"); }));
  EXPECT_TRUE(
      refused([](HeadWriter& out) { out.status(200).field(KnownField::content_length, 1); }));
  EXPECT_TRUE(
      refused([](HeadWriter& out) { out.status(200).lines("Content-Length: 1\r\n").chunked(); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(204).content_length(0); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.status(101).chunked(); }));
  EXPECT_TRUE(refused([](HeadWriter& out) { out.last_chunk().content_length(0); }));
  EXPECT_FALSE(refused([](HeadWriter& out) { out.status(304).content_length(7); }));
}

TEST(HeadWriter, StaysInItsRoom) {
  const auto write = [](HeadWriter& out) {
    out.status(404)
        .field(KnownField::server, "vigil")
        .lines("A: b\r\n")
        .field("X-Long", std::string(40, 'x'))
        .content_length(5);
  };
  const std::string whole = written(write);
  for (std::size_t room = 0; room < whole.size(); ++room) {
    std::string memory(room + 8, '?');
    HeadWriter out(std::span<char>(memory.data(), room));
    write(out);
    const auto size = out.finish();
    ASSERT_FALSE(size.has_value()) << room;
    EXPECT_EQ(size.error(), std::errc::no_buffer_space);
    EXPECT_EQ(memory.substr(room), "????????");
  }
  EXPECT_EQ(written(write, whole.size()), whole);
  EXPECT_EQ(written(write, 10), kNoRoom);
}

TEST(HeadWriter, PreparesLinesForLater) {
  std::array<char, 128> memory{};
  HeadWriter prepare(memory);
  prepare.fields().field(KnownField::etag, "\"x\"").content_length(9);
  const auto lines = prepare.finish_lines();
  ASSERT_TRUE(lines.has_value());
  EXPECT_EQ(lines->text(), "ETag: \"x\"\r\nContent-Length: 9\r\n");
  EXPECT_EQ(written([&](HeadWriter& out) { out.status(200).lines(*lines); }),
            "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(written([&](HeadWriter& out) { out.status(200).lines(*lines).chunked(); }), kRefused);
  HeadWriter head(memory);
  head.status(200);
  EXPECT_FALSE(head.finish_lines().has_value());
  EXPECT_EQ(written([](HeadWriter& out) { out.fields().field("X", "y"); }), kRefused);
}

TEST(HeadWriter, IsReadBackByTheParsers) {
  const std::string text = written([](HeadWriter& out) {
    out.status(206)
        .field(KnownField::content_range, "bytes 0-1/2")
        .field("X-Own", "a\tb")
        .content_length(2);
  });
  EXPECT_EQ(testing::reading_of<testing::ResponseReader>(text + "ab"),
            "206 Partial Content 1.1 keep-alive body=2\n  Content-Range=bytes 0-1/2\n  X-Own=a\tb\n"
            "  Content-Length=2\n[ab]\nended");
}

TEST(ChunkHead, IsHexadecimalWithoutZeros) {
  EXPECT_EQ(ChunkHead(1).text(), "1\r\n");
  EXPECT_EQ(ChunkHead(0x1a2b).text(), "1a2b\r\n");
  EXPECT_EQ(ChunkHead(~std::uint64_t{0}).text(), "ffffffffffffffff\r\n");
}

TEST(ChunkHeadDeathTest, OfNothingIsACheck) { EXPECT_DEATH(ChunkHead(0), "would end the body"); }

TEST(Reasons, AreKnownForWhatIsRefused) {
  for (int f = 1; f <= static_cast<int>(Fault::trailer_forbidden); ++f) {
    EXPECT_FALSE(reason_of(describe(static_cast<Fault>(f)).status).empty()) << f;
  }
}

}  // namespace
}  // namespace vigil::http

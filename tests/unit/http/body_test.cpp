// Bodies: chunked decoding with its limits (CVE-2013-2028, CVE-2023-39326, CVE-2024-22019), and the
// other framings.
#include "vigil/http/body.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vigil::http {
namespace {

using Step = BodyReader::Step;

struct Read {
  std::string content;
  std::size_t consumed = 0;
  Step last = Step::need_more;
  Fault fault = Fault::none;
};

// Feeds `bytes` in pieces of `step`, until something other than data comes or the bytes are over.
Read read(const Framing& framing, std::string_view bytes, std::size_t step) {
  BodyReader body(framing);
  Read read;
  std::size_t known = 0;
  while (true) {
    const auto piece = body.next(as_bytes(bytes.substr(read.consumed, known - read.consumed)));
    read.content += as_text(piece.data);
    read.consumed += piece.consumed;
    read.last = piece.step;
    if (piece.step != Step::data && (piece.step != Step::need_more || known == bytes.size())) {
      read.fault = body.fault();
      return read;
    }
    if (piece.step == Step::need_more) {
      EXPECT_EQ(read.consumed, known);
      known = std::min(known + step, bytes.size());
    }
  }
}

Read chunked(std::string_view bytes, std::size_t step = 1'000'000) {
  return read({BodyKind::chunked, 0}, bytes, step);
}

TEST(Body, OfNoneEndsAtOnce) {
  const Read r = read({}, "GET /", 5);
  EXPECT_EQ(r.last, Step::end);
  EXPECT_EQ(r.consumed, 0u);
  EXPECT_EQ(read({BodyKind::tunnel, 0}, "x", 1).last, Step::end);
  EXPECT_EQ(read({BodyKind::length, 0}, "x", 1).last, Step::end);
}

TEST(Body, OfALengthLeavesTheNextMessage) {
  for (std::size_t step = 1; step < 9; ++step) {
    const Read r = read({BodyKind::length, 5}, "12345GET", step);
    EXPECT_EQ(r.content, "12345");
    EXPECT_EQ(r.last, Step::end);
    EXPECT_EQ(r.consumed, 5u);
  }
}

TEST(Body, UntilCloseTakesAll) {
  BodyReader body({BodyKind::until_close, 0});
  EXPECT_EQ(as_text(body.next(as_bytes("abc")).data), "abc");
  EXPECT_EQ(body.next({}).step, Step::need_more);
  EXPECT_TRUE(body.complete_at_end_of_stream());
}

TEST(Body, OfChunksReadsTheSameHoweverSplit) {  // RFC 9112 section 7.1
  const std::string text =
      "4\r\nWiki\r\n06;a=\"b;c\" ;d\r\npedia \r\nD \t;x\r\nin\r\n\r\nchunks.\r\n000\r\n\r\nGET";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    const Read r = chunked(text, step);
    EXPECT_EQ(r.content, "Wikipedia in\r\n\r\nchunks.") << step;
    EXPECT_EQ(r.last, Step::trailers) << step;
    EXPECT_EQ(text.substr(r.consumed), "\r\nGET") << step;
  }
}

TEST(Body, OfChunksIsContentInPlace) {
  const std::string text = "5\r\nabcde\r\n";
  BodyReader body({BodyKind::chunked, 0});
  const auto piece = body.next(as_bytes(text));
  EXPECT_EQ(piece.step, Step::data);
  EXPECT_EQ(as_text(piece.data).data(), text.data() + 3);
  EXPECT_EQ(piece.consumed, 8u);
}

TEST(Body, RefusesMalformedChunks) {
  struct Case {
    std::string text;
    Fault fault;
  };
  for (const Case& c : {
           Case{"\r\n", Fault::chunk_size_invalid},
           {";a\r\n", Fault::chunk_size_invalid},
           {"-1\r\n", Fault::chunk_size_invalid},
           {"+1\r\n", Fault::chunk_size_invalid},
           {" 1\r\n", Fault::chunk_size_invalid},
           {"0x1\r\n", Fault::chunk_size_invalid},
           {"1 \r\n", Fault::chunk_size_invalid},
           {"1 2\r\n", Fault::chunk_size_invalid},
           {"1g\r\n", Fault::chunk_size_invalid},
           {"1_0\r\n", Fault::chunk_size_invalid},
           {"1\nx", Fault::chunk_size_invalid},
           {"1\rx", Fault::chunk_size_invalid},
           {"1;a\nx", Fault::chunk_extension_invalid},
           {std::string("1;a\0\r\n", 6), Fault::chunk_extension_invalid},
           {"1;a\rx", Fault::chunk_size_invalid},
           {"1\r\nab", Fault::chunk_too_long},
           {"1\r\na\n", Fault::chunk_too_long},
           {"1\r\na\rb", Fault::chunk_too_long},
           {"8000000000000000\r\n", Fault::chunk_size_too_large},
           {"ffffffffffffffff\r\n", Fault::chunk_size_too_large},
           {"10000000000000000\r\n", Fault::chunk_size_too_large},
           {"10000000000000005\r\n", Fault::chunk_size_too_large},
           {"00000000000000005\r\n", Fault::chunk_size_too_large},
           {std::string(1'000'000, '0'), Fault::chunk_size_too_large},
       }) {
    for (const std::size_t step : {std::size_t{1}, c.text.size()}) {
      const Read r = chunked(c.text, step);
      EXPECT_EQ(r.last, Step::refused) << c.text.substr(0, 40);
      EXPECT_EQ(r.fault, c.fault) << c.text.substr(0, 40);
    }
  }
  EXPECT_EQ(chunked("7fffffffffffffff\r\nabc").content, "abc");
  EXPECT_EQ(chunked("0000000000000003\r\nabc").content, "abc");
}

TEST(Body, RefusesExtensionsThatOutweighTheContent) {
  EXPECT_EQ(chunked("1;" + std::string(10'000, 'x') + "\r\na\r\n").fault, Fault::chunk_overhead);
  std::string drip;
  for (int i = 0; i < 10'000; ++i) {
    drip += "1;" + std::string(60, 'x') + "\r\na\r\n";
  }
  const Read r = chunked(drip);
  EXPECT_EQ(r.fault, Fault::chunk_overhead);
  EXPECT_LT(r.content.size(), 120u);
}

TEST(Body, AllowsManySmallHonestChunks) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) {
    text += "1\r\na\r\n";
  }
  EXPECT_EQ(chunked(text).content.size(), 10'000u);
  std::string signed_chunks;
  for (int i = 0; i < 1'000; ++i) {
    signed_chunks +=
        "100;signature=" + std::string(64, 'f') + "\r\n" + std::string(256, 'x') + "\r\n";
  }
  EXPECT_EQ(chunked(signed_chunks).content.size(), 256'000u);
}

TEST(Body, SaysTheSameAgainAfterItsEnd) {
  BodyReader ended({BodyKind::length, 1});
  EXPECT_EQ(ended.next(as_bytes("ab")).consumed, 1u);
  EXPECT_EQ(ended.next(as_bytes("b")).step, Step::end);
  EXPECT_EQ(ended.next(as_bytes("b")).consumed, 0u);
  BodyReader refused({BodyKind::chunked, 0});
  EXPECT_EQ(refused.next(as_bytes("x")).step, Step::refused);
  EXPECT_EQ(refused.next(as_bytes("0\r\n")).step, Step::refused);
  EXPECT_FALSE(refused.complete_at_end_of_stream());
}

}  // namespace
}  // namespace vigil::http

// Parsers of heads and trailer sections, sans-I/O and strict: one reading of every message, or a
// fault.
//
// The caller keeps the bytes of a message that came so far in one contiguous buffer and calls
// `parse` with all of them each time that more came; the buffer may move in between. A parser
// remembers where it stopped, so that no byte is looked at twice, however thinly a head drips. The
// outcome depends on the bytes alone and not on how they were split, and a fault is found with the
// byte that makes it one.
//
//     RequestParser parser;                      // 12 bytes, for the life of the connection
//     switch (parser.parse(buffer, head)) {      // head: from a pool, the same one until
//     `complete`
//       case Progress::need_more: ...            // read more behind what is there
//       case Progress::complete: ...             // head.size() bytes are the head; the parser is
//       ready for the next case Progress::refused: ...              // describe(parser.fault());
//       the connection must be closed
//     }
#pragma once

#include <cstdint>

#include "vigil/base/bytes.hpp"
#include "vigil/http/message.hpp"

namespace vigil::http {

enum class Progress : std::uint8_t { need_more, complete, refused };

namespace detail {

// Where a parser stopped. The meaning of `stage` is each parser's own; 0 is the start.
struct ParsePlace {
  std::uint32_t at = 0;
  std::uint8_t stage = 0;
  Fault fault = Fault::none;
};

}  // namespace detail

// Reads the head of a request (RFC 9112 sections 2, 3, 5 and 6). One empty line before it is
// skipped (section 2.2) and counts in head.size().
class RequestParser {
 public:
  // `buffer` begins with the first byte of the message, and holds at least what it held at the last
  // call. Bytes after the head are not looked at. After `refused` every call is refused, until
  // `reset`.
  [[nodiscard]] Progress parse(ByteView buffer, RequestHead& head,
                               const HeadLimits& limits = {}) noexcept;
  // Why, after `refused`.
  [[nodiscard]] Fault fault() const noexcept { return place_.fault; }
  // Whether bytes of a head were seen that is not yet complete.
  [[nodiscard]] bool in_head() const noexcept { return place_.stage != 0; }
  // Forgets the message that was begun.
  void reset() noexcept { place_ = {}; }

 private:
  const char* parse_line(RequestHead& head, const char* base, const char* end) noexcept;
  static Fault read_target(RequestHead& head) noexcept;
  static Fault read_meaning(RequestHead& head) noexcept;
  static bool knows_lines(const RequestHead& head, const char* lines, std::size_t size) noexcept;
  static void keep_lines(RequestHead& head, const char* lines, std::size_t size) noexcept;
  Progress finish(RequestHead& head) noexcept;
  Progress refuse(Fault fault) noexcept;

  detail::ParsePlace place_;
};

// Reads the head of a response (RFC 9112 sections 4, 5 and 6). `limits.request_line` does not
// concern it.
class ResponseParser {
 public:
  // As for requests. `asked` is the method of the request that is answered: it decides on the body.
  [[nodiscard]] Progress parse(ByteView buffer, ResponseHead& head, Method asked,
                               const HeadLimits& limits = {}) noexcept;
  [[nodiscard]] Fault fault() const noexcept { return place_.fault; }
  [[nodiscard]] bool in_head() const noexcept { return place_.stage != 0; }
  void reset() noexcept { place_ = {}; }

 private:
  const char* parse_line(ResponseHead& head, const char* base, const char* end) noexcept;
  Progress finish(ResponseHead& head, Method asked) noexcept;
  Progress refuse(Fault fault) noexcept;

  detail::ParsePlace place_;
};

// Reads the trailer section that follows the last chunk, up to and with its empty line (RFC 9112
// section 7.1.2). Trailers stay apart from the head's fields; those that frame, route or authorise
// are refused (RFC 9110 section 6.5.1).
class TrailerParser {
 public:
  // The most bytes of a trailer section.
  static constexpr std::uint16_t kLimit = 8'192;

  // As for requests; `buffer` begins behind the last chunk's line.
  [[nodiscard]] Progress parse(ByteView buffer, Fields& trailers) noexcept;
  // The bytes of the section, after `complete`.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Fault fault() const noexcept { return place_.fault; }
  void reset() noexcept { place_ = {}; }

 private:
  detail::ParsePlace place_;
  std::uint32_t size_ = 0;
};

}  // namespace vigil::http

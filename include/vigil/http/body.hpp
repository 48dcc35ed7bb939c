// The bodies of messages, sans-I/O: takes the bytes as they come and points out those that are
// content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "vigil/base/bytes.hpp"
#include "vigil/http/message.hpp"

namespace vigil::http {

// Reads one body by its framing. Copies nothing and needs no contiguous memory: the lines of chunks
// may be split anywhere. 24 bytes; not thread-safe.
//
//     BodyReader body(head.framing());
//     for (;;) {
//       const auto piece = body.next(bytes);          // bytes: what came and was not consumed yet
//       bytes = bytes.subspan(piece.consumed);
//       if (piece.step == BodyReader::Step::data) use(piece.data); else ...
//     }
class BodyReader {
 public:
  enum class Step : std::uint8_t {
    need_more,  // all bytes were consumed: come again with those that follow them
    data,       // `data` is content, a part of what was given
    end,        // the body is over; what was not consumed belongs to the next message
    trailers,   // the last chunk is over; what was not consumed belongs to a TrailerParser
    refused,    // fault() says why; the connection must be closed
  };
  struct Piece {
    Step step;
    ByteView data;
    std::size_t consumed;  // bytes taken from the front of what was given, `data` included
  };

  // No body. A `tunnel` is none either.
  BodyReader() noexcept = default;
  explicit BodyReader(const Framing& framing) noexcept;

  // The next piece of `bytes`. After `end`, `trailers` or `refused` it says the same again and
  // consumes nothing.
  [[nodiscard]] Piece next(ByteView bytes) noexcept;

  [[nodiscard]] Fault fault() const noexcept { return fault_; }
  // Whether the connection's end is the body's end: so it is when the body is over, and for
  // `until_close`. If not, the message was cut off and must not be taken for a whole one (RFC 9112
  // section 8).
  [[nodiscard]] bool complete_at_end_of_stream() const noexcept {
    return phase_ == Phase::done || phase_ == Phase::until_close;
  }

 private:
  enum class Phase : std::uint8_t {
    done,
    length,
    until_close,
    size_first,
    size,
    blank,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailers,
    refused,
  };

  Piece take(ByteView bytes, std::size_t from, Phase after) noexcept;
  bool chunk_byte(char c) noexcept;
  bool size_line_byte(char c) noexcept;
  bool end_size_line() noexcept;
  bool fail(Fault fault) noexcept;

  std::uint64_t remaining_ = 0;  // of the body, or of the chunk
  std::uint32_t overhead_ = 0;   // bytes of chunk lines not yet paid for by content
  std::uint8_t digits_ = 0;      // of the chunk size
  Phase phase_ = Phase::done;
  Fault fault_ = Fault::none;
};

}  // namespace vigil::http

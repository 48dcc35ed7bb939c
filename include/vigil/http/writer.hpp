// Writes heads, trailer sections and chunk framing into the caller's memory, sans-I/O and without
// allocation. What it is given is checked: a control byte in a name or value is refused, never sent
// (no response splitting), and so is a head with two framings.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "vigil/base/check.hpp"
#include "vigil/base/result.hpp"
#include "vigil/http/date.hpp"
#include "vigil/http/message.hpp"

namespace vigil::http {

// The usual reason phrase of a status code ("Not Found"); empty if it has none.
[[nodiscard]] std::string_view reason_of(unsigned status) noexcept;

// Complete field lines, known to be right: checked by the compiler, or written by a
// HeadWriter::fields(). A view: the text must outlive it.
class FieldLines {
 public:
  constexpr FieldLines() noexcept = default;
  // From a literal, "Server: vigil\r\nX-A: b\r\n"; anything malformed does not compile.
  template <std::size_t kSize>
  consteval FieldLines(
      const char (&literal)[kSize])  // NOLINT: implicit, so that literals can be passed
      : text_(literal, kSize - 1), framed_(check(text_)) {}

  [[nodiscard]] constexpr std::string_view text() const noexcept { return text_; }
  // Whether Content-Length or Transfer-Encoding is among them.
  [[nodiscard]] constexpr bool framed() const noexcept { return framed_; }
  // The same lines in `room`, which has exactly their size. Whoever then writes over a value there
  // writes only what a value may have: nobody looks at it again.
  template <std::size_t kSize>
  [[nodiscard]] FieldLines copied_to(std::span<char, kSize> room) const noexcept {
    vigil::check(text_.size() == kSize, "FieldLines were copied to a room of another size");
    std::memcpy(room.data(), text_.data(), kSize);
    return {{room.data(), kSize}, framed_};
  }

 private:
  friend class HeadWriter;
  FieldLines(std::string_view text, bool framed) noexcept : text_(text), framed_(framed) {}

  // Not constexpr: a malformed literal ends here.
  static void malformed_field_lines() noexcept {}
  static consteval bool check(std::string_view lines);

  std::string_view text_;
  bool framed_ = false;
};

// Writes one head from its first line to its last. The first thing that goes wrong stays, later
// calls do nothing, and `finish` tells it: not enough room (errc::no_buffer_space), or something
// that must not be sent (errc::invalid_argument).
//
//     HeadWriter out(room);
//     out.status(200).date(line, now).field(KnownField::content_type,
//     "text/plain").content_length(5); const Result<std::size_t> size = out.finish();
class HeadWriter {
 public:
  // `room` is borrowed until `finish`. 512 bytes are plenty for most heads.
  explicit HeadWriter(std::span<char> room) noexcept
      : at_(room.data()), begin_(room.data()), end_(room.data() + room.size()) {}

  // "HTTP/1.1 200 OK": `status` from 100 to 599, with its usual reason or with yours (a field
  // value).
  HeadWriter& status(unsigned status) noexcept;
  HeadWriter& status(unsigned status, std::string_view reason) noexcept;
  // "GET /path HTTP/1.1": a method's token, and a target without blanks and control bytes.
  HeadWriter& request(std::string_view method, std::string_view target) noexcept;
  HeadWriter& request(Method method, std::string_view target) noexcept {
    return request(name_of(method), target);
  }
  // The last chunk, to be followed by trailer fields and `finish`.
  HeadWriter& last_chunk() noexcept;
  // Nothing: field lines only, to be ended with `finish_lines` instead of `finish`.
  HeadWriter& fields() noexcept;

  // One field line. The value may be empty, but must not begin or end with a blank. Framing fields
  // have their own functions and are refused here.
  HeadWriter& field(KnownField name, std::string_view value) noexcept;
  HeadWriter& field(std::string_view name, std::string_view value) noexcept;
  HeadWriter& field(KnownField name, std::uint64_t value) noexcept;
  // Lines that were checked before.
  HeadWriter& lines(const FieldLines& lines) noexcept;
  // The Date field for `unix_seconds`.
  HeadWriter& date(DateLine& line, std::int64_t unix_seconds) noexcept;

  // How the body is framed: one of the two, once. Neither: the message has no body, or ends with
  // the connection.
  HeadWriter& content_length(std::uint64_t bytes) noexcept;
  HeadWriter& chunked() noexcept;

  // Writes the empty line; the size of the head.
  [[nodiscard]] Result<std::size_t> finish() noexcept;
  // Ends what `fields` began. The lines lie in the room that was given.
  [[nodiscard]] Result<FieldLines> finish_lines() noexcept;

 private:
  enum class State : std::uint8_t { start, open, ended };

  bool begin_line(std::size_t size) noexcept;
  void put(std::string_view text) noexcept;
  void put_field(std::string_view name, std::string_view value) noexcept;
  bool frame() noexcept;
  void fail(std::errc code) noexcept;

  char* at_;
  char* begin_;
  char* end_;
  std::errc error_{};
  State state_ = State::start;
  bool no_body_ = false;   // 1xx and 204 must not be framed
  bool trailers_ = false;  // nor must trailers
  bool fragment_ = false;  // field lines only
  bool framed_ = false;
};

// A chunk is written as its head, its content, and kChunkEnd; the body ends with kLastChunk, or
// with HeadWriter::last_chunk and trailers. A chunk of no bytes would end the body: it is nobody's
// content.
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// The line before the content of a chunk.
class ChunkHead {
 public:
  // `size` > 0, in bytes.
  explicit ChunkHead(std::uint64_t size) noexcept;
  [[nodiscard]] std::string_view text() const noexcept {
    return {text_.data() + from_, text_.size() - from_};
  }

 private:
  std::array<char, 18> text_;
  std::uint8_t from_ = 16;
};

consteval bool FieldLines::check(std::string_view lines) {
  constexpr std::string_view kDelimiters = "\"(),/:;<=>?@[\\]{}";
  bool framed = false;
  while (!lines.empty()) {
    const std::size_t colon = lines.find(": ");
    const std::size_t end = lines.find("\r\n");
    if (colon == 0 || end == std::string_view::npos || colon >= end) {
      malformed_field_lines();
    }
    const std::string_view name = lines.substr(0, colon);
    for (const char c : name) {
      if (c <= ' ' || c >= 0x7f || kDelimiters.find(c) != std::string_view::npos) {
        malformed_field_lines();
      }
    }
    for (const char c : lines.substr(colon + 2, end - colon - 2)) {
      if (c < ' ' || c >= 0x7f) {
        malformed_field_lines();
      }
    }
    if (lines[colon + 2] == ' ' || lines[end - 1] == ' ') {
      malformed_field_lines();
    }
    const auto is = [name](std::string_view other) {
      bool same = name.size() == other.size();
      for (std::size_t at = 0; same && at < name.size(); ++at) {
        same = (name[at] | 0x20) == other[at];
      }
      return same;
    };
    const bool framing = is("content-length") || is("transfer-encoding");
    if (framing && framed) {
      malformed_field_lines();
    }
    framed = framed || framing;
    lines.remove_prefix(end + 2);
  }
  return framed;
}

}  // namespace vigil::http

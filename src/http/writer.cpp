// Heads, trailer sections and chunk framing, written into the caller's memory.
#include "vigil/http/writer.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "http/known_names.hpp"
#include "vigil/base/check.hpp"
#include "vigil/http/fields.hpp"

namespace vigil::http {
namespace {

constexpr std::size_t kNumberSize = 20;  // of 2^64 - 1

bool is_framing(KnownField field) noexcept {
  return field == KnownField::content_length || field == KnownField::transfer_encoding;
}

// Copies `size` bytes without a call where they are few, as in nearly all heads.
char* copy(char* to, const char* from, std::size_t size) noexcept {
  if (size > 32) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    std::memcpy(to, from, 16);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else {
    for (std::size_t at = 0; at < size; ++at) {
      to[at] = from[at];
    }
  }
  return to + size;
}

}  // namespace

void HeadWriter::fail(std::errc code) noexcept {
  if (error_ == std::errc{}) {
    error_ = code;
  }
}

// Whether `size` more bytes can be written as a line of an open head.
bool HeadWriter::begin_line(std::size_t size) noexcept {
  if (state_ != State::open) [[unlikely]] {
    fail(std::errc::invalid_argument);
  }
  if (static_cast<std::size_t>(end_ - at_) < size) [[unlikely]] {
    fail(std::errc::no_buffer_space);
  }
  return error_ == std::errc{};
}

// The caller has made sure that there is room.
void HeadWriter::put(std::string_view text) noexcept { at_ = copy(at_, text.data(), text.size()); }

void HeadWriter::put_field(std::string_view name, std::string_view value) noexcept {
  if (begin_line(name.size() + value.size() + 4)) {
    put(name);
    put(": ");
    put(value);
    put("\r\n");
  }
}

HeadWriter& HeadWriter::status(unsigned status) noexcept {
  if (status == 200 && state_ == State::start && end_ - at_ >= 17) [[likely]] {
    state_ = State::open;
    put("HTTP/1.1 200 OK\r\n");
    return *this;
  }
  return this->status(status, reason_of(status));
}

HeadWriter& HeadWriter::status(unsigned status, std::string_view reason) noexcept {
  if (state_ != State::start || status < 100 || status > 599 || !is_field_value(reason)) {
    fail(std::errc::invalid_argument);
    return *this;
  }
  state_ = State::open;
  no_body_ = status < 200 || status == 204;
  if (begin_line(9 + 4 + reason.size() + 2)) {
    put("HTTP/1.1 ");
    const auto digit = [](unsigned value) { return static_cast<char>('0' + value % 10); };
    const std::array<char, 4> code = {digit(status / 100), digit(status / 10), digit(status), ' '};
    put({code.data(), code.size()});
    put(reason);
    put("\r\n");
  }
  return *this;
}

HeadWriter& HeadWriter::request(std::string_view method, std::string_view target) noexcept {
  const bool good = is_token(method) && !target.empty() && chars::all(target, chars::kTarget);
  if (state_ != State::start || !good) {
    fail(std::errc::invalid_argument);
    return *this;
  }
  state_ = State::open;
  if (begin_line(method.size() + 1 + target.size() + 11)) {
    put(method);
    put(" ");
    put(target);
    put(" HTTP/1.1\r\n");
  }
  return *this;
}

HeadWriter& HeadWriter::last_chunk() noexcept {
  fields();
  fragment_ = false;
  trailers_ = true;
  if (begin_line(3)) {
    put("0\r\n");
  }
  return *this;
}

HeadWriter& HeadWriter::fields() noexcept {
  if (state_ != State::start) {
    fail(std::errc::invalid_argument);
  }
  state_ = State::open;
  fragment_ = true;
  return *this;
}

HeadWriter& HeadWriter::field(KnownField name, std::string_view value) noexcept {
  if (name == KnownField::other || is_framing(name) || !is_field_value(value)) [[unlikely]] {
    fail(std::errc::invalid_argument);
    return *this;
  }
  put_field(name_of(name), value);
  return *this;
}

HeadWriter& HeadWriter::field(std::string_view name, std::string_view value) noexcept {
  if (!is_token(name) || is_framing(known_field(name)) || !is_field_value(value)) [[unlikely]] {
    fail(std::errc::invalid_argument);
    return *this;
  }
  put_field(name, value);
  return *this;
}

HeadWriter& HeadWriter::field(KnownField name, std::uint64_t value) noexcept {
  std::array<char, kNumberSize> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return field(name,
               std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

HeadWriter& HeadWriter::lines(const FieldLines& lines) noexcept {
  if (lines.framed_ && !frame()) {
    return *this;
  }
  if (begin_line(lines.text().size())) {
    put(lines.text());
  }
  return *this;
}

HeadWriter& HeadWriter::date(DateLine& line, std::int64_t unix_seconds) noexcept {
  if (begin_line(DateLine::kSize)) {
    put(line.at(unix_seconds));
  }
  return *this;
}

// Whether the head may have one more framing field: it may have one (RFC 9112 section 6), if it may
// have any.
bool HeadWriter::frame() noexcept {
  if (framed_ || no_body_ || trailers_) [[unlikely]] {
    fail(std::errc::invalid_argument);
    return false;
  }
  framed_ = true;
  return true;
}

HeadWriter& HeadWriter::content_length(std::uint64_t bytes) noexcept {
  if (frame()) {
    std::array<char, kNumberSize> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes).ptr;
    put_field("Content-Length", {digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  return *this;
}

HeadWriter& HeadWriter::chunked() noexcept {
  if (frame()) {
    put_field("Transfer-Encoding", "chunked");
  }
  return *this;
}

Result<std::size_t> HeadWriter::finish() noexcept {
  if (fragment_) {
    fail(std::errc::invalid_argument);
  }
  if (begin_line(2)) {
    put("\r\n");
    state_ = State::ended;
    return static_cast<std::size_t>(at_ - begin_);
  }
  return error(error_);
}

Result<FieldLines> HeadWriter::finish_lines() noexcept {
  if (!fragment_) {
    fail(std::errc::invalid_argument);
  }
  if (begin_line(0)) {
    state_ = State::ended;
    return FieldLines({begin_, static_cast<std::size_t>(at_ - begin_)}, framed_);
  }
  return error(error_);
}

ChunkHead::ChunkHead(std::uint64_t size) noexcept {
  check(size > 0, "a chunk of no bytes would end the body: send nothing, or kLastChunk");
  text_[from_] = '\r';
  text_[from_ + 1] = '\n';
  for (; size != 0; size >>= 4) {
    text_[--from_] = "0123456789abcdef"[size & 0xf];
  }
}

}  // namespace vigil::http

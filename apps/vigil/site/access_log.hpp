// The access log: one line for each request, whatever bytes the request had, in a buffer that does
// not grow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/values.hpp"

namespace vigil::site {

using cli::LogFormat;

// What a line tells. The views need to live only during the call that takes the record. Empty ones
// are written "-" in the common format, and are left out of JSON.
struct LogRecord {
  std::int64_t wall_ns = 0;  // when the request had been read, since 1970
  std::string_view peer;     // "127.0.0.1:50000", or "unix"
  std::string_view method;
  std::string_view target;   // as it came
  std::string_view version;  // "HTTP/1.1"
  int status = 0;
  std::uint64_t bytes = 0;        // of the body, as sent
  std::uint64_t duration_ns = 0;  // from the first byte of the request to the last of the answer
  std::string_view host;
  std::string_view referer;
  std::string_view user_agent;
  std::string_view request_id;
  bool complete = true;  // false: the connection ended before the answer did
};

// Writes lines, each with its newline. Control bytes, quotes, backslashes and what is no UTF-8 are
// escaped, so that a line is one line and shows on a terminal as text; a field is cut at 4 KiB,
// with "..." after it.
//   json    an object: time, peer, method, target, version, status, bytes, duration_us, host, ...
//   An undecodable byte
//           is the character of the same number (\u00ff).
//   common  the Combined Log Format of Apache and nginx, then request id and seconds. Bytes that
//   are not printable
//           ASCII are \xNN.
// Not thread-safe: it remembers the text of the current second.
class LogWriter {
 public:
  explicit LogWriter(LogFormat format) noexcept : format_(format) {}
  // Of the lines from now on.
  void set_format(LogFormat format) noexcept {
    format_ = format;
    second_ = INT64_MIN;
  }
  void append(std::string& out, const LogRecord& record);
  // The line that says how many were dropped.
  void append_dropped(std::string& out, std::uint64_t lines, std::int64_t wall_ns);

 private:
  void append_time(std::string& out, std::int64_t wall_ns);
  void append_json(std::string& out, const LogRecord& record);
  void append_common(std::string& out, const LogRecord& record);

  LogFormat format_;
  std::int64_t second_ = INT64_MIN;
  std::string second_text_;
};

// Lines on their way to a writer that may be slow: while one half is being written, the other
// fills. When that is full, lines are dropped and counted, and the log says so as soon as there is
// room. One loop's own.
class LogBuffer {
 public:
  // At most about `capacity` bytes are held; both halves are reserved at once.
  LogBuffer(LogFormat format, std::size_t capacity);
  void set_format(LogFormat format) noexcept { writer_.set_format(format); }

  // False: there was no room, the line is dropped and counted.
  bool append(const LogRecord& record);

  bool empty() const noexcept { return filling_.empty() && unreported_ == 0; }
  // The lines to write now, valid and unchanged until `written`. Empty if there are none or the
  // last ones are still being written. `wall_ns` dates the line about dropped ones.
  std::string_view take(std::int64_t wall_ns);
  // The lines taken are written, or given up: `lost_lines` of them were not.
  void written(std::uint64_t lost_lines = 0) noexcept;

  std::size_t waiting_bytes() const noexcept { return filling_.size() + writing_.size(); }
  // Lines that the log has not been given, those included that it is not yet told of.
  std::uint64_t unwritten() const noexcept;
  // Lines that never reached the log, since the start.
  const Counter& dropped() const noexcept { return dropped_; }

 private:
  LogWriter writer_;
  std::size_t half_;
  std::string filling_;
  std::string writing_;
  bool busy_ = false;
  Counter dropped_;
  std::uint64_t unreported_ = 0;
};

}  // namespace vigil::site

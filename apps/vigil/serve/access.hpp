// The access log on its way to a file or to standard output. A slow or broken sink never holds up
// an answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/settings.hpp"
#include "site/access_log.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/fs/file.hpp"
#include "vigil/os/pipe.hpp"

namespace vigil::app {

// What lines are written to: a file, a stream that may make its writer wait, or whoever has the
// stream. It is shared with the write that is under way, so that another can take its place.
struct LogSink {
  std::string path;  // "-" is standard output
  std::optional<fs::File> file;
  std::optional<os::PipeStream> stream;
  Semaphore turn{1};     // of the stream: one write at a time
  bool crowded = false;  // other processes write to the stream, too
  Task<Result<>> (*carry)(void* context, std::string_view lines) = nullptr;
  void* context = nullptr;
};

// Opens one. Errors: those of open(2).
Task<Result<std::shared_ptr<LogSink>>> open_log(std::string path);

// Writes whole lines, all of them or an error.
Task<Result<>> write_lines(std::shared_ptr<LogSink> sink, std::string_view lines);

// One loop's.
class AccessLog {
 public:
  explicit AccessLog(std::size_t buffer) : lines_(cli::LogFormat::off, buffer) {}

  // Lines from now on, in this format and to this sink; those that wait go there as well, but for
  // the ones that are being written. Null, when it is off, leaves the sink as it is.
  void use(cli::LogFormat format, std::shared_ptr<LogSink> sink);
  // Null: nothing was ever written.
  const LogSink* sink() const noexcept { return sink_.get(); }
  cli::LogFormat format() const noexcept { return format_; }

  // Where the writing runs; lines are kept and not written before.
  void write_in(Scope& scope) noexcept { scope_ = &scope; }

  bool on() const noexcept { return format_ != cli::LogFormat::off; }
  void record(const site::LogRecord& record) noexcept;
  // Lines that never reached the log, since the start. Any thread.
  const Counter& dropped() const noexcept { return lines_.dropped(); }
  // Of lines that wait to be written, and of those being written.
  std::size_t waiting_bytes() const noexcept { return lines_.waiting_bytes(); }
  // Once nothing is written any more: lines that did not get there, at most.
  std::uint64_t unwritten() const noexcept { return lines_.unwritten(); }

 private:
  static Task<> write_out(AccessLog* log);
  void tell_once(std::error_code failure);

  cli::LogFormat format_ = cli::LogFormat::off;
  site::LogBuffer lines_;
  std::shared_ptr<LogSink> sink_;
  Scope* scope_ = nullptr;
  bool writing_ = false;
  bool told_ = false;
};

}  // namespace vigil::app

// The access log on its way to a file or to standard output.
#include "serve/access.hpp"

#include <algorithm>

#include "cli/help.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil::app {
namespace {

// Lines are gathered for so long: one write takes those of many requests.
constexpr Nanos kGather = std::chrono::milliseconds(20);

// What goes into a pipe at once, or not at all (PIPE_BUF): what other processes write comes before
// or behind it. A line that is longer may be torn.
constexpr std::size_t kWhole = 4096;

// As many whole lines as that holds; at least one.
std::string_view few_lines(std::string_view lines) noexcept {
  if (lines.size() <= kWhole) {
    return lines;
  }
  const std::size_t last = lines.rfind('\n', kWhole - 1);
  return lines.substr(0, (last != std::string_view::npos ? last : lines.find('\n')) + 1);
}

}  // namespace

Task<Result<std::shared_ptr<LogSink>>> open_log(std::string path) {
  auto sink = std::make_shared<LogSink>();
  sink->path = path;
  if (path == "-") {
    auto opened = os::standard_output();
    if (!opened) {
      co_return std::unexpected(opened.error());
    }
    sink->stream = std::move(*opened);
    co_return sink;
  }
  auto opening =
      fs::File::open(path, {.read = false, .append = true, .create = true, .mode = 0640});
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  auto looking = opened->status();
  const auto status = co_await std::move(looking);
  if (!status) {
    co_return std::unexpected(status.error());
  }
  if (status->kind != fs::Kind::fifo) {
    sink->file = std::move(*opened);
    co_return sink;
  }
  auto taken = os::PipeStream::take(opened->native_handle());
  if (!taken) {
    co_return std::unexpected(taken.error());
  }
  static_cast<void>(opened->release());
  sink->stream = std::move(*taken);
  co_return sink;
}

Task<Result<>> write_lines(std::shared_ptr<LogSink> sink, std::string_view lines) {
  if (sink->file) {
    co_return co_await sink->file->append(as_bytes(lines));
  }
  if (sink->carry != nullptr) {
    auto carrying = sink->carry(sink->context, lines);
    co_return co_await std::move(carrying);
  }
  const auto turn = co_await sink->turn.acquire();
  if (!turn) {
    co_return std::unexpected(turn.error());
  }
  Result<> sent;
  while (sent && !lines.empty()) {
    const std::string_view piece = sink->crowded ? few_lines(lines) : lines;
    sent = co_await sink->stream->send(as_bytes(piece));
    lines.remove_prefix(piece.size());
  }
  co_return sent;
}

void AccessLog::use(cli::LogFormat format, std::shared_ptr<LogSink> sink) {
  format_ = format;
  if (format != cli::LogFormat::off) {
    lines_.set_format(format);
  }
  if (sink) {
    sink_ = std::move(sink);
    told_ = false;
  }
}

void AccessLog::record(const site::LogRecord& record) noexcept {
  lines_.append(record);
  if (!writing_ && scope_ != nullptr && !lines_.empty()) {
    writing_ = scope_->spawn(&write_out, this).has_value();
  }
}

Task<> AccessLog::write_out(AccessLog* log) {
  static_cast<void>(co_await sleep_for(kGather));
  for (;;) {
    const std::string_view lines = log->lines_.take(Loop::current()->host().wall_time().count());
    if (lines.empty()) {
      break;
    }
    auto sending = write_lines(log->sink_, lines);
    const Result<> sent = co_await std::move(sending);
    if (sent) {
      log->told_ = false;
      log->lines_.written();
    } else {
      if (sent.error() != std::errc::operation_canceled) {
        log->tell_once(sent.error());
      }
      log->lines_.written(static_cast<std::uint64_t>(std::ranges::count(lines, '\n')));
      // What is lost is counted; trying again at once would only lose more.
      if (!co_await sleep_for(std::chrono::seconds(1))) {
        break;
      }
    }
  }
  log->writing_ = false;
}

void AccessLog::tell_once(std::error_code failure) {
  if (!told_) {
    told_ = true;
    Loop::current()->host().log(cli::cannot_log(sink_->path, failure) +
                                " Lines are dropped and counted until it can be written.");
  }
}

}  // namespace vigil::app

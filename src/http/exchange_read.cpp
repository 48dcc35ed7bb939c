// The request's body, as the handler reads it.
#include <vector>

#include "http/session.hpp"

namespace vigil::http {

std::unexpected<std::error_code> Exchange::fail_read(std::errc code) noexcept {
  read_error_ = code;
  close_ = true;
  return error(code);
}

// Whether the client holds the body back until it is told to go on.
bool Exchange::awaits_continue() const noexcept {
  return !body_over_ && !continue_sent_ && body_read_ == 0 && work_.pending.empty() &&
         request().expects_continue();
}

std::uint64_t Exchange::body_left() const noexcept {
  const Framing& framing = request().framing();
  return framing.kind == BodyKind::length ? framing.length - body_read_ : 0;
}

Task<Result<>> Exchange::send_continue() {
  continue_sent_ = true;
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (!put(as_bytes(kContinue))) {
    auto sent = co_await flush();
    if (!sent) {
      co_return std::unexpected(sent.error());
    }
    put(as_bytes(kContinue));
  }
  co_return co_await flush();
}

Task<Result<ByteView>> Exchange::read() {
  if (read_error_ != std::errc{}) {
    co_return error(read_error_);
  }
  while (!body_over_) {
    const BodyReader::Piece piece = work_.body.next(work_.pending);
    work_.pending = work_.pending.subspan(piece.consumed);
    switch (piece.step) {
      case BodyReader::Step::data:
        body_read_ += piece.data.size();
        if (body_read_ > limits().body_bytes) {
          co_return fail_read(std::errc::message_size);
        }
        co_return piece.data;
      case BodyReader::Step::end:
        body_over_ = true;
        break;
      case BodyReader::Step::refused:
        co_return fail_read(std::errc::bad_message);
      case BodyReader::Step::trailers: {
        auto read = co_await read_trailers();
        if (!read) {
          co_return std::unexpected(read.error());
        }
        break;
      }
      case BodyReader::Step::need_more: {
        auto came = co_await more();
        if (!came) {
          co_return std::unexpected(came.error());
        }
        break;
      }
    }
  }
  co_return ByteView{};
}

Task<Result<>> Exchange::more() {
  if (awaits_continue() && !answered()) {
    auto sent = co_await send_continue();
    if (!sent) {
      co_return fail_read(static_cast<std::errc>(sent.error().value()));
    }
  }
  auto came = co_await SessionRun::more(session_, Phase::body);
  if (came && *came) {
    co_return Result<>{};
  }
  if (session_.expired) {
    session_.expired = false;
    co_return fail_read(std::errc::timed_out);
  }
  co_return fail_read(came ? std::errc::connection_reset
                           : static_cast<std::errc>(came.error().value()));
}

// The trailer section is checked like a head; it is short, and nearly always empty.
Task<Result<>> Exchange::read_trailers() {
  TrailerParser parser;
  Progress progress = parser.parse(work_.pending, work_.trailers.head);
  std::size_t size = work_.pending.size();
  std::vector<std::byte> section;
  if (progress == Progress::need_more) {
    section.assign(work_.pending.begin(), work_.pending.end());
  }
  while (progress == Progress::need_more) {
    auto came = co_await more();
    if (!came) {
      co_return std::unexpected(came.error());
    }
    section.insert(section.end(), work_.pending.begin(), work_.pending.end());
    size = section.size();
    progress = parser.parse(section, work_.trailers.head);
  }
  if (progress == Progress::refused) {
    co_return fail_read(std::errc::bad_message);
  }
  work_.pending = work_.pending.last(size - parser.size());
  body_over_ = true;
  co_return Result<>{};
}

}  // namespace vigil::http

// One request and its answer: the head, and answers that are given whole.
#include <cstring>

#include "http/session.hpp"
#include "vigil/base/check.hpp"

namespace vigil::http {
namespace {

bool has_no_body(unsigned status) noexcept {
  return status < 200 || status == 204 || status == 304;
}

constexpr std::uint64_t kWorthReading = 65536;  // of a body that nobody asked for

}  // namespace

const RequestHead& Exchange::request() const noexcept { return work_.head; }
const Limits& Exchange::limits() const noexcept { return session_.server.options.limits; }
Result<Address> Exchange::peer() const noexcept { return session_.find_peer(); }

Exchange::Charge::Charge(Exchange& exchange, std::uint64_t bytes) noexcept
    : exchange_(exchange), bytes_(bytes) {
  exchange.work_.memory.charged += bytes;
  exchange.session_.server.memory.took(bytes);
}

Exchange::Charge::~Charge() {
  exchange_.work_.memory.charged -= bytes_;
  exchange_.session_.server.memory.gave(bytes_);
}

Result<> Exchange::fail(std::errc code) noexcept {
  if (error_ == std::errc{}) {
    error_ = code;
  }
  return error(error_);
}

bool Exchange::is_too_large() noexcept {
  const Framing& framing = request().framing();
  if (framing.kind != BodyKind::length || framing.length <= limits().body_bytes) [[likely]] {
    return false;
  }
  read_error_ = std::errc::message_size;
  return true;
}

// False: no room behind what waits, or `error_` says why.
[[gnu::always_inline]] inline bool Exchange::put_head_here(const Answer& answer,
                                                           std::uint64_t length) noexcept {
  Server::State& server = session_.server;
  const bool old = request().version() == Version::http_1_0;
  // After an answer that did not wait for the body, the client need not send it (RFC 9110 section
  // 10.1.1): what follows could be either.
  close_ = close_ || answer.close || server.draining() || (!body_over_ && awaits_continue()) ||
           (length == kUnknownLength && old && !has_no_body(answer.status));
  const std::int64_t second = server.wall_seconds();
  const auto flags = static_cast<std::uint8_t>((close_ ? 1u : 0u) | (old ? 2u : 0u));
  const std::size_t before = work_.out_size;
  if (length != kUnknownLength && HeadMemo::fits(work_.out.size() - before, answer)) [[likely]] {
    const std::size_t known =
        server.memo.write(answer, length, second, flags, work_.out.data() + before);
    if (known != 0) [[likely]] {
      work_.out_size = static_cast<std::uint32_t>(before + known);
      status_ = static_cast<std::uint16_t>(answer.status);
      left_ = length;
      sending_ = request().method() == Method::head ? Sending::no_body : Sending::length;
      return true;
    }
  }
  if (!write_head(answer, length, second)) {
    return false;
  }
  if (length != kUnknownLength && !has_no_body(answer.status)) {
    const std::size_t end = answer.own_lines.text().size() + 2;  // with the empty line
    server.memo.keep(answer, length, second, flags,
                     {work_.out.data() + before, work_.out_size - before - end});
  }
  return true;
}

bool Exchange::put_head(const Answer& answer, std::uint64_t length) noexcept {
  return put_head_here(answer, length);
}

bool Exchange::write_head(const Answer& answer, std::uint64_t length,
                          std::int64_t second) noexcept {
  check(answer.status >= 200 || answer.status == 101,
        "a request was answered with an interim status: answer with 200 to 599");
  const ServerOptions& options = session_.server.options;
  HeadWriter head(std::span<char>(work_.out).subspan(work_.out_size));
  head.status(answer.status).date(session_.server.date, second);
  if (!options.lines.text().empty()) {
    head.lines(options.lines);
  }
  if (!answer.lines.text().empty()) {
    head.lines(answer.lines);
  }
  if (!answer.content_type.empty()) {
    head.field(KnownField::content_type, answer.content_type);
  }
  const bool old = request().version() == Version::http_1_0;
  if (close_ && answer.status != 101) {
    head.field(KnownField::connection, "close");
  } else if (old) {
    head.field(KnownField::connection, "keep-alive");
  }
  if (!has_no_body(answer.status)) {
    if (length != kUnknownLength) {
      head.content_length(length);
    } else if (!old) {
      head.chunked();
    }
  }
  if (!answer.own_lines.text().empty()) {
    head.lines(answer.own_lines);
  }
  const Result<std::size_t> size = head.finish();
  if (!size) {
    const auto code = static_cast<std::errc>(size.error().value());
    if (code != std::errc::no_buffer_space || work_.out_size == 0) {
      error_ = code;
    }
    return false;
  }
  work_.out_size += static_cast<std::uint32_t>(*size);
  begun(answer.status, length);
  return true;
}

void Exchange::begun(unsigned status, std::uint64_t length) noexcept {
  status_ = static_cast<std::uint16_t>(status);
  if (has_no_body(status) || request().method() == Method::head) [[unlikely]] {
    sending_ = Sending::no_body;
  } else if (length != kUnknownLength) [[likely]] {
    sending_ = Sending::length;
    left_ = length;
  } else {
    sending_ = request().version() == Version::http_1_0 ? Sending::until_close : Sending::chunked;
  }
}

[[gnu::always_inline]] inline bool Exchange::put_here(ByteView piece) noexcept {
  if (work_.out.size() - work_.out_size < piece.size()) {
    return false;
  }
  std::memcpy(work_.out.data() + work_.out_size, piece.data(), piece.size());
  work_.out_size += static_cast<std::uint32_t>(piece.size());
  return true;
}

bool Exchange::put(ByteView piece) noexcept { return put_here(piece); }

bool Exchange::put_whole(const Answer& answer, ByteView body) noexcept {
  check(status_ == 0, "a request was answered twice: answer once, in the handler");
  if (error_ != std::errc{}) [[unlikely]] {
    return true;
  }
  if (!body_over_ && body_left() > kWorthReading) [[unlikely]] {
    close_ = true;
  }
  const std::uint32_t before = work_.out_size;
  if (work_.out.size() - before < body.size() || !put_head_here(answer, body.size())) [[unlikely]] {
    return error_ != std::errc{};
  }
  if (sending_ == Sending::no_body) [[unlikely]] {
    sending_ = Sending::done;
    return true;
  }
  if (!put_here(body)) [[unlikely]] {
    work_.out_size = before;  // the head and its body go together, after what waits
    status_ = 0;
    sending_ = Sending::nothing;
    return false;
  }
  body_sent_ = body.size();
  sending_ = Sending::done;
  return true;
}

Task<Result<>> Exchange::send_whole(Answer answer, ByteView body) {
  auto opened = co_await begin(answer, body.size());
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  auto written = co_await write(body);
  if (!written) {
    co_return std::unexpected(written.error());
  }
  co_return co_await end();
}

Task<Result<>> Exchange::begin(Answer answer, std::uint64_t length) {
  check(status_ == 0, "a request was answered twice: answer once, in the handler");
  if (error_ != std::errc{}) {
    co_return error(error_);
  }
  if (put_head(answer, length)) {
    co_return Result<>{};
  }
  if (error_ == std::errc{}) {
    auto sent = co_await flush();
    if (!sent) {
      co_return std::unexpected(sent.error());
    }
    if (put_head(answer, length)) {
      co_return Result<>{};
    }
  }
  co_return fail(error_ == std::errc{} ? std::errc::no_buffer_space : error_);
}

}  // namespace vigil::http

// Answers in pieces: chunks, files, and the connection itself after an upgrade.
#include <array>
#include <cstring>
#include <new>

#include "http/session.hpp"
#include "vigil/base/check.hpp"

namespace vigil::http {

Task<Result<>> Exchange::flush() {
  if (error_ != std::errc{}) {
    co_return error(error_);
  }
  if (work_.out_size == 0 || session_.flush_now()) {
    co_return Result<>{};
  }
  auto sent = co_await SessionRun::flush(session_);
  co_return sent ? Result<>() : fail(sent.error());
}

// A large piece goes out from where it lies, in one call with what waits before it.
Task<Result<>> Exchange::send_with_rest(ByteView piece) {
  std::array<ByteView, 2> parts = {
      as_bytes(std::string_view(work_.out.data(), std::exchange(work_.out_size, 0u))), piece};
  work_.settled = 0;
  session_.begin_write(parts[0].size() + piece.size());
  auto sent = co_await session_.stream.send(std::span<ByteView>(parts));
  session_.end_write(Phase::working);
  if (sent) {
    co_return Result<>{};
  }
  body_sent_ += piece.size() - parts[1].size();
  co_return fail(sent.error());
}

// Small pieces are collected.
Task<Result<>> Exchange::put_or_send(ByteView piece) {
  if (put(piece)) {
    co_return Result<>{};
  }
  if (piece.size() > work_.out.size() / 2) {
    co_return co_await send_with_rest(piece);
  }
  auto sent = co_await flush();
  if (sent) {
    put(piece);
  }
  co_return std::move(sent);
}

bool Exchange::take_from_length(std::uint64_t size) noexcept {
  if (sending_ == Sending::length) {
    if (size > left_) {
      return false;
    }
    left_ -= size;
  }
  return true;
}

Task<Result<>> Exchange::write(ByteView piece) {
  check(sending_ != Sending::nothing && sending_ != Sending::done,
        "a body was written outside of begin() and end(): begin the answer first");
  if (error_ != std::errc{}) {
    co_return error(error_);
  }
  if (piece.empty() || sending_ == Sending::no_body) {
    co_return Result<>{};
  }
  if (!take_from_length(piece.size())) {
    co_return fail(std::errc::message_size);
  }
  if (sending_ == Sending::chunked) {
    const ChunkHead head(piece.size());
    auto begun = co_await put_or_send(as_bytes(head.text()));
    if (!begun) {
      co_return std::unexpected(begun.error());
    }
  }
  auto sent = co_await put_or_send(piece);
  body_sent_ += sent ? piece.size() : 0;
  if (!sent || sending_ != Sending::chunked) {
    co_return std::move(sent);
  }
  co_return co_await put_or_send(as_bytes(kChunkEnd));
}

Task<Result<>> Exchange::write_file(NativeHandle file, std::uint64_t offset, std::uint64_t size,
                                    Residency* residency) {
  check(sending_ == Sending::length || sending_ == Sending::no_body ||
            sending_ == Sending::until_close,
        "a file was written into an answer of unknown length: begin it with the length");
  if (error_ != std::errc{}) {
    co_return error(error_);
  }
  if (size == 0 || sending_ == Sending::no_body) {
    co_return Result<>{};
  }
  if (!take_from_length(size)) {
    co_return fail(std::errc::message_size);
  }
  if (work_.out_size != 0) {
    const ByteView head = session_.begin_write_of_all();
    auto sent = co_await session_.stream.send_more(head);
    session_.end_write(Phase::working);
    if (!sent) {
      co_return fail(sent.error());
    }
  }
  session_.begin_write(size);
  SendFile what{.file = file, .offset = offset, .size = size, .residency = residency};
  auto sending = session_.stream.send_file(what);
  const Result<> sent = co_await std::move(sending);
  session_.end_write(Phase::working);
  body_sent_ += size - what.size;
  if (!sent) {
    co_return fail(sent.error());
  }
  co_return Result<>{};
}

Task<Result<>> Exchange::end() {
  check(sending_ != Sending::nothing && sending_ != Sending::done,
        "an answer was ended that is not under way: begin it first, and end it once");
  if (error_ != std::errc{}) {
    co_return error(error_);
  }
  if (sending_ == Sending::length && left_ != 0) {
    co_return fail(std::errc::message_size);
  }
  if (sending_ == Sending::chunked) {
    auto sent = co_await put_or_send(as_bytes(kLastChunk));
    if (!sent) {
      co_return std::unexpected(sent.error());
    }
  }
  sending_ = Sending::done;
  co_return Result<>{};
}

Task<Result<>> Exchange::respond_file(Answer answer, NativeHandle file, std::uint64_t offset,
                                      std::uint64_t size, Residency* residency) {
  auto opened = co_await begin(answer, size);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  auto sent = co_await write_file(file, offset, size, residency);
  if (!sent) {
    co_return std::unexpected(sent.error());
  }
  co_return co_await end();
}

Task<Result<Exchange::Upgraded>> Exchange::upgrade(FieldLines lines) {
  if (!body_over_) {
    co_return error(
        std::errc::operation_not_permitted);  // its bytes would be taken for the new protocol's
  }
  const std::size_t size = work_.pending.size();
  std::unique_ptr<std::byte[]> early(size != 0 ? new (std::nothrow) std::byte[size] : nullptr);
  if (size != 0) {
    if (!early) {
      co_return error(std::errc::not_enough_memory);
    }
    std::memcpy(early.get(), work_.pending.data(), size);
  }
  auto opened = co_await begin({.status = 101, .lines = lines}, 0);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  auto sent = co_await flush();
  if (!sent) {
    co_return std::unexpected(sent.error());
  }
  sending_ = Sending::done;
  upgraded_ = true;
  co_return Upgraded(std::move(session_.stream), std::move(early), size);
}

}  // namespace vigil::http

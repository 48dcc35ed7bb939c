// What a client hears: the head of a response, and its body by any framing, whole or an error.
#include <utility>

#include "http/client_state.hpp"
#include "vigil/base/check.hpp"

namespace vigil::http {

// More bytes, behind the last ones. At the end `pending` is empty.
Task<Result<>> Connection::fetch() {
  State& state = *state_;
  state.pending = {};
  state.lease = Lease();
  auto lease = co_await state.stream.receive();
  if (!lease) {
    co_return fail(lease.error());
  }
  state.lease = std::move(*lease);
  state.pending = state.lease.bytes();
  co_return Result<>{};
}

Task<Result<const ResponseHead*>> Connection::receive_head() {
  check(state_ != nullptr && state_->stage != Stage::idle && state_->stage != Stage::over,
        "a response was asked for without a request");
  State& state = *state_;
  if (state.stage == Stage::broken) {
    co_return std::unexpected(make_error_code(ClientErrc::broken));
  }
  check(state.stage == Stage::sent,
        "a response's head was asked for before the request's end(), or twice");
  for (;;) {
    const Progress progress =
        state.parser.parse(state.bytes, state.response.head, state.asked, state.limits.head);
    if (progress == Progress::refused) {
      state.fault = state.parser.fault();
      const bool large =
          state.fault == Fault::head_too_large || state.fault == Fault::too_many_fields;
      co_return fail(large ? ClientErrc::head_too_large : ClientErrc::malformed);
    }
    const std::uint16_t status = state.response.head.status();
    if (progress == Progress::complete && (status >= 200 || status == 101)) {
      break;
    }
    if (progress == Progress::complete) {
      if (++state.interim > state.limits.interim_responses) {
        co_return fail(ClientErrc::malformed);
      }
      const auto size = static_cast<std::ptrdiff_t>(state.response.head.size());
      state.bytes.erase(state.bytes.begin(), state.bytes.begin() + size);
      continue;
    }
    auto came = co_await fetch();
    if (!came) {
      co_return std::unexpected(came.error());
    }
    if (state.pending.empty()) {
      co_return fail(state.bytes.empty() ? ClientErrc::no_response : ClientErrc::cut_off);
    }
    state.bytes.insert(state.bytes.end(), state.pending.begin(), state.pending.end());
  }
  const ResponseHead& head = state.response.head;
  state.pending = ByteView(state.bytes).subspan(head.size());
  state.lease = Lease();
  state.body = BodyReader(head.framing());
  state.close = state.close || !head.keep_alive() || head.framing().kind == BodyKind::tunnel;
  state.stage = head.framing().kind == BodyKind::none ? Stage::over : Stage::body;
  co_return &head;
}

Task<Result<ByteView>> Connection::read() {
  check(state_ != nullptr && (state_->stage == Stage::body || state_->stage == Stage::over ||
                              state_->stage == Stage::broken),
        "a response's body was read before its head: receive_head() first");
  State& state = *state_;
  if (state.stage == Stage::broken) {
    co_return std::unexpected(make_error_code(ClientErrc::broken));
  }
  while (state.stage == Stage::body) {
    const BodyReader::Piece piece = state.body.next(state.pending);
    state.pending = state.pending.subspan(piece.consumed);
    switch (piece.step) {
      case BodyReader::Step::data:
        state.taken += piece.data.size();
        if (state.taken > state.limits.body_bytes) {
          co_return fail(ClientErrc::body_too_large);
        }
        co_return piece.data;
      case BodyReader::Step::end:
        state.stage = Stage::over;
        break;
      case BodyReader::Step::refused:
        state.fault = state.body.fault();
        co_return fail(ClientErrc::malformed);
      case BodyReader::Step::trailers: {
        auto read = co_await read_trailers();
        if (!read) {
          co_return std::unexpected(read.error());
        }
        break;
      }
      case BodyReader::Step::need_more: {
        auto came = co_await fetch();
        if (!came) {
          co_return std::unexpected(came.error());
        }
        if (!state.pending.empty()) {
          break;
        }
        if (!state.body.complete_at_end_of_stream()) {
          co_return fail(ClientErrc::cut_off);
        }
        state.close = true;
        state.stage = Stage::over;
        break;
      }
    }
  }
  co_return ByteView{};
}

Task<Result<>> Connection::read_trailers() {
  State& state = *state_;
  TrailerParser parser;
  std::vector<std::byte> section(state.pending.begin(), state.pending.end());
  Progress progress = parser.parse(section, state.trailers.head);
  while (progress == Progress::need_more) {
    auto came = co_await fetch();
    if (!came) {
      co_return std::move(came);
    }
    if (state.pending.empty()) {
      co_return fail(ClientErrc::cut_off);
    }
    section.insert(section.end(), state.pending.begin(), state.pending.end());
    progress = parser.parse(section, state.trailers.head);
  }
  if (progress == Progress::refused) {
    state.fault = parser.fault();
    co_return fail(ClientErrc::malformed);
  }
  state.pending = state.pending.last(section.size() - parser.size());
  state.stage = Stage::over;
  co_return Result<>{};
}

Task<Result<std::string>> Connection::read_all(std::size_t most) {
  std::string text;
  for (;;) {
    auto piece = co_await read();
    if (!piece) {
      co_return std::unexpected(piece.error());
    }
    if (piece->empty()) {
      co_return std::move(text);
    }
    if (piece->size() > most - text.size()) {
      co_return fail(ClientErrc::body_too_large);
    }
    text.append(as_text(*piece));
  }
}

Connection::Tunnel Connection::into_tunnel() {
  check(state_ != nullptr && state_->response.head.framing().kind == BodyKind::tunnel &&
            (state_->stage == Stage::body || state_->stage == Stage::over),
        "a connection was made a tunnel though its server did not switch protocols");
  std::vector<std::byte> early(state_->pending.begin(), state_->pending.end());
  TcpStream stream = std::move(state_->stream);
  close();
  return Tunnel(std::move(stream), std::move(early));
}

}  // namespace vigil::http

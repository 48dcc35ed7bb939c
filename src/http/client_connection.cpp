// One connection of a client: what it says, and whether another request can follow.
#include <array>
#include <new>
#include <utility>

#include "http/client_state.hpp"
#include "vigil/base/check.hpp"

namespace vigil::http {

Connection::Connection(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&& other) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept = default;

Result<Connection> Connection::adopt(TcpStream stream, ClientLimits limits) {
  auto peer = stream.peer_address();
  std::unique_ptr<State> state(new (std::nothrow) State(std::move(stream), limits));
  if (!state) {
    return error(std::errc::not_enough_memory);
  }
  if (peer) {
    state->peer = *peer;
  }
  return Connection(std::move(state));
}

Task<Result<Connection>> Connection::connect(Address peer, ClientLimits limits) {
  auto connecting = TcpStream::connect(peer);
  auto stream = co_await std::move(connecting);
  if (!stream) {
    co_return std::unexpected(stream.error());
  }
  auto made = adopt(std::move(*stream), limits);
  if (made) {
    made->state_->peer = peer;
  }
  co_return std::move(made);
}

bool Connection::is_open() const noexcept { return state_ && state_->stream.is_open(); }
void Connection::close() noexcept { state_.reset(); }
Fault Connection::fault() const noexcept { return state_ ? state_->fault : Fault::none; }
Address Connection::peer() const noexcept { return state_ ? state_->peer : Address(); }
bool Connection::reusable() const noexcept {
  return is_open() && (state_->stage == Stage::idle || state_->stage == Stage::over) &&
         !state_->close && state_->pending.empty();
}

std::unexpected<std::error_code> Connection::fail(std::error_code why) noexcept {
  state_->stage = Stage::broken;
  return std::unexpected(why);
}

// Whether a kept connection can be used: the server has neither ended it nor said anything unasked.
bool Connection::looks_alive() noexcept {
  std::byte unasked{};
  return reusable() && state_->stream.descriptor()->early == 0 &&
         Loop::current()->syscalls().recv(state_->stream.descriptor()->handle, &unasked, 1) ==
             -EAGAIN;
}

// ---- The request ----

namespace {

bool wants_length(Method method) noexcept {
  return method == Method::post || method == Method::put || method == Method::patch;
}

Result<std::size_t> write_head(std::vector<char>& room, const Request& request,
                               std::uint64_t length) {
  constexpr std::size_t kFixed = 256;  // the version, "Host: ", framing and Connection
  room.resize(kFixed + request.method_name.size() + request.target.size() + request.host.size() +
              request.lines.text().size());
  HeadWriter head{std::span<char>(room)};
  if (request.method == Method::other) {
    head.request(request.method_name, request.target);
  } else {
    head.request(request.method, request.target);
  }
  head.field(KnownField::host, request.host);
  if (!request.lines.text().empty()) {
    head.lines(request.lines);
  }
  if (request.close) {
    head.field(KnownField::connection, "close");
  }
  if (length == Connection::kUnknownLength) {
    head.chunked();
  } else if (length != 0 || wants_length(request.method)) {
    head.content_length(length);
  }
  return head.finish();
}

}  // namespace

Task<Result<>> Connection::send_parts(std::span<ByteView> parts) {
  auto sent = co_await state_->stream.send(parts);
  if (!sent) {
    // The server may have answered before it ended this direction.
    state_->close = true;
    state_->stage = sent.error() == std::errc::operation_canceled ? Stage::broken : Stage::sent;
  }
  co_return std::move(sent);
}

Task<Result<>> Connection::send_head(Request request, std::uint64_t length, ByteView body) {
  check(state_ != nullptr, "a request was made on a connection that was closed or moved from");
  State& state = *state_;
  if (state.stage == Stage::broken) {
    co_return std::unexpected(make_error_code(ClientErrc::broken));
  }
  check(state.stage == Stage::idle || state.stage == Stage::over,
        "a request was begun before the last response was read to its end: read it, or close the "
        "connection and make another");
  if (!reusable()) {
    co_return fail(ClientErrc::broken);  // the last response ended the connection
  }
  const auto size = write_head(state.out, request, length);
  if (!size) {
    co_return std::unexpected(size.error());
  }
  state.stage = Stage::sending;
  state.asked = request.method;
  state.close = request.close;
  state.chunked = length == kUnknownLength;
  state.left = length - body.size();
  state.taken = 0;
  state.interim = 0;
  state.fault = Fault::none;
  state.parser.reset();
  state.bytes.clear();
  state.lease = Lease();
  state.pending = {};
  std::array<ByteView, 2> parts = {as_bytes(std::string_view(state.out.data(), *size)), body};
  co_return co_await send_parts(parts);
}

Task<Result<>> Connection::begin(Request request, std::uint64_t length) {
  return send_head(request, length, {});
}

Task<Result<>> Connection::write(ByteView piece) {
  check(state_ != nullptr && state_->stage != Stage::idle && state_->stage != Stage::over,
        "a request's body was written outside of begin() and end()");
  State& state = *state_;
  if (state.stage != Stage::sending) {
    co_return std::unexpected(make_error_code(ClientErrc::broken));
  }
  if (piece.empty()) {
    co_return Result<>{};
  }
  if (!state.chunked) {
    if (piece.size() > state.left) {
      co_return fail(std::make_error_code(std::errc::message_size));
    }
    state.left -= piece.size();
    std::array<ByteView, 1> one = {piece};
    co_return co_await send_parts(one);
  }
  const ChunkHead head(piece.size());
  std::array<ByteView, 3> chunk = {as_bytes(head.text()), piece, as_bytes(kChunkEnd)};
  co_return co_await send_parts(chunk);
}

Task<Result<>> Connection::end() {
  check(state_ != nullptr && state_->stage != Stage::idle && state_->stage != Stage::over,
        "a request was ended that was not begun");
  State& state = *state_;
  if (state.stage != Stage::sending) {
    co_return std::unexpected(make_error_code(ClientErrc::broken));
  }
  if (!state.chunked && state.left != 0) {
    co_return fail(std::make_error_code(std::errc::message_size));
  }
  if (state.chunked) {
    std::array<ByteView, 1> last = {as_bytes(kLastChunk)};
    auto sent = co_await send_parts(last);
    if (!sent) {
      co_return std::move(sent);
    }
  }
  state.stage = Stage::sent;
  co_return Result<>{};
}

Task<Result<const ResponseHead*>> Connection::ask(Request request, ByteView body) {
  auto sent = co_await send_head(request, body.size(), body);
  if (sent) {
    state_->stage = Stage::sent;
  } else if (state_->stage != Stage::sent) {
    co_return std::unexpected(sent.error());
  }
  auto head = co_await receive_head();
  if (!head && !sent) {
    co_return std::unexpected(sent.error());  // the cause
  }
  co_return std::move(head);
}

}  // namespace vigil::http

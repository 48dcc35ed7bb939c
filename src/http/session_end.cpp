// What is left to do when a request was not simply answered: to answer in the handler's place, to
// get rid of a body that nobody read, to refuse, and to end a connection so that the client
// understands.
#include <algorithm>
#include <exception>
#include <string>

#include "http/session.hpp"
#include "vigil/coro/scoped.hpp"

namespace vigil::http {
namespace {

constexpr std::uint64_t kDiscard = 65536;  // of a body that nobody read, to keep the connection
constexpr Nanos kLinger = std::chrono::seconds(2);

std::string sentence_of(std::exception_ptr failure) {
  try {
    std::rethrow_exception(std::move(failure));
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

// Reads what nobody wants. A drain does not wait for a client that has its answer and is silent.
class Discard : Drain::Watcher {
 public:
  Discard(TcpStream& stream, Drain& drain) noexcept
      : Watcher(drain, [](Watcher& w) noexcept { static_cast<Discard&>(w).on_drain(); }),
        stream_(stream) {}

  Task<Result<>> run() {
    while (discarded_ < 4 * kDiscard) {
      auto lease = co_await stream_.receive();
      if (!lease || lease->empty()) {
        break;
      }
      discarded_ += lease->bytes().size();
    }
    co_return Result<>{};
  }

 private:
  void on_drain() noexcept {
    if (Op* op = stream_.descriptor()->reader; op != nullptr && discarded_ == 0) {
      Loop::current()->cancel(*op);
    }
  }

  TcpStream& stream_;
  std::uint64_t discarded_ = 0;
};

// What the server says of a body that the handler could not read, and left unanswered; 0: nothing.
unsigned status_of(std::errc read_error) noexcept {
  switch (read_error) {
    case std::errc::message_size:
      return 413;
    case std::errc::bad_message:
      return 400;
    case std::errc::timed_out:
      return 408;
    default:
      return 0;
  }
}

std::string_view sentence_of(unsigned status) noexcept {
  switch (status) {
    case 413:
      return "the request's body is larger than the server takes\n";
    case 400:
      return "the request's body is malformed\n";
    case 408:
      return "the request's body came slower than the server waits\n";
    default:
      return "the server failed to answer this request\n";
  }
}

}  // namespace

void SessionRun::log(Session& session, const RequestHead* request, bool complete) noexcept {
  const ServerOptions& options = session.server.options;
  if (options.log != nullptr) {
    const Exchange& exchange = session.work->exchange;
    const Result<Address> peer = session.find_peer();
    options.log(options.hook_context, {.request = request,
                                       .peer = peer ? &*peer : nullptr,
                                       .context = exchange.context,
                                       .status = exchange.status_,
                                       .body_sent = exchange.body_sent_,
                                       .complete = complete,
                                       .began = exchange.began_});
  }
}

FieldLines SessionRun::own_lines(Server::State& server, void*& context,
                                 std::span<char> room) noexcept {
  const ServerOptions& options = server.options;
  return options.own_lines != nullptr ? options.own_lines(options.hook_context, context, room)
                                      : FieldLines();
}

// The answer that the handler owes, unless nobody is there to hear it. Whether it is 500.
Task<bool> SessionRun::answer_for_handler(Session& session) {
  Exchange& exchange = session.work->exchange;
  const bool unwritable = exchange.error_ == std::errc::invalid_argument ||
                          exchange.error_ == std::errc::no_buffer_space;
  if (exchange.error_ != std::errc{} && !unwritable) {
    co_return false;
  }
  unsigned status = 500;
  if (exchange.read_error_ != std::errc{} && !unwritable && !session.work->failure) {
    status = status_of(exchange.read_error_);
  }
  if (status == 0) {
    exchange.error_ = exchange.read_error_;
    co_return false;
  }
  session.server.figures.refused += status != 500 ? 1 : 0;
  exchange.error_ = {};
  std::array<char, kOwnLines> room;
  const Exchange::Answer answer{.status = status,
                                .own_lines = own_lines(session.server, exchange.context, room),
                                .content_type = "text/plain",
                                .close = true};
  static_cast<void>(co_await exchange.respond(answer, sentence_of(status)));
  co_return status == 500;
}

// After a handler that left something to do: an answer, the rest of the body, the end of the
// connection. True: it stays.
Task<bool> SessionRun::settle(Session& session) {
  Work& work = *session.work;
  Exchange& exchange = work.exchange;
  session.activate();
  bool failed = work.failure != nullptr;
  if (failed) {
    Loop::current()->host().log("vigil: a request's handler ended with an exception: " +
                                sentence_of(std::exchange(work.failure, nullptr)));
    exchange.close_ = true;
  }
  if (!exchange.answered()) {
    failed |= co_await answer_for_handler(session);
  }
  const auto is_said = [&exchange] {
    return exchange.error_ == std::errc{} && exchange.sending_ == Exchange::Sending::done;
  };
  failed |= exchange.answered() && !is_said() &&
            (exchange.error_ == std::errc{} || exchange.error_ == std::errc::message_size);
  session.server.figures.requests += exchange.answered() ? 1u : 0u;
  session.server.figures.failures += failed ? 1u : 0u;
  if (exchange.upgraded_) {
    log(session, &work.head, true);
    co_return false;
  }
  if (is_said() && !exchange.close_ && !exchange.body_over_) {
    exchange.close_ = !co_await discard_body(session);
  }
  log(session, &work.head, is_said());
  if (!is_said()) {
    co_await cut_off(session);
    co_return false;
  }
  work.head_lease = Lease();
  work.settled = work.out_size;
  if (!exchange.close_) {
    co_return true;
  }
  // A close follows at once, or what linger() begins with: both end this side.
  if (work.out_size != 0 && !co_await flush_batch(session, true)) {
    co_return false;
  }
  const bool unread = (session.stream.descriptor()->ready & kReadable) != 0;
  if (!exchange.body_over_ || !work.pending.empty() || unread) {
    co_await linger(session);
  }
  co_return false;
}

// Where the client sees it: by a reset, never by an end that looks like the answer's own. The
// answers before this one are whole, and still go out.
Task<> SessionRun::cut_off(Session& session) {
  Work& work = *session.work;
  work.out_size = work.settled;
  if (work.out_size != 0) {
    static_cast<void>(co_await flush(session));
  }
  session.stream.reset();
}

// Reads what the handler left of a body, if that is little and the client is sending it. True: it
// is over.
Task<bool> SessionRun::discard_body(Session& session) {
  Exchange& exchange = session.work->exchange;
  if (exchange.awaits_continue() || exchange.body_left() > kDiscard) {
    co_return false;
  }
  // The client may wait for the answer before it sends the rest.
  if (session.work->out_size != 0 && !co_await exchange.flush()) {
    co_return false;
  }
  const std::uint64_t most = exchange.body_read_ + kDiscard;
  while (!exchange.body_over_ && exchange.body_read_ < most) {
    auto piece = co_await exchange.read();
    if (!piece) {
      break;
    }
  }
  co_return exchange.body_over_;
}

// Answers what was no request, and ends.
Task<> SessionRun::refuse(Session& session, unsigned status, std::string_view reason) {
  Work& work = *session.work;
  ++session.server.figures.refused;
  ++session.server.figures.requests;
  // Nothing of a head that was not understood is used.
  work.head = RequestHead(std::span<FieldSlot>(
      work.slots.get(), std::max<std::uint16_t>(session.server.options.limits.fields, 1)));
  Exchange& exchange = *::new (static_cast<void*>(&work.exchange)) Exchange(session, work);
  session.phase = Phase::working;
  session.expired = false;
  std::array<char, 256> text;
  const std::size_t size = std::min(reason.size(), text.size() - 1);
  std::copy_n(reason.begin(), size, text.begin());
  text[size] = '\n';
  std::array<char, kOwnLines> room;
  const Exchange::Answer answer{.status = status,
                                .own_lines = own_lines(session.server, exchange.context, room),
                                .content_type = "text/plain",
                                .close = true};
  const Result<> put = co_await exchange.respond(answer, std::string_view(text.data(), size + 1));
  log(session, nullptr, put.has_value());
  if (put && co_await flush_batch(session)) {
    co_await linger(session);
  }
}

// Ends so that the client can read the answer: an end with bytes unread would be a reset (RFC 9112
// section 9.6).
Task<> SessionRun::linger(Session& session) {
  if (!session.stream.shutdown(Direction::write)) {
    co_return;
  }
  session.phase = Phase::lingering;
  session.work->clear();
  co_await discard_rest(session.stream, session.server.options.drain);
}

Task<> SessionRun::discard_rest(TcpStream& stream, Drain* drain) {
  Drain none(Nanos{});
  Discard discard(stream, drain != nullptr ? *drain : none);
  static_cast<void>(co_await timeout(kLinger, discard.run()));
}

}  // namespace vigil::http

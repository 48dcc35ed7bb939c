// The HTTP/1.1 server: connections from a listener, a task of the user's for each request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "vigil/base/bytes.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/http/connection_count.hpp"
#include "vigil/http/message.hpp"
#include "vigil/http/server_figures.hpp"
#include "vigil/http/writer.hpp"
#include "vigil/net/serve.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::http {

class Exchange;
class Memory;
class Server;
struct Session;
struct Work;

// What a client may do, and for how long. No time limit acts early; each acts within an eighth of
// the shortest of them (at least 10 ms, at most a second), `idle_time` within an eighth of itself.
struct Limits {
  HeadLimits head = {};                        // 414 and 431
  std::uint16_t fields = kDefaultFields;       // of one head, at least 1: 431
  Nanos head_time = std::chrono::seconds(10);  // from a head's first byte to its last: 408
  Nanos idle_time = std::chrono::seconds(60);  // between requests, and before the first: closed
  std::uint64_t body_bytes = 1u << 20;         // 413
  std::uint64_t minimum_rate =
      500;  // bytes a second of a body, each way, after rate_grace: 408, or reset
  Nanos rate_grace = std::chrono::seconds(10);
  Nanos write_stall = std::chrono::seconds(30);  // a client that takes nothing at all: reset
  std::size_t connections = 0;                   // more are answered 503; 0: no limit of its own
  // Bytes of memory: what this server holds for its requests, frames and receive buffers in use of
  // its loop, and ServerOptions::beside; 0: no limit. Where it comes near, pools and the owner's
  // caches give back, then some of those that rest are closed, the longest first, then connections
  // are reset that wait for a client which moves nothing, those that hold most for longest first.
  // Nearer still connections that come are answered 503, and at the limit requests.
  std::uint64_t memory = 0;
};

// How one exchange ended, for a log.
struct ExchangeEnd {
  const RequestHead* request;  // null if no head was understood, or the connection was one too many
  const Address* peer;         // null if the system does not tell it any more
  void* context;               // Exchange::context, or what ServerOptions::own_lines left
  unsigned status;             // 0: the connection ended before there was an answer
  std::uint64_t body_sent;     // bytes of the answer's body
  bool complete;               // nothing of the answer was left out, and it was not cut off
  Instant began;               // when the server took the request up
};

// One request and its answer, while the handler runs. Views of the request are good until the
// handler returns.
class Exchange {
 public:
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const RequestHead& request() const noexcept;
  // Who asks. The system is asked once for a connection. Errors: not_connected and others of
  // getpeername(2).
  Result<Address> peer() const noexcept;
  // Whatever the handler's owner keeps for this request, such as an id for the log. Starts as null.
  void* context = nullptr;

  // The next piece of the request's body, as it came; empty at its end. Good until the next call.
  // Sends 100 (Continue) if the client waits for it and no answer has begun. Errors stay:
  // message_size (above limits().body_bytes), bad_message (malformed), timed_out (too slow),
  // connection_reset (it ended early), others of recv(2), operation_canceled. A handler that
  // returns without an answer after one of the first three leaves it to the server, which answers
  // 413, 400 or 408.
  Task<Result<ByteView>> read();

  // An answer: status, the lines of its head beside Date and framing, and how its body is. A head
  // that differs from the last one in `own_lines` alone is not written anew: they come behind it.
  struct Answer {
    unsigned status = 200;
    FieldLines lines = {};               // checked before (a literal, or HeadWriter::fields)
    FieldLines own_lines = {};           // the same for what no other answer has, such as an id
    std::string_view content_type = {};  // empty: no such field
    bool close = false;                  // end the connection after it
  };

  // co_await: Result<>. Answers with the whole of `body`, which stays the caller's until then. To
  // HEAD the body is left out. A small answer waits for the others of its batch, and all go out in
  // one call. Errors: invalid_argument (the head cannot be written so), broken_pipe and others of
  // send, operation_canceled.
  class Respond;
  Respond respond(const Answer& answer, ByteView body) noexcept;
  Respond respond(const Answer& answer, std::string_view body) noexcept;

  // The same with `size` bytes of an open file from `offset`, sent without copying
  // (TcpStream::send_file).
  Task<Result<>> respond_file(Answer answer, NativeHandle file, std::uint64_t offset,
                              std::uint64_t size, Residency* residency = nullptr);

  // An answer in pieces: begin, write as often as wanted, end. Without a `length` it is chunked (or
  // ends with the connection, for HTTP/1.0). More or less than `length` bytes, or a handler that
  // returns before end(), resets the connection, so that the client sees it. Pieces are collected:
  // they go out when some 16 KiB are there, with flush(), at the end, and else within a second.
  static constexpr std::uint64_t kUnknownLength = ~std::uint64_t{0};
  Task<Result<>> begin(Answer answer, std::uint64_t length = kUnknownLength);
  Task<Result<>> write(ByteView piece);
  Task<Result<>> write_file(NativeHandle file, std::uint64_t offset, std::uint64_t size,
                            Residency* residency = nullptr);
  Task<Result<>> flush();  // sends what was collected now
  Task<Result<>> end();

  // Answers 101 with `lines` (which name the protocol) and hands the connection over, with the
  // bytes that came behind the request. The exchange is over; the connection is the caller's.
  // Errors: operation_not_permitted (the request has a body that was not read to its end; answer
  // it otherwise), not_enough_memory, those of send.
  struct Upgraded {
    TcpStream stream;
    std::unique_ptr<std::byte[]> early;
    std::size_t early_size = 0;
    Upgraded(TcpStream s, std::unique_ptr<std::byte[]> e, std::size_t n) noexcept
        : stream(std::move(s)), early(std::move(e)), early_size(n) {}
  };
  Task<Result<Upgraded>> upgrade(FieldLines lines);

  // Counts `bytes` that the handler keeps for this exchange, such as an answer that it made,
  // towards Limits::memory, for as long as this lives; the handler ends it before it returns.
  class Charge {
   public:
    Charge(Exchange& exchange, std::uint64_t bytes) noexcept;
    ~Charge();
    Charge(const Charge&) = delete;
    Charge& operator=(const Charge&) = delete;

   private:
    Exchange& exchange_;
    std::uint64_t bytes_;
  };

  // Whether an answer was begun.
  bool answered() const noexcept { return status_ != 0; }
  const Limits& limits() const noexcept;

 private:
  friend struct Session;
  friend class SessionRun;
  Exchange(Session& session, Work& work) noexcept;

  enum class Sending : std::uint8_t { nothing, length, chunked, until_close, no_body, done };

  // Writes head and body behind what waits to be sent; false if that does not fit.
  bool put_whole(const Answer& answer, ByteView body) noexcept;
  bool put_head(const Answer& answer, std::uint64_t length) noexcept;
  bool put_head_here(const Answer& answer, std::uint64_t length) noexcept;  // inlined
  bool write_head(const Answer& answer, std::uint64_t length, std::int64_t second) noexcept;
  void begun(unsigned status, std::uint64_t length) noexcept;
  bool put(ByteView piece) noexcept;
  bool put_here(ByteView piece) noexcept;  // inlined
  bool take_from_length(std::uint64_t size) noexcept;
  Task<Result<>> send_whole(Answer answer, ByteView body);
  Task<Result<>> put_or_send(ByteView piece);
  Task<Result<>> send_with_rest(ByteView piece);
  Task<Result<>> more();
  Task<Result<>> read_trailers();
  Task<Result<>> send_continue();
  Result<> fail(std::errc code) noexcept;
  Result<> fail(const std::error_code& code) noexcept {
    return fail(static_cast<std::errc>(code.value()));
  }
  std::unexpected<std::error_code> fail_read(std::errc code) noexcept;

  // Whether everything was said and heard, and the connection can go on: the common end.
  bool is_over() const noexcept {
    return sending_ == Sending::done && body_over_ && !close_ && !upgraded_ &&
           error_ == std::errc{};
  }
  bool is_too_large() noexcept;  // and then it is answered 413
  bool awaits_continue() const noexcept;
  std::uint64_t body_left() const noexcept;  // of a body of known length

  Session& session_;
  Work& work_;
  Instant began_;
  std::uint64_t left_ = 0;  // of the announced length
  std::uint64_t body_sent_ = 0;
  std::uint64_t body_read_ = 0;
  std::errc error_{};  // of sending
  std::errc read_error_{};
  std::uint16_t status_ = 0;
  Sending sending_ = Sending::nothing;
  bool close_;  // the connection ends after this exchange
  bool continue_sent_ = false;
  bool body_over_;
  bool upgraded_ = false;
};

class [[nodiscard("co_await it")]] Exchange::Respond {
 public:
  Respond(Exchange& exchange, const Answer& answer, ByteView body) noexcept
      : exchange_(exchange), answer_(answer), body_(body), slow_(nullptr) {}
  bool await_ready() noexcept { return exchange_.put_whole(answer_, body_); }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> up) noexcept {
    slow_ = exchange_.send_whole(answer_, body_);
    return !slow_.await_ready() && slow_.await_suspend(up);
  }
  Result<> await_resume() {
    if (slow_) {
      return slow_.await_resume();
    }
    return exchange_.error_ == std::errc{} ? Result<>() : Result<>(error(exchange_.error_));
  }

 private:
  Exchange& exchange_;
  Answer answer_;
  ByteView body_;
  Task<Result<>> slow_;
};

inline Exchange::Respond Exchange::respond(const Answer& answer, ByteView body) noexcept {
  return Respond(*this, answer, body);
}
inline Exchange::Respond Exchange::respond(const Answer& answer, std::string_view body) noexcept {
  return Respond(*this, answer, as_bytes(body));
}

// What runs for each request: a function, and the data that it shares with its owner.
class Handler {
 public:
  // `body(exchange, context)`: a Task<>. `context` is borrowed for as long as the server serves.
  template <TaskBody F, class C>
  Handler(F, C& context) noexcept
    requires std::is_empty_v<F>
      : run_([](const Handler& self, Exchange& exchange) {
          return F{}(exchange, *static_cast<C*>(self.context_));
        }),
        context_(&context) {}
  template <TaskBody F>
  explicit Handler(F) noexcept
    requires std::is_empty_v<F>
      : run_([](const Handler&, Exchange& exchange) { return F{}(exchange); }) {}
  explicit Handler(Task<> (*body)(Exchange&)) noexcept
      : run_([](const Handler& self, Exchange& exchange) {
          return reinterpret_cast<Task<> (*)(Exchange&)>(self.function_)(exchange);
        }),
        function_(reinterpret_cast<void (*)()>(body)) {}
  template <class C>
  Handler(Task<> (*body)(Exchange&, C&), C& context) noexcept
      : run_([](const Handler& self, Exchange& exchange) {
          return reinterpret_cast<Task<> (*)(Exchange&, C&)>(self.function_)(
              exchange, *static_cast<C*>(self.context_));
        }),
        context_(&context),
        function_(reinterpret_cast<void (*)()>(body)) {}

  Task<> operator()(Exchange& exchange) const { return run_(*this, exchange); }

 private:
  Task<> (*run_)(const Handler&, Exchange&);
  void* context_ = nullptr;
  void (*function_)() = nullptr;
};

struct ServerOptions {
  Limits limits = {};
  // Null: Limits::connections is for this server alone; else for all that share the count.
  ConnectionCount* together = nullptr;
  FieldLines lines = {};  // in every answer, such as "Server: x\r\n"
  // When it begins, each connection has its last answers, which say Connection: close. One that
  // rests is closed half a second later, or at once if it has rested long: who may have sent a
  // request, and cannot know of the drain yet, is still answered.
  Drain* drain = nullptr;
  // Called at the end of every exchange, also of those that never reached the handler, and for
  // every connection above the limit.
  void (*log)(void* hook_context, const ExchangeEnd& end) noexcept = nullptr;
  // Called before the server answers by itself, in place of a handler or without one (400, 408,
  // 413, 414, 431, 500, 503): lines for this answer alone, written into `room`, which lives until
  // it was sent. `context` is Exchange::context, null if no handler had set it; `log` is told what
  // is left there.
  FieldLines (*own_lines)(void* hook_context, void*& context,
                          std::span<char> room) noexcept = nullptr;
  // Bytes that the owner has beside and that count towards Limits::memory, such as caches: called
  // when memory is looked at. And called when it is scarce, up to ten times a second: to give back.
  std::uint64_t (*beside)(void* hook_context) noexcept = nullptr;
  void (*give_back)(void* hook_context) noexcept = nullptr;
  // Out of descriptors, who comes waits until there is one. Once that has lasted so long, those who
  // wait are answered 503 and closed, see Shortage. Zero: they wait however long it takes.
  Nanos patience{};
  // Called then ten times a second, also for want of memory: why accepting failed.
  void (*exhausted)(void* hook_context, std::error_code why) noexcept = nullptr;
  void* hook_context = nullptr;  // handed back to all of these

  std::uint64_t beside_bytes() const noexcept {
    return beside != nullptr ? beside(hook_context) : 0;
  }
};

// Serves HTTP on any number of listeners of one loop. It must outlive every serve().
class Server {
 public:
  Server(Handler handler, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Accepts from `listener` until the drain is over, as vigil::serve does.
  Task<Result<>> serve(TcpListener& listener);
  // The same, and `accepting` ends it for this listener alone: it is closed, connections that it
  // accepted go on, and it returns when the last has ended. `accepting` must outlive it, and has to
  // be begun beside the server's own drain.
  // `limit`: of those that come by this listener, which count there, too, and are answered 503
  // above it, as above Limits::connections.
  Task<Result<>> serve(TcpListener& listener, Drain& accepting, ConnectionLimit* limit = nullptr);

  // From now on, for connections that are there as well: what they have waited counts towards the
  // new limits, and none acts early. `fields` stays as it is.
  void set_limits(const Limits& limits) noexcept;
  // ServerOptions::log from now on; null: none.
  void set_log(void (*log)(void* hook_context, const ExchangeEnd& end) noexcept) noexcept;

  // How who comes is treated out of descriptors, for whoever accepts for this server
  // (Acceptors::hand_out); good as long as the server.
  Shortage shortage() noexcept;
  // Writes the 503 to a client for which there is no descriptor into `room`, and has it logged: its
  // size in bytes, 0 if there is no room. `peer` may be empty.
  std::size_t refuse(const Address& peer, std::span<char> room) noexcept;

  ServerFigures figures() const noexcept;  // any thread
  // The peers of connections that have a request under way: who holds a drain on. Connections that
  // were upgraded are their handlers' own, and not among them.
  std::vector<Address> active_peers() const;
  // The connection whose socket is `handle`; nothing if it is none of this server's, or was
  // upgraded. It looks at all connections, one after the other, and changes nothing.
  std::optional<ConnectionView> look_at(NativeHandle handle) const;

 private:
  friend struct Session;
  friend class SessionRun;
  friend class Exchange;
  friend class Memory;
  class State;

  std::unique_ptr<State> state_;
};

}  // namespace vigil::http

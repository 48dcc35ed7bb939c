// The HTTP/1.1 client: requests on a connection, one after the other, and connections that are kept
// for the next one. It sends what it is told to send, once: it follows no redirect and repeats no
// request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "vigil/base/bytes.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/http/message.hpp"
#include "vigil/http/writer.hpp"
#include "vigil/net/address.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::http {

// What can be wrong with a response. Each compares equal to the std::errc beside it. Errors of the
// system (refused, reset, cancelled) come as they are, in std::generic_category().
enum class ClientErrc {
  no_response = 1,  // connection_aborted: the server ended the connection before a response began.
                    // Usual on one that was kept; nobody knows whether the request was acted upon
  cut_off,          // connection_aborted: it ended in the middle of a response
  malformed,        // bad_message: Connection::fault() says why
  head_too_large,   // message_size: above ClientLimits::head, or of more than 100 fields
  body_too_large,   // message_size: above ClientLimits::body_bytes, or what read_all() was allowed
  broken,           // not_connected: an earlier error or cancel left the connection in the middle
};

const std::error_category& client_category() noexcept;
inline std::error_code make_error_code(ClientErrc code) noexcept {
  return {static_cast<int>(code), client_category()};
}

// What a server may send. Time is limited by the scope: timeout(5s, connection.send(...)).
struct ClientLimits {
  HeadLimits head = {};
  std::uint64_t body_bytes = std::uint64_t{1} << 30;
  unsigned interim_responses = 32;  // 1xx before the response: more are `malformed`
};

struct Request {
  Method method = Method::get;
  std::string_view method_name = {};  // of Method::other
  std::string_view target = "/";      // "/path?query", without blanks and control bytes
  std::string_view host = {};  // the value of Host; with its port, unless that is the usual one
  FieldLines lines = {};       // other fields (a literal, or HeadWriter::fields)
  bool close = false;          // ask the server to end the connection after its response
};

// A connection to a server. Move-only; used on its loop's thread, by one task at a time.
//
//     auto connecting = http::Connection::connect(address);
//     auto connection = co_await std::move(connecting);              // a Result, as all below
//     auto asking = connection->ask({.target = "/", .host = "example.org"});
//     auto head = co_await std::move(asking);                        // (*head)->status()
//     auto reading = connection->read();
//     auto piece = co_await std::move(reading);                      // until it is empty
//
// The order is: ask (or begin, write.., end, receive_head), then read to the end, then the next
// request; another order is a check. What is given as a view is borrowed until the await is over.
// Every await can be cancelled: the connection is then only good for closing, as after an error.
class Connection {
 public:
  // Errors: those of TcpStream::connect, not_enough_memory.
  static Task<Result<Connection>> connect(Address peer, ClientLimits limits = {});
  // On a stream that is connected already. Errors: not_enough_memory.
  static Result<Connection> adopt(TcpStream stream, ClientLimits limits = {});
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;

  // Sends `request` with `body`, and receives the head of the response; see receive_head. A
  // Content-Length is sent if there is a body, and with POST, PUT and PATCH always. If the server
  // answers before it has taken the whole body, its answer is what counts.
  Task<Result<const ResponseHead*>> ask(Request request, ByteView body = {});

  // A request in pieces. Without a `length` the body is chunked. Errors: invalid_argument (the head
  // cannot be written so), message_size (more or less than `length`), those of send(2): then the
  // server may have answered already, so receive_head may still be called.
  static constexpr std::uint64_t kUnknownLength = ~std::uint64_t{0};
  Task<Result<>> begin(Request request, std::uint64_t length = kUnknownLength);
  Task<Result<>> write(ByteView piece);
  Task<Result<>> end();

  // The head of the response, past interim ones (1xx, but for 101). Good, with all its views, until
  // the next request. Errors: ClientErrc, those of recv(2), operation_canceled.
  Task<Result<const ResponseHead*>> receive_head();

  // The next piece of the response's body, as it came; empty at its end. Good until the next call.
  // A body that ends before its end is an error, cut_off, never a whole one.
  Task<Result<ByteView>> read();
  // The rest of the body, copied; at most `most` bytes.
  Task<Result<std::string>> read_all(std::size_t most = std::size_t{16} << 20);

  // Whether the response was read to its end, and both sides let the connection live.
  bool reusable() const noexcept;
  // Why, after ClientErrc::malformed and head_too_large.
  Fault fault() const noexcept;
  bool is_open() const noexcept;
  Address peer() const noexcept;
  void close() noexcept;

  // After a response with 101, or a CONNECT that succeeded: the stream, and the bytes that came
  // behind the head. The connection is closed for HTTP.
  struct Tunnel {
    TcpStream stream;
    std::vector<std::byte> early;
    Tunnel(TcpStream s, std::vector<std::byte> e) noexcept
        : stream(std::move(s)), early(std::move(e)) {}
  };
  Tunnel into_tunnel();

 private:
  friend class Client;
  struct State;
  explicit Connection(std::unique_ptr<State> state) noexcept;

  Task<Result<>> send_head(Request request, std::uint64_t length, ByteView body);
  Task<Result<>> send_parts(std::span<ByteView> parts);
  Task<Result<>> fetch();
  Task<Result<>> read_trailers();
  std::unexpected<std::error_code> fail(std::error_code why) noexcept;
  bool looks_alive() noexcept;

  std::unique_ptr<State> state_;
};

struct ClientOptions {
  ClientLimits limits = {};
  std::size_t idle_connections = 32;           // kept in all; the oldest is closed for a new one
  Nanos idle_time = std::chrono::seconds(30);  // kept no longer
};

// Connections that are kept for the next request to the same address. Used on its loop's thread.
class Client {
 public:
  explicit Client(ClientOptions options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // A kept connection to `peer` that the server has not ended so far, else a new one. A server may
  // end a kept connection at any time: a request that is safe to repeat may be repeated after
  // ClientErrc::no_response, by who knows that it is. Errors: those of Connection::connect.
  Task<Result<Connection>> connect(Address peer);
  // Keeps `connection` for the next connect() to its peer if it is reusable(), else closes it.
  void keep(Connection connection);
  void close_idle() noexcept;
  std::size_t idle() const noexcept { return idle_.size(); }

 private:
  struct Kept {
    Connection connection;
    Address peer;
    Instant since;
    Kept(Connection c, Address p, Instant s) noexcept
        : connection(std::move(c)), peer(std::move(p)), since(s) {}
  };
  ClientOptions options_;
  std::vector<Kept> idle_;  // the oldest first
};

}  // namespace vigil::http

template <>
struct std::is_error_code_enum<vigil::http::ClientErrc> : std::true_type {};

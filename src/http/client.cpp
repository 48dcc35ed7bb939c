// Kept connections, and the sentences of the client's errors.
#include "vigil/http/client.hpp"

#include <algorithm>
#include <utility>

#include "vigil/loop/loop.hpp"

namespace vigil::http {
namespace {

struct Meaning {
  std::errc condition;
  const char* sentence;
};

Meaning meaning(ClientErrc code) noexcept {
  switch (code) {
    case ClientErrc::no_response:
      return {std::errc::connection_aborted,
              "the server ended the connection before its response began"};
    case ClientErrc::cut_off:
      return {std::errc::connection_aborted,
              "the connection ended in the middle of the server's response"};
    case ClientErrc::malformed:
      return {std::errc::bad_message, "the server's response is malformed"};
    case ClientErrc::head_too_large:
      return {std::errc::message_size, "the head of the server's response is above the limit"};
    case ClientErrc::body_too_large:
      return {std::errc::message_size, "the body of the server's response is above the limit"};
    case ClientErrc::broken:
      return {std::errc::not_connected,
              "the connection was left in the middle by an earlier error or cancel: make another"};
  }
  return {std::errc::invalid_argument, "unknown error of an HTTP client"};
}

class ClientCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "vigil.http.client"; }
  std::string message(int value) const override {
    return meaning(static_cast<ClientErrc>(value)).sentence;
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    return std::make_error_condition(meaning(static_cast<ClientErrc>(value)).condition);
  }
};

}  // namespace

const std::error_category& client_category() noexcept {
  static const ClientCategory category;
  return category;
}

Client::Client(ClientOptions options) : options_(options) {}
Client::~Client() = default;

Task<Result<Connection>> Client::connect(Address peer) {
  const Instant now = Loop::current()->now();
  std::erase_if(idle_,
                [&](const Kept& kept) { return after(kept.since, options_.idle_time) <= now; });
  // The latest first: the server has had the least time to end it.
  for (std::size_t at = idle_.size(); at-- != 0;) {
    if (idle_[at].peer == peer) {
      Connection kept = std::move(idle_[at].connection);
      idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(at));
      if (kept.looks_alive()) {
        co_return std::move(kept);
      }
    }
  }
  auto connecting = Connection::connect(peer, options_.limits);
  co_return co_await std::move(connecting);
}

void Client::keep(Connection connection) {
  if (!connection.reusable() || options_.idle_connections == 0) {
    return;
  }
  if (idle_.size() >= options_.idle_connections) {
    idle_.erase(idle_.begin());
  }
  Address peer = connection.peer();
  idle_.emplace_back(std::move(connection), std::move(peer), Loop::current()->now());
}

void Client::close_idle() noexcept { idle_.clear(); }

}  // namespace vigil::http

// What is said to a client that is not served: there is no connection more for it, no memory, or no
// descriptor.
#include <array>
#include <string_view>

#include "http/session.hpp"

namespace vigil::http {
namespace {

constexpr std::size_t kTurningAway = 64;  // connections that are told 503 at the same time

constexpr std::string_view body_for(SessionRun::Lack lack) noexcept {
  switch (lack) {
    case SessionRun::Lack::connections:
      return "the server has all connections it takes\n";
    case SessionRun::Lack::memory:
      return "the server has no memory for another request\n";
    case SessionRun::Lack::descriptors:
      return "the server is out of descriptors; try again\n";
  }
  return {};
}

}  // namespace

// The whole answer, written into room that the caller has, and its line in the log.
class SessionRun::Farewell {
 public:
  static constexpr std::size_t kRoom =
      2 * kOwnLines + body_for(Lack::memory).size();  // the longest

  Farewell(Server::State& server, Lack lack, std::span<char> room) noexcept
      : server_(server), body_(body_for(lack)), began_(Loop::current()->now()) {
    std::array<char, kOwnLines> own;
    HeadWriter head(room.first(room.size() - std::min(room.size(), body_.size())));
    head.status(503).date(server.date, server.wall_seconds()).lines("Retry-After: 1\r\n");
    if (const FieldLines lines = own_lines(server, context_, own); !lines.text().empty()) {
      head.lines(lines);
    }
    head.lines("Content-Type: text/plain\r\nConnection: close\r\n").content_length(body_.size());
    if (const Result<std::size_t> size = head.finish()) {
      body_.copy(room.data() + *size, body_.size());
      text_ = std::string_view(room.data(), *size + body_.size());
    }
  }

  std::string_view text() const noexcept { return text_; }  // empty: there was no room

  void log(const Address* peer, bool told) const noexcept {
    const ServerOptions& options = server_.options;
    if (options.log != nullptr) {
      options.log(options.hook_context, {.request = nullptr,
                                         .peer = peer,
                                         .context = context_,
                                         .status = told ? 503u : 0u,
                                         .body_sent = told ? body_.size() : 0,
                                         .complete = told,
                                         .began = began_});
    }
  }

 private:
  Server::State& server_;
  std::string_view body_;
  std::string_view text_;
  Instant began_;
  void* context_ = nullptr;
};

// Told so, unless too many are being told already.
Task<> SessionRun::turn_away(TcpStream stream, Server::State* state, Lack lack) {
  Server::State& server = *state;
  ++server.figures.turned_away;
  if (lack == Lack::memory) {
    ++server.memory.refused_;
  }
  std::array<char, Farewell::kRoom> room;
  const Farewell farewell(server, lack, room);
  const bool told = !farewell.text().empty() && server.turning_away < kTurningAway;
  Result<> sent = error(std::errc::operation_not_permitted);
  server.turning_away += told ? 1u : 0u;
  if (told) {
    sent = co_await stream.send(as_bytes(farewell.text()));
  }
  const Result<Address> peer = stream.peer_address();
  farewell.log(peer ? &*peer : nullptr, sent.has_value());
  if (sent && stream.shutdown(Direction::write)) {
    co_await discard_rest(stream, server.options.drain);
  }
  server.turning_away -= told ? 1u : 0u;
}

std::size_t Server::refuse(const Address& peer, std::span<char> room) noexcept {
  const SessionRun::Farewell farewell(*state_, SessionRun::Lack::descriptors, room);
  farewell.log(peer.empty() ? nullptr : &peer, !farewell.text().empty());
  return farewell.text().size();
}

Shortage Server::shortage() noexcept {
  return {.patience = state_->options.patience,
          .farewell =
              [](void* self, const Address& peer, std::span<char> room) noexcept {
                return static_cast<Server*>(self)->refuse(peer, room);
              },
          .told =
              [](void* self, std::error_code why) noexcept {
                const ServerOptions& options = static_cast<Server*>(self)->state_->options;
                if (options.exhausted != nullptr) {
                  options.exhausted(options.hook_context, why);
                }
              },
          .context = this};
}

}  // namespace vigil::http

// What is said to who comes while there is no descriptor for its connection.
#include <array>
#include <cstring>
#include <string_view>

#include "http/session.hpp"

namespace vigil::http {
namespace {

constexpr std::string_view kBody = "the server is out of descriptors; try again\n";
constexpr std::size_t kOwnLines = 256;  // bytes of lines that a hook may add

}  // namespace

std::size_t Server::refuse(const Address& peer, std::span<char> room) noexcept {
  Server::State& server = *state_;
  const ServerOptions& options = server.options;
  void* context = nullptr;
  std::array<char, kOwnLines> own;
  HeadWriter head(room.first(room.size() - std::min(room.size(), kBody.size())));
  head.status(503).date(server.date, server.wall_seconds()).lines("Retry-After: 1\r\n");
  if (options.own_lines != nullptr) {
    head.lines(options.own_lines(options.hook_context, context, own));
  }
  head.lines("Content-Type: text/plain\r\nConnection: close\r\n").content_length(kBody.size());
  const Result<std::size_t> size = head.finish();
  if (size) {
    kBody.copy(room.data() + *size, kBody.size());
  }
  if (options.log != nullptr) {
    options.log(options.hook_context, {.request = nullptr,
                                       .peer = peer.empty() ? nullptr : &peer,
                                       .context = context,
                                       .status = size ? 503u : 0u,
                                       .body_sent = size ? kBody.size() : 0,
                                       .complete = size.has_value(),
                                       .began = Loop::current()->now()});
  }
  return size ? *size + kBody.size() : 0;
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

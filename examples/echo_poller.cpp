// An echo server on vigil::Poller alone, edge-triggered: the fastest way to use it, and the one
// with rules.
//
//   1. A connection is added once, for both directions, and never modified.
//   2. An edge is told once: read until the socket would block, or until it gives less than was
//   asked for.
//   3. Then say so with would_block(). That costs nothing on epoll, and makes the same code right
//   on poll and select.
//   4. A short read is the end of what waits, unless the event says that the peer has ended: then
//   read to that end.
#include <csignal>
#include <string>
#include <vector>

#include "support/poller_server.hpp"
#include "vigil/poll/poller.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* kName = "echo_poller";
constexpr std::uint32_t kEnding = vigil::kPeerClosed | vigil::kHungUp | vigil::kError;

// Cookies: a connection's is its descriptor; the others lie above all descriptors.
enum : std::uint64_t { kListener = std::uint64_t{1} << 32, kRetry, kStop };

class Server {
 public:
  Server(vigil::Poller poller, int listener) : poller_(std::move(poller)), listener_(listener) {}

  vigil::Result<> run() {
    using vigil::Source;
    auto listening =
        poller_.add(Source::descriptor(listener_, vigil::kReadable).with_cookie(kListener));
    auto terminate = poller_.add(Source::signal(SIGTERM).with_cookie(kStop));
    auto interrupt = poller_.add(Source::signal(SIGINT).with_cookie(kStop));
    auto retry = poller_.add(Source::timer(vigil::kForever).with_cookie(kRetry));
    for (const auto* added : {&listening, &terminate, &interrupt, &retry}) {
      if (!*added) {
        return std::unexpected(added->error());
      }
    }
    listening_ = *listening;
    retry_ = *retry;
    example::announce(listener_);

    vigil::Event room[256];
    for (;;) {
      auto events = poller_.wait(room, vigil::kForever);
      if (!events) {
        return std::unexpected(events.error());
      }
      for (const vigil::Event& event : *events) {
        if (event.cookie < kListener) [[likely]] {
          serve(event);
        } else if (event.cookie == kListener) {
          accept_some();
        } else if (event.cookie == kRetry) {
          listen_again();
        } else {
          return {};
        }
      }
    }
  }

 private:
  // The listener is level-triggered: what is not accepted now is told again.
  void accept_some() {
    for (int i = 0; i < 64; ++i) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (peer < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          pause_listening();
        }
        return;
      }
      const auto added = poller_.add(
          vigil::Source::descriptor(peer, vigil::kReadable | vigil::kWritable | vigil::kPeerClosed,
                                    vigil::Trigger::edge)
              .with_cookie(static_cast<std::uint64_t>(peer)));
      if (!added) {
        std::fprintf(stderr, "%s: a connection is refused: %s.\n", kName,
                     added.error().message().c_str());
        ::close(peer);
        continue;
      }
      if (static_cast<std::size_t>(peer) >= unsent_.size()) {
        unsent_.resize(static_cast<std::size_t>(peer) + 1);
      }
    }
  }

  // Out of descriptors: the waiting connection would be told again and again. Look again in a
  // while.
  void pause_listening() {
    static_cast<void>(poller_.modify(listening_, vigil::Source::descriptor(listener_, 0)));
    static_cast<void>(poller_.modify(retry_, vigil::Source::timer(100ms).with_cookie(kRetry)));
  }

  void listen_again() {
    static_cast<void>(poller_.modify(
        listening_, vigil::Source::descriptor(listener_, vigil::kReadable).with_cookie(kListener)));
  }

  void serve(const vigil::Event& event) {
    const int peer = static_cast<int>(event.cookie);
    std::string& unsent = unsent_[event.cookie];
    if (!unsent.empty()) [[unlikely]] {
      if (!send_unsent(event.slot, peer, unsent)) {
        return;
      }
    }
    for (int i = 0; i < 16; ++i) {
      const ssize_t got = ::recv(peer, buffer_, sizeof buffer_, 0);
      if (got <= 0) [[unlikely]] {
        if (got < 0 && errno == EAGAIN) {
          poller_.would_block(event.slot, vigil::kReadable);
        } else {
          drop(event.slot, unsent);
        }
        return;
      }
      const ssize_t sent = ::send(peer, buffer_, static_cast<std::size_t>(got), MSG_NOSIGNAL);
      if (sent < got) [[unlikely]] {
        if (sent < 0 && errno != EAGAIN) {
          drop(event.slot, unsent);
          return;
        }
        // The peer is slow: keep the rest, and read no more until it is gone.
        const auto done = static_cast<std::size_t>(sent < 0 ? 0 : sent);
        unsent.assign(buffer_ + done, static_cast<std::size_t>(got) - done);
        poller_.would_block(event.slot, vigil::kWritable);
        return;
      }
      if (got < static_cast<ssize_t>(sizeof buffer_) && (event.ready & kEnding) == 0) {
        poller_.would_block(event.slot, vigil::kReadable);
        return;
      }
    }
    // Enough for one turn: the others wait. Arming it anew tells it again.
    static_cast<void>(poller_.rearm(event.slot));
  }

  // True when all is sent, so that reading may go on.
  bool send_unsent(vigil::Token token, int peer, std::string& unsent) {
    const ssize_t sent = ::send(peer, unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
      drop(token, unsent);
      return false;
    }
    unsent.erase(0, static_cast<std::size_t>(sent < 0 ? 0 : sent));
    if (!unsent.empty()) {
      poller_.would_block(token, vigil::kWritable);
      return false;
    }
    unsent.shrink_to_fit();
    return true;
  }

  void drop(vigil::Token token, std::string& unsent) {
    static_cast<void>(poller_.close(token));
    unsent = {};
  }

  vigil::Poller poller_;
  int listener_;
  vigil::Token listening_{};
  vigil::Token retry_{};
  std::vector<std::string> unsent_;  // by descriptor: what a slow peer has not taken
  char buffer_[64 * 1024];
};

}  // namespace

int main(int argc, char** argv) {
  const auto options = example::parse(
      argc, argv, kName, "Sends back what it is sent; on vigil::Poller, edge-triggered.");
  auto poller = vigil::Poller::create({.backend = options.engine});
  if (!poller) {
    return example::cannot_wait(kName, options, poller.error());
  }
  const int listener = example::listen_on(options.port, kName);
  if (listener < 0) {
    return 1;
  }
  Server server(std::move(*poller), listener);
  if (const auto ended = server.run(); !ended) {
    std::fprintf(stderr, "%s: cannot go on: %s.\n", kName, ended.error().message().c_str());
    return 1;
  }
  return 0;
}

// A server on vigil::Poller alone, level-triggered: each line that a client sends comes back
// reversed.
//
// Level-triggered is the forgiving way: what was not read or written now is told again by the next
// wait, so no drain can be forgotten. In return the program says what it wants at each moment, and
// no more, or it is told for ever:
//
//   - room to write is asked for only while there is something to write;
//   - bytes are asked for only while there is room to keep them, so a client that does not read
//   cannot fill the memory.
#include <algorithm>
#include <csignal>
#include <string>
#include <unordered_map>

#include "support/poller_server.hpp"
#include "vigil/poll/poller.hpp"

namespace {

constexpr const char* kName = "level_poller";
constexpr std::size_t kLongestLine = 64 * 1024;  // a client with a longer one is dropped
constexpr std::size_t kMostUnsent = 256 * 1024;  // with more than this, a client is not read

// Cookies: a client's is its descriptor; the others lie above all descriptors.
enum : std::uint64_t { kListener = std::uint64_t{1} << 32, kStop };

struct Client {
  vigil::Token token{};
  std::uint32_t interest = vigil::kReadable;
  std::string line;    // received, without its end yet
  std::string unsent;  // reversed, not taken yet
  bool ended = false;  // sends no more; what is unsent still goes out
};

class Server {
 public:
  Server(vigil::Poller poller, int listener) : poller_(std::move(poller)), listener_(listener) {}

  vigil::Result<> run() {
    using vigil::Source;
    const Source sources[] = {
        Source::descriptor(listener_, vigil::kReadable).with_cookie(kListener),
        Source::signal(SIGTERM).with_cookie(kStop), Source::signal(SIGINT).with_cookie(kStop)};
    for (const Source& source : sources) {
      const auto token = poller_.add(source);
      if (!token) {
        return std::unexpected(token.error());
      }
      if (source.cookie == kListener) {
        listening_ = *token;
      }
    }
    example::announce(listener_);
    vigil::Event room[64];
    for (;;) {
      const auto events = poller_.wait(room, vigil::kForever);
      if (!events) {
        return std::unexpected(events.error());
      }
      for (const vigil::Event& event : *events) {
        if (event.cookie == kStop) {
          return {};
        }
        if (event.cookie == kListener) {
          accept_one();
        } else {
          serve(event);
        }
      }
    }
  }

 private:
  void accept_one() {
    const int handle = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (handle < 0) {
      if (errno == EMFILE || errno == ENFILE) {
        listen(false);  // until a client leaves: the one who waits would be told for ever
      }
      return;
    }
    const auto token = poller_.add(vigil::Source::descriptor(handle, vigil::kReadable)
                                       .with_cookie(static_cast<std::uint64_t>(handle)));
    if (!token) {
      std::fprintf(stderr, "%s: a client is refused: %s.\n", kName,
                   token.error().message().c_str());
      ::close(handle);
      return;
    }
    clients_[handle].token = *token;
  }

  void listen(bool on) {
    if (on == listens_) {
      return;
    }
    listens_ = on;
    const auto source = vigil::Source::descriptor(listener_, on ? vigil::kReadable : 0U);
    static_cast<void>(poller_.modify(listening_, source.with_cookie(kListener)));
  }

  // One read and one write a turn: level-triggered, the rest comes round again, and all get their
  // share.
  void serve(const vigil::Event& event) {
    const int handle = static_cast<int>(event.cookie);
    Client& client = clients_.at(handle);
    bool alive = true;
    if ((event.ready & vigil::kReadable & client.interest) != 0) {
      alive = receive(handle, client);
    }
    if (alive && !client.unsent.empty()) {
      alive = send(handle, client);
    }
    if (!alive || (client.ended && client.unsent.empty())) {
      drop(handle, client);
      return;
    }
    ask_for_what_is_needed(handle, client);
  }

  bool receive(int handle, Client& client) {
    char some[16 * 1024];
    const ssize_t got = ::recv(handle, some, sizeof some, 0);
    if (got < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
      client.ended = true;
      return true;
    }
    for (const char byte : std::string_view(some, static_cast<std::size_t>(got))) {
      if (byte == '\n') {
        client.unsent.append(client.line.rbegin(), client.line.rend()).push_back('\n');
        client.line.clear();
      } else {
        client.line.push_back(byte);
      }
    }
    return client.line.size() <= kLongestLine;
  }

  static bool send(int handle, Client& client) {
    const ssize_t sent = ::send(handle, client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    client.unsent.erase(0, static_cast<std::size_t>(sent));
    return true;
  }

  void ask_for_what_is_needed(int handle, Client& client) {
    std::uint32_t interest = 0;
    if (!client.ended && client.unsent.size() <= kMostUnsent) {
      interest |= vigil::kReadable;
    }
    if (!client.unsent.empty()) {
      interest |= vigil::kWritable;
    }
    if (interest != client.interest) {
      client.interest = interest;
      static_cast<void>(
          poller_.modify(client.token, vigil::Source::descriptor(handle, interest)
                                           .with_cookie(static_cast<std::uint64_t>(handle))));
    }
  }

  void drop(int handle, const Client& client) {
    static_cast<void>(poller_.close(client.token));
    clients_.erase(handle);
    listen(true);
  }

  vigil::Poller poller_;
  int listener_;
  vigil::Token listening_{};
  bool listens_ = true;
  std::unordered_map<int, Client> clients_;  // by descriptor
};

}  // namespace

int main(int argc, char** argv) {
  const auto options = example::parse(
      argc, argv, kName, "Sends back each line reversed; on vigil::Poller, level-triggered.");
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

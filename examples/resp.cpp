// A server for redis-cli and redis-benchmark: GET, SET, INCR, DEL, EXPIRE, PING and a few more, on
// one thread.
//
// What makes it quick: commands are read where they were received, all that came at once is
// answered in one send, and a connection that waits holds no buffer. What keeps it alive: every
// limit below is on, and a client that does not read its replies holds one buffer and gets no more
// work done.
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include "resp/commands.hpp"
#include "support/command_line.hpp"
#include "vigil/vigil.hpp"

namespace {

constexpr std::size_t kBatch = 64 * 1024;  // replies that are sent before more is answered

struct Server {
  Server(std::uint64_t seed, const resp::Limits& limits)
      : parser(limits), store(seed, limits.memory), commands(store) {}
  resp::Parser parser;
  resp::Store store;
  resp::Commands commands;
  resp::ReplyPool replies;
};

// One client's side of the protocol: what it sent and has not ended yet.
class Conversation {
 public:
  explicit Conversation(Server& server) noexcept : server_(server) {}

  // Answers the commands in `fresh`, behind what came before; stops when a batch of replies is
  // full.
  void hear(std::string_view fresh, resp::Replies& to) {
    if (held_.empty()) [[likely]] {
      const std::string_view rest = answer(fresh, to);
      if (!rest.empty()) [[unlikely]] {
        held_.reserve(wanted_);
        held_.assign(rest);
      }
      return;
    }
    held_.append(fresh);
    if (held_.size() < wanted_) {
      return;
    }
    const std::size_t left = answer(held_, to).size();
    held_.erase(0, held_.size() - left);
    if (held_.empty()) {
      held_ = std::string();  // an idle connection keeps nothing
    }
  }

  // A batch was full: there is more to answer once it is sent.
  bool more() const noexcept { return more_; }
  bool over() const noexcept { return over_; }

 private:
  // What is left of `input`.
  std::string_view answer(std::string_view input, resp::Replies& to) {
    more_ = false;
    wanted_ = 0;
    while (!input.empty() && !over_) {
      if (to.size() >= kBatch) {
        more_ = true;
        return input;
      }
      switch (server_.parser.next(input)) {
        case resp::Parsed::command:
          over_ =
              !server_.parser.words().empty() && !server_.commands.run(server_.parser.words(), to);
          break;
        case resp::Parsed::incomplete:
          wanted_ = server_.parser.wanted();
          return input;
        case resp::Parsed::malformed:
          to.error("Protocol error: ", server_.parser.error());
          over_ = true;
          break;
      }
    }
    return {};
  }

  Server& server_;
  std::string held_;
  std::size_t wanted_ = 0;
  bool more_ = false;
  bool over_ = false;
};

vigil::Task<> converse(vigil::TcpStream peer, Server* server) {
  Conversation conversation(*server);
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) {
      break;
    }
    auto replies = server->replies.take();
    conversation.hear(vigil::as_text(bytes->bytes()), *replies);
    *bytes = vigil::Lease();  // given back before the client can make us wait
    while (!replies->empty()) {
      if (!co_await peer.send(vigil::as_bytes(replies->text()))) {
        co_return;
      }
      replies->clear();
      if (conversation.more()) {
        conversation.hear({}, *replies);
      }
    }
    if (conversation.over()) {
      break;
    }
  }
}

vigil::Task<vigil::Result<>> serve(vigil::TcpListener& listener, vigil::Drain& drain,
                                   const resp::Limits* limits) {
  std::uint64_t seed = 0;
  vigil::Loop::current()->host().entropy(std::as_writable_bytes(std::span(&seed, 1)));
  Server server(seed, *limits);
  const vigil::ServeOptions options{.drain = &drain, .end_idle = true};
  auto serving = vigil::serve(listener, options, converse, &server);
  co_return co_await std::move(serving);
}

}  // namespace

int main(int argc, char** argv) {
  resp::Limits limits;
  std::uint64_t memory = limits.memory;
  std::uint64_t value = limits.value;
  const auto line = example::parse(
      argc, argv, "resp", "Keeps keys and values in memory, for clients that speak Redis' RESP2.",
      {{"--memory", "BYTES", &memory,
        "of keys and values; then SET answers OOM (default 268435456)"},
       {"--value", "BYTES", &value, "of one key or value (default 1048576)"}});
  limits.memory = memory;
  limits.value = value;
  limits.command = std::max(limits.command, 2 * limits.value);
  example::raise_descriptor_limit();
  return vigil::run_server(line.address, line.program, serve,
                           static_cast<const resp::Limits*>(&limits));
}

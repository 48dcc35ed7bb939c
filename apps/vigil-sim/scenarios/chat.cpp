// Chat: the server of examples/chat, and users who check that they hear what was said in their own
// room, all of it and in order, as long as their connection lives.
#include <charconv>
#include <map>
#include <string>

#include "chat/server.hpp"
#include "scenarios/rows.hpp"
#include "scenarios/support.hpp"

namespace vigil::scenarios {
namespace {

constexpr std::uint16_t kPort = 7003;
constexpr const char* kAnywhere = "0.0.0.0:7003";

struct Shape {
  std::uint64_t hosts = 3;
  std::uint64_t connections = 4;  // of each: users
  std::uint64_t requests = 100;   // of each: lines that it says
  std::uint64_t rooms = 3;
  Nanos pause = std::chrono::seconds(10);
  std::size_t longest = 60;
  bool lazy = false;  // some users do not read for a while
};

Task<int> chat_server() { return server_program(kAnywhere, server_options("chat"), chat::serve); }

// A user's ear: what it hears is checked, line by line.
class Ear {
 public:
  Ear(std::uint64_t id, std::uint64_t connection, const Shape& shape) noexcept
      : id_(id), connection_(connection), room_(id % shape.rooms), shape_(shape) {}

  // Its own lines come back to it through /who, which asks for nothing else.
  std::uint64_t confirmed() const noexcept { return confirmed_; }
  bool joined() const noexcept { return joined_; }

  void hear(std::string_view bytes) {
    begun_ += bytes;
    std::size_t at = 0;
    for (std::size_t end; (end = begun_.find('\n', at)) != std::string::npos; at = end + 1) {
      line(std::string_view(begun_).substr(at, end - at));
    }
    begun_.erase(0, at);
    Books::must(begun_.size() < 2000, "a line from the chat server has no end");
  }

 private:
  void line(std::string_view text) {
    if (text.starts_with("* you are in r")) {
      joined_ = true;
    } else if (text.starts_with("* you are u")) {
      Books::must(text.substr(11) == std::to_string(id_), "a user was given another's name");
    } else if (text.starts_with("* u") || text.starts_with("* (")) {
      ++confirmed_;  // the answer to /who
      Books::must(text.find(" u" + std::to_string(id_)) != std::string_view::npos,
                  "a user is not among those in its room");
    } else if (text.starts_with('u')) {
      heard(text.substr(1));
    } else {
      Books::wrong("the chat server said \"" + std::string(text.substr(0, 80)) + "\"");
    }
  }

  // "7: 3 12 text": user 7 said it, on its 3rd connection, as its 12th line.
  void heard(std::string_view text) {
    std::uint64_t numbers[3] = {};
    for (std::uint64_t& into : numbers) {
      const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), into);
      if (fault != std::errc{} || end == text.data() + text.size()) {
        Books::wrong("a line of the chat is malformed");
        return;
      }
      text.remove_prefix(static_cast<std::size_t>(end - text.data()));
      text.remove_prefix(text.starts_with(": ") ? 2 : 1);
    }
    const auto [from, connection, count] = numbers;
    Books::must(from % shape_.rooms == room_, "a user heard what was said in another room");
    // What it said on an earlier connection may be on its way for long.
    Books::must(from != id_ || connection != connection_, "a user heard itself");
    Books::must(Payload(from * 1000 + connection, count).text(text.size()) == text,
                "a line was changed on its way");
    auto& last = last_[from * 1000 + connection];
    Books::must(count > last, "a line came twice, or out of order");
    last = count;
  }

  std::uint64_t id_;
  std::uint64_t connection_;
  std::uint64_t room_;
  const Shape& shape_;
  std::string begun_;
  std::map<std::uint64_t, std::uint64_t> last_;  // line of each connection of each user
  std::uint64_t confirmed_ = 0;
  bool joined_ = false;
};

// Hears until the connection ends.
Task<> listen_to(TcpStream* stream, Ear* ear, sim::Random* random, bool lazy, bool* over) {
  for (;;) {
    auto bytes = co_await stream->receive();
    if (!bytes || bytes->empty()) {
      break;
    }
    ear->hear(as_text(bytes->bytes()));
    if (lazy && random->below(20) == 0) {
      if (!co_await think(*random, std::chrono::seconds(20))) {
        break;
      }
    }
  }
  *over = true;
}

// Says a line and asks who is there: the answer tells that the server had both. False: the
// connection is of no use any more.
Task<bool> say(TcpStream* stream, const Ear* ear, std::uint64_t connection, std::uint64_t count,
               std::size_t size, const bool* over, Books* books) {
  const std::uint64_t before = ear->confirmed();
  const std::string line = std::to_string(connection % 1000) + " " + std::to_string(count) + " " +
                           Payload(connection, count).text(size) + "\n/who\n";
  if (auto sent = co_await stream->send(as_bytes(line)); !sent) {
    books->failed(sent.error(), "a line to the chat");
    co_return false;
  }
  const Instant limit = after(Loop::current()->engine().now(), std::chrono::seconds(60));
  while (ear->confirmed() == before) {
    if (*over) {
      books->ended("a line to the chat");
      co_return false;
    }
    if (Loop::current()->engine().now() > limit) {
      books->failed(std::make_error_code(std::errc::timed_out), "a line to the chat");
      co_return false;
    }
    if (!co_await sleep_for(std::chrono::milliseconds(20))) {
      co_return false;
    }
  }
  books->answered();
  co_return true;
}

// The ear is its caller's: who listens may hear a last word after this has ended.
Task<> talk(Scope& scope, TcpStream* stream, Ear* ear, bool* over, Shape shape, std::uint64_t id,
            std::uint64_t connection, sim::Random* random, std::uint64_t* done, Books* books) {
  const bool lazy = shape.lazy && id % 3 == 0;
  if (!scope.spawn(listen_to, stream, ear, random, lazy, over)) {
    co_return;
  }
  const std::string hello =
      "/name u" + std::to_string(id) + "\n/join r" + std::to_string(id % shape.rooms) + "\n";
  if (auto sent = co_await stream->send(as_bytes(hello)); !sent) {
    books->failed(sent.error(), "joining a room");
  } else {
    while (*done < shape.requests) {
      const std::uint64_t count = ++*done;
      const std::size_t size = 1 + random->below(shape.longest);
      auto saying = say(stream, ear, id * 1000 + connection, count, size, over, books);
      if (!co_await std::move(saying) || !co_await think(*random, shape.pause)) {
        break;
      }
    }
  }
  scope.cancel();
}

Task<> client(Address server, Shape shape, std::uint64_t id, std::uint64_t seed,
              std::uint64_t* done, Books* books) {
  sim::Random random(seed + *done, "chat user");
  // Lines of one connection come in order; a new connection begins anew.
  std::uint64_t attempt = *done;
  unsigned tries = 0;
  while (*done < shape.requests) {
    auto connecting = TcpStream::connect(server);
    auto limited = timeout(std::chrono::seconds(30), std::move(connecting));
    auto stream = co_await std::move(limited);
    if (!stream) {
      books->failed(stream.error(), "a connect");
    } else {
      const std::uint64_t connection = ++attempt % 1000;
      Ear ear(id, connection, shape);
      bool over = false;
      auto talking =
          scoped(talk, &*stream, &ear, &over, shape, id, connection, &random, done, books);
      co_await std::move(talking);
    }
    auto waiting = back_off(random, stream ? 0 : tries++);
    if (!co_await std::move(waiting)) {
      co_return;
    }
  }
}

void play(Run& run, const Shape& shape) { play_crowd(run, shape, kPort, chat_server, client); }

constexpr Scenario kRows[] = {
    {"chat", "12 users in three rooms hear each other, with time to think",
     [](Run& run) { play(run, {}); }},
    {"chat-crowd", "60 users in one room, who talk all the time",
     [](Run& run) {
       play(run, {.connections = 20, .requests = 20, .rooms = 1, .pause = std::chrono::seconds(1)});
     }},
    {"chat-lazy", "long lines, and users who do not read for a while",
     [](Run& run) {
       run.strict = false;  // who does not read is dropped, by right
       play(run,
            {.rooms = 1, .pause = std::chrono::milliseconds(500), .longest = 900, .lazy = true});
     }},
};

}  // namespace

std::span<const Scenario> chat_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios
